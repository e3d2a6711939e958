/*
 * agent.h: the board's end of the agent protocol, version 1 (docs/agent-protocol.md). Firmware.
 *
 * Copy agent.c and agent.h into a firmware project, give them seven functions and the bytes of any
 * UART, and a host can upload certificates to the board, start one TLS connection at a time and ask
 * how it went. The agent moves text; it knows nothing of TLS and judges nothing.
 *
 * Portable C99 with nothing but the three freestanding headers below: no heap, no division, no
 * floating point, no recursion, no variable-length array, and no library call but the memset that a
 * compiler may put in. It owns its struct and the store that it is given, and keeps no other state,
 * so several agents may live side by side. `make firmware` tells its size on Cortex-M0 and M33.
 *
 * Not reentrant: call agent_receive() from one task (or the main loop), not from an interrupt. Let
 * the interrupt fill a ring buffer and feed the agent from there. It takes less than 250 bytes of
 * stack on a Cortex-M0, and what the operations take.
 *
 * Bytes from the line are never trusted: a line without a good CRC changes nothing but the line
 * buffer, every copy is bounded by the limits below, and values that do not decode are refused.
 */
#ifndef SHAKEDOWN_FIRMWARE_AGENT_H
#define SHAKEDOWN_FIRMWARE_AGENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AGENT_LINE_MAX 128       /* bytes of a line, from its sentinel to its newline, both ways */
#define AGENT_ID_MAX 12          /* bytes of a run's id; a longer one is refused */
#define AGENT_N_VALUES 11        /* keys of RUN, the command with the most */

/*
 * HELLO's answer has room for 68 bytes of stack name and capabilities together; a field that does
 * not fit is left out.
 */

enum agent_blob_name { AGENT_CA, AGENT_CERT, AGENT_KEY, AGENT_N_BLOBS };

/* DER as it was uploaded. `len` is 0 if there is none, or not yet whole. */
struct agent_blob {
	const uint8_t *data;
	uint16_t len;
};

/*
 * What the host says of a connection to make, besides the port. The texts lie in the agent's line
 * buffer: they are valid during the call of `run` only, so copy what is needed later. Those that
 * the host did not give are NULL; it gives at least the first two. No text is longer than
 * AGENT_LINE_MAX bytes.
 */
enum agent_run_text {
	AGENT_ID,
	AGENT_HOST,   /* a name or an IP address */
	AGENT_SNI,    /* server name to send, and to expect in the certificate */
	AGENT_MIN,    /* lowest TLS version: "1.0" to "1.3" */
	AGENT_MAX,    /* highest TLS version */
	AGENT_ALPN,   /* protocol names, separated by commas */
	AGENT_PSK,    /* identity, a colon, the key in hexadecimal digits */
	AGENT_SEND,   /* text to send; the server answers with the same bytes */
	AGENT_RESUME, /* "1": resume the last session */
	AGENT_EARLY,  /* "1": send AGENT_SEND as early data of the session that is resumed */
	AGENT_N_RUN_TEXTS,
};

enum agent_state {
	AGENT_IDLE, /* no run since the board started */
	AGENT_BUSY, /* a run is under way */
	AGENT_DONE, /* the last run has ended */
};

enum agent_report_text {
	AGENT_PHASE,     /* the last one reached: "dns", "tcp", "hs", "app" or "close" */
	AGENT_STATUS,    /* "0", or the stack's status as its own engineers print it */
	AGENT_ALERT,     /* "r40" received, "s80" sent */
	AGENT_VERSION,   /* "1.2" */
	AGENT_SUITE,     /* the suite's IANA name */
	AGENT_MS,        /* duration of the handshake, in decimal digits */
	AGENT_GROUP,     /* the group's IANA name */
	AGENT_SIGNATURE, /* IANA name of the algorithm that the server signed with */
	AGENT_HEAP,      /* bytes of heap that the run took at most, in decimal digits */
	AGENT_N_TEXTS,
};

/*
 * How a run went. The texts must stay as they are until the next call of an operation; NULL means
 * "this stack does not tell".
 */
struct agent_report {
	const char *text[AGENT_N_TEXTS];
};

/*
 * What the firmware does for the agent. All are called from within agent_init() and
 * agent_receive(), with the context of agent_init(), and return soon: none may wait for the
 * network.
 */
struct agent_ops {
	const char *stack; /* name and version of the TLS stack: "wolfSSL/5.5.4" */
	const char *caps;  /* blobs and RUN keys that it honours: "ca,cert,key,sni,min,max" */

	/* Sends `len` bytes to the UART, whole and in order. It may wait for room in its buffer. */
	void (*write)(void *context, const char *text, size_t len);

	/* A number that differs from start to start of the board: a kept counter, or random. */
	uint32_t (*boot_nonce)(void *context);

	/*
	 * Starts a run in the background, with `text` by enum agent_run_text; called only while
	 * none is under way. NULL if it was started; else it was not, and the result names the key
	 * of RUN that cannot be honoured.
	 */
	const char *(*run)(void *context, uint16_t port, const char *const text[]);

	/*
	 * Tells how the last run stands. If it has ended, and `report` is not NULL, it fills in the
	 * report, which comes with all texts NULL.
	 */
	enum agent_state (*status)(void *context, struct agent_report *report);

	/* Makes a run under way, if any, end soon with the stack's own status for that. */
	void (*abort)(void *context);

	/* Sets the board's clock. False if the board has none that can be set. */
	bool (*set_time)(void *context, uint32_t unix_s);

	/*
	 * Asks for a restart of the board, soon but not in this call: the answer is written after
	 * it.
	 */
	void (*reset)(void *context);
};

/*
 * Private to agent.c; here so that the caller can give it room. Small fields come first: the short
 * instructions of small cores reach no further.
 */
struct agent {
	uint8_t line_len;  /* bytes of the frame that is coming, or why there is none */
	uint8_t uploading; /* an agent_blob_name, or AGENT_N_BLOBS */
	uint8_t last_byte; /* received */
	bool greeted;      /* HELLO came since the board started */
	uint16_t reply_len;
	uint16_t uploaded; /* bytes of the blob that is being uploaded */
	uint16_t store_size, store_used;
	struct agent_place {
		uint16_t offset, len; /* in the store */
	} blob[AGENT_N_BLOBS + 1]; /* and one that is none */
	uint32_t last_command; /* that `reply` answers: its number, then its CRC */
	uint32_t boot;
	const struct agent_ops *ops;
	void *context;
	uint8_t *store;
	const char *words;       /* name and keys of the command that is being done */
	uint32_t number;         /* the command's first value, if that is one */
	const char *refused_key; /* NULL, or one that is to blame; may be none of the command's */
	const char *value[AGENT_N_VALUES];
	char run_id[AGENT_ID_MAX + 1];
	char line[AGENT_LINE_MAX];
	char reply[AGENT_LINE_MAX + 2]; /* and the end of line that comes before it */
};

/*
 * Starts an agent. `ops`, `context` and the `store_size` bytes of `store`, which hold the uploaded
 * blobs, belong to the caller and outlive the agent. The agent says nothing until it is asked. Call
 * it again after a restart that kept the memory.
 */
void agent_init(struct agent *agent, const struct agent_ops *ops, void *context, uint8_t *store,
                uint16_t store_size);

/* Takes one byte from the UART, and answers before it returns if that byte ends a command. */
void agent_receive(struct agent *agent, uint8_t byte);

/*
 * The blob `name`. The bytes lie in the store and stay as they are while a run is under way: the
 * agent takes no upload then. One `ca` may hold several certificates, one after the other.
 */
struct agent_blob agent_blob(const struct agent *agent, enum agent_blob_name name);

#endif
