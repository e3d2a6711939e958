/*
 * error.h: one sentence about what the environment or the user's input did wrong. Layer: base.
 *
 * A function that can fail takes a `struct error *`, returns 0 or one of the negative codes below,
 * and on failure has written a sentence that a stranger can act on: what was tried, on what, what
 * the system said, what to do. The struct is the caller's; nothing in it is allocated. The sentence
 * is one line of UTF-8 whatever went into it: other bytes, and control bytes, show as '?'.
 */
#ifndef SHAKEDOWN_BASE_ERROR_H
#define SHAKEDOWN_BASE_ERROR_H

/* The codes are also the exit statuses, negated: see design, "Exit status". */
enum {
	ERR_INPUT = -2,       /* wrong usage, or a file of the user's is wrong */
	ERR_ENVIRONMENT = -3, /* the machine does not let the harness do its work */
};

#define ERROR_TEXT_MAX 1024 /* bytes with the final zero; longer sentences are cut */

struct error {
	int code; /* 0 while nothing has failed */
	char text[ERROR_TEXT_MAX];
};

/*
 * Writes the sentence (printf format, no final newline or full stop needed) and returns `code`, so
 * that a failing function can `return error_set(...)`. With a NULL `error`, error_set and
 * error_system only pass the code on, and the others do nothing and return 0. No argument may point
 * into `error` itself: error_prefix and error_append keep the sentence there is.
 */
int error_set(struct error *error, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* As error_set, and appends ": " and the system's text for `system_errno` (an errno value). */
int error_system(struct error *error, int code, int system_errno, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* Puts "<prefix>: " (printf format) before the sentence there is. Returns the error's code. */
int error_prefix(struct error *error, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Appends to the sentence there is, as it stands (printf format). Returns the error's code. */
int error_append(struct error *error, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif
