/*
 * agent.h: the board's end of the agent protocol, version 1 (docs/agent-protocol.md). Firmware.
 *
 * Copy agent.c and agent.h into a firmware project, give them seven functions and the bytes of any
 * UART, and a host can upload certificates to the board, start one TLS connection at a time and ask
 * how it went. The agent moves text; it knows nothing of TLS and judges nothing.
 *
 * Portable C99 with nothing but the three freestanding headers below: no heap, no library call, no
 * division, no floating point, no recursion, no variable-length array. It owns its struct and the
 * store that it is given, and keeps no other state, so several agents may live side by side.
 *
 * Not reentrant: call agent_receive() from one task (or the main loop), not from an interrupt. Let
 * the interrupt fill a ring buffer and feed the agent from there. It takes less than 400 bytes of
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
#define AGENT_STORE_MAX 65535    /* bytes of store that can be used */
#define AGENT_UNKNOWN UINT32_MAX /* a number that the board cannot tell */

/* HELLO's answer has room for 68 bytes of stack name and capabilities together; a field that does
 * not fit is left out. */

enum agent_blob_name { AGENT_CA, AGENT_CERT, AGENT_KEY, AGENT_N_BLOBS };

/* DER as it was uploaded. `len` is 0 if there is none, or not yet whole. */
struct agent_blob {
	const uint8_t *data;
	uint16_t len;
};

/*
 * One connection to make. The texts lie in the agent's line buffer: they are valid during the call
 * of `run` only, so copy what is needed later. Those in brackets are NULL when the host gave none.
 * No text is longer than AGENT_LINE_MAX bytes.
 */
struct agent_run {
	const char *id;
	const char *host; /* a name or an IP address */
	uint16_t port;
	const char *sni;    /* [] server name to send, and to expect in the certificate */
	const char *min;    /* [] lowest TLS version: "1.0" to "1.3" */
	const char *max;    /* [] highest TLS version */
	const char *alpn;   /* [] protocol names, separated by commas */
	const char *psk;    /* [] identity, a colon, the key in hexadecimal digits */
	const char *send;   /* [] text to send; the server answers with the same bytes */
	const char *resume; /* [] "1": resume the last session */
	const char *early;  /* [] "1": send `send` as early data of the session that is resumed */
};

enum agent_state {
	AGENT_IDLE, /* no run since the board started */
	AGENT_BUSY, /* a run is under way */
	AGENT_DONE, /* the last run has ended */
};

/*
 * How the last run stands. The texts must stay as they are until the next call of an operation;
 * NULL and AGENT_UNKNOWN mean "this stack does not tell". Only AGENT_DONE needs more than `state`.
 */
struct agent_report {
	enum agent_state state;
	const char *ph;  /* the last phase reached: "dns", "tcp", "hs", "app" or "close" */
	const char *rc;  /* "0", or the stack's status as its own engineers print it */
	const char *al;  /* an alert: "r40" received, "s80" sent */
	const char *ver; /* "1.2" */
	const char *cs;  /* the suite's IANA name */
	const char *grp; /* the group's IANA name */
	const char *sig; /* IANA name of the algorithm that the server signed with */
	uint32_t ms;     /* duration of the handshake */
	uint32_t heap;   /* bytes of heap that the run took at most */
};

/*
 * What the firmware does for the agent. All are called from within agent_init() and
 * agent_receive(), with the context of agent_init(), and return soon: none may wait for the
 * network.
 */
struct agent_ops {
	const char *stack; /* name and version of the TLS stack: "wolfSSL/5.5.4" */
	const char
		*caps; /* blobs and RUN keys that it honours, by name: "ca,cert,key,sni,min,max" */

	/* Sends `len` bytes to the UART, whole and in order. It may wait for room in its buffer. */
	void (*write)(void *context, const char *text, size_t len);

	/* A number that differs from start to start of the board: a kept counter, or random. */
	uint32_t (*boot_nonce)(void *context);

	/*
	 * Starts a run in the background; called only while none is under way. NULL if it was
	 * started; else it was not, and the result names the key of RUN that cannot be honoured.
	 */
	const char *(*run)(void *context, const struct agent_run *run);

	/* Tells how the last run stands. `report` comes with all texts NULL, numbers unknown. */
	void (*status)(void *context, struct agent_report *report);

	/* Makes a run under way, if any, end soon with the stack's own status for that. */
	void (*abort)(void *context);

	/* Sets the board's clock. False if the board has none that can be set. */
	bool (*set_time)(void *context, uint32_t unix_s);

	/*
	 * Restarts the board, after what was written has left the UART. May return if the restart
	 * comes later.
	 */
	void (*reset)(void *context);
};

/* Private to agent.c; here so that the caller can give it room. */
struct agent {
	const struct agent_ops *ops;
	void *context;
	uint8_t *store;
	uint16_t store_size, store_used;
	struct {
		uint16_t offset, len;
		bool whole;
	} blob[AGENT_N_BLOBS];
	uint16_t uploaded; /* bytes of the blob that is being uploaded */
	uint16_t last_crc; /* of the command that `reply` answers */
	uint32_t boot;
	uint8_t uploading; /* an agent_blob_name, or AGENT_N_BLOBS */
	uint8_t last_seq;
	uint8_t line_state;
	bool at_sign;    /* the last byte received was '@' */
	bool answered;   /* `reply`, last_seq and last_crc hold something */
	bool greeted;    /* HELLO came since the board started */
	bool reply_full; /* a byte did not fit into `reply` */
	bool reset_due;
	uint8_t line_len;
	uint8_t reply_len;
	char run_id[AGENT_ID_MAX + 1];
	char line[AGENT_LINE_MAX];
	char reply[AGENT_LINE_MAX + 2]; /* and the end of line that comes before it */
};

/*
 * Starts an agent. `ops`, `context` and the `store_size` bytes of `store`, which hold the uploaded
 * blobs, belong to the caller and outlive the agent; more than AGENT_STORE_MAX bytes are not used.
 * The agent says nothing until it is asked. Call it again after a restart that kept the memory.
 */
void agent_init(struct agent *agent, const struct agent_ops *ops, void *context, uint8_t *store,
                size_t store_size);

/* Takes one byte from the UART, and answers before it returns if that byte ends a command. */
void agent_receive(struct agent *agent, uint8_t byte);

/*
 * The blob `name`. The bytes lie in the store and stay as they are while a run is under way: the
 * agent takes no upload then. One `ca` may hold several certificates, one after the other.
 */
struct agent_blob agent_blob(const struct agent *agent, enum agent_blob_name name);

#endif
