/*
 * stack.h: a TLS stack, and how it is driven through a run. Firmware.
 *
 * A stack is one table of functions that put its own API into five steps; stack_drive() takes them
 * through the phases in the way that the stacks' own firmware examples do.
 *
 * All of it runs on the task for TLS. One run at a time, so a stack may keep static storage.
 */
#ifndef SHAKEDOWN_FIRMWARE_GLUE_STACK_H
#define SHAKEDOWN_FIRMWARE_GLUE_STACK_H

#include "firmware/agent.h"
#include "firmware/glue/link.h"

#define STACK_CLOSE_MS 1000 /* of waiting for the server's close_notify, which may not come */
#define STACK_PSK_MAX 64    /* bytes of a pre-shared key */
#define STACK_ECHO "echo"   /* status of a run whose server did not send back what it was sent */

/* A run, with storage of its own. Texts are "" where RUN gave none. */
struct stack_run {
	char host[AGENT_LINE_MAX], sni[AGENT_LINE_MAX], alpn[AGENT_LINE_MAX], send[AGENT_LINE_MAX];
	char min[8], max[8]; /* "1.0" to "1.3"; never outside what the stack has */
	char psk_identity[AGENT_LINE_MAX];
	uint8_t psk[STACK_PSK_MAX];
	size_t psk_len; /* 0: no pre-shared key */
	bool resume;    /* the session of the last run, if there was one */
	bool early;     /* `send` goes out with the first flight, if the session allows */
	uint16_t port;
	struct agent_blob ca, cert, key; /* DER, borrowed from the agent's store; empty if none */
	int64_t now_s;                   /* the board's time when the run began */
	int64_t clock_offset_s;          /* the board's clock less port_unix_s() */
	int state;                       /* index into the stack's states */
};

/* How a run went. The stack fills it in; texts are "" where it does not tell. */
struct stack_report {
	const char *phase; /* static text: "dns", "tcp", "hs", "app", "close" */
	char status[32];   /* "0", or the stack's own status as its engineers print it */
	char alert[8];     /* "r40" received, "s80" sent: the first that is not close_notify */
	char version[8];
	char ciphersuite[64];
	char group[32];
	char signature[40];
	char handshake_ms[12]; /* "" before there was one */
};

/* What a session is there for. All three are borrowed until `free`. */
struct stack_job {
	const struct stack_run *run;
	struct link *link; /* connected */
	struct stack_report *report;
};

struct stack {
	const char *name;             /* for --stack */
	const char *const *states;    /* for --state, ended by NULL; NULL: this stack has none */
	const char *caps;             /* see struct agent_ops; a RUN with other keys is refused */
	const char *lowest, *highest; /* TLS versions: "1.2", "1.3" */
	const char *help;             /* what --help tells of it, in whole lines */

	/* Name and version, for HELLO: "OpenSSL/3.0.11". Static storage. */
	const char *(*version)(void);

	/* Writes the stack's status for a failure of the link. */
	void (*link_status)(enum link_end end, struct stack_report *report);

	/*
	 * Room for the one session, which begins with a struct stack_job: all zero but for the job
	 * when `open` is called.
	 */
	void *session;
	size_t session_size;

	/* These return false, or below 1, with report->status set. `open` gives it certificates. */
	bool (*open)(void *session);
	bool (*handshake)(void *session);
	bool (*write)(void *session, const void *data, size_t len);
	int (*read)(void *session, void *data, size_t size); /* bytes; 0 after close_notify; -1 */
	bool (*close)(void *session);                        /* sends close_notify */

	/* Writes what was negotiated, and alerts not noted yet, when all is over. */
	void (*describe)(void *session);

	/* Frees what is not in the session itself; also after an `open` that failed. */
	void (*free)(void *session);

	/* The board restarts: forgets what the next run could resume. NULL: it keeps nothing. */
	void (*forget)(void);

	/*
	 * Ends the call that the task for TLS waits in; from the agent's task, after `aborted` was
	 * set. NULL: all waiting is done by a link that looks at that flag.
	 */
	void (*abort)(void);
};

/* Those that firmware can have; each is in the file of its name. */
extern const struct stack stack_mbedtls, stack_wolfssl, stack_netxduo;

/*
 * A whole run: the phases dns, tcp, hs, app (if there is something to send) and close, within
 * `deadline_ms` milliseconds. `aborted` may be set meanwhile. Fills in all of `report`.
 */
void stack_drive(const struct stack *stack, const struct stack_run *run, const atomic_bool *aborted,
                 uint32_t deadline_ms, struct stack_report *report);

/*
 * Takes the first of several DER sequences that stand one after the other, with its tag and length.
 * Empty at the end, and where the bytes are no such sequence.
 */
struct agent_blob stack_next_der(struct agent_blob *rest);

/*
 * Reads "identity:00ff" into the run; the text may be NULL, for none. False if it is not of that
 * form.
 */
bool stack_read_psk(const char *text, struct stack_run *run);

/*
 * Copies the run's identity, with its zero, and key into buffers of these sizes, as the callbacks
 * of libraries ask for them. The key's length; 0 where one does not fit.
 */
unsigned stack_give_psk(const struct stack_run *run, char *identity, size_t identity_max,
                        unsigned char *key, size_t key_max);

/* Notes an alert: direction 'r' (received) or 's' (sent); only the low byte of `number` counts. */
void stack_note_alert(struct stack_report *report, char direction, int number);

/* Notes the negotiated group, in small letters. `name` may be NULL: there was none. */
void stack_note_group(struct stack_report *report, const char *name);

/* Notes the negotiated version, given as on the wire: 0x0303 is TLS 1.2. */
void stack_note_version(struct stack_report *report, int wire_version);

#endif
