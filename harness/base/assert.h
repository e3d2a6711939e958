/*
 * assert.h: the assertion for programmer errors. Layer: base.
 *
 * CHECK stays compiled in always. It is for what only a bug in Shakedown can cause; what the
 * environment does wrong is a `struct error`, what the peer does wrong is data.
 */
#ifndef SHAKEDOWN_BASE_ASSERT_H
#define SHAKEDOWN_BASE_ASSERT_H

/* Ends the process with abort() and one line on stderr when `condition` is false. */
#define CHECK(condition) \
	((condition) ? (void)0 : check_failed(__FILE__, __LINE__, #condition))

/* Called by CHECK alone. Does not return. */
void check_failed(const char *file, int line, const char *condition) __attribute__((noreturn));

#endif
