/*
 * emit.h: one decoded thing, told once, written as JSON or as a text tree. Layer: decode. Pure: no
 * I/O, no clock, no globals.
 *
 * Members are written straight into the caller's buffer; nothing is allocated per field. EMIT_JSON
 * is compact JSON (RFC 8259) with the RFC's field names as keys. EMIT_TEXT is an indented tree for
 * people: the same members in the same order, with labels made from the keys and with the number
 * of each named code point beside its name.
 *
 * Text from the wire: valid UTF-8 stays as it is; quotes, backslashes and control characters are
 * escaped; a byte that is not UTF-8 becomes \u00XX of its value (in the text tree \xXX, as do
 * control characters, so that a peer cannot speak to the reader's terminal).
 *
 * Keys and labels are static text (labels.def). A key is NULL for an element of a list. Objects
 * and lists nest up to EMIT_DEPTH_MAX.
 */
#ifndef SHAKEDOWN_DECODE_EMIT_H
#define SHAKEDOWN_DECODE_EMIT_H

#include "base/buf.h"
#include "base/memo.h"
#include "decode/registry.h"

#define EMIT_DEPTH_MAX 32 /* open objects and lists; going deeper is a programmer's error */

enum emit_format { EMIT_JSON, EMIT_TEXT };

struct emit {
	struct buf *out; /* borrowed */
	enum emit_format format;
	unsigned depth; /* open objects and lists */
	bool more;      /* JSON: something stands before in this object or list */
	struct memo *memo; /* borrowed; NULL: nothing is remembered */
	struct emit_slots *slots; /* that are being noted, or NULL */
	struct emit_level {
		char closer;      /* JSON: '}' or ']' */
		const char *key;  /* of the list, NULL for an object */
		size_t head;      /* text: where the list's heading ends */
		size_t n_elements; /* text: of the list */
	} levels[EMIT_DEPTH_MAX];
};

/* Starts writing to `out`, which stays the caller's and outlives the emitter. */
void emit_init(struct emit *emit, struct buf *out, enum emit_format format);

/*
 * Opens an object or a list as the member `key`, static text; each needs its emit_close. The text
 * tree adds the number of a list's elements to its heading.
 */
void emit_object(struct emit *emit, const char *key);
void emit_list(struct emit *emit, const char *key);
void emit_close(struct emit *emit);

/* Opens an object inside a list. The text tree heads it with `heading` (printf format). */
void emit_item(struct emit *emit, const char *heading, ...) __attribute__((format(printf, 2, 3)));

/*
 * The same for an object that the text tree tells in one line, `line` (printf format). Returns
 * true if its members are to be written, and emit_close; false in the text tree, where it is done.
 */
bool emit_line(struct emit *emit, const char *line, ...) __attribute__((format(printf, 2, 3)));

/* Text of the harness's own (UTF-8) / bytes from the wire / printf format, for short own text. */
void emit_text(struct emit *emit, const char *key, const char *text);
void emit_string(struct emit *emit, const char *key, struct bytes text);
void emit_printf(struct emit *emit, const char *key, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* An integer in decimal, true or false, null ("unknown" in the text tree). */
void emit_uint(struct emit *emit, const char *key, uint64_t value);
void emit_bool(struct emit *emit, const char *key, bool value);
void emit_null(struct emit *emit, const char *key);

/* Lower-case hexadecimal digits; "(empty)" in the text tree if there are none. */
void emit_hex(struct emit *emit, const char *key, struct bytes bytes);

/* Milliseconds with microsecond precision; 0 if `t_ns` is before `t0_ns`. */
void emit_ms(struct emit *emit, const char *key, uint64_t t_ns, uint64_t t0_ns);

/*
 * The name of a code point: "secp256r1", "GREASE (0x0a0a)", "0x1234" if unknown. The text tree adds
 * the number. emit_number is for the number of the name just written: the text tree leaves it out.
 */
void emit_name(struct emit *emit, const char *key, enum registry registry, uint32_t value);
void emit_number(struct emit *emit, const char *key, uint32_t value);

/* What a tag begins with: its other bits are the caller's. */
enum emit_tag {
	EMIT_TAG_CERTIFICATE = 1,
	EMIT_TAG_CLIENT_FINGERPRINT,
	EMIT_TAG_SERVER_FINGERPRINT,
	EMIT_TAG_NAMES,
	EMIT_TAG_EXTENSION,
	EMIT_TAG_HELLO,
	EMIT_TAG_MESSAGES,
	EMIT_TAG_ALERT,
	EMIT_TAG_ENDS,
	EMIT_TAG_TCP,
};
/* `rest` has 48 bits. */
#define EMIT_TAG(kind, rest) ((uint64_t)(kind) << 56 | (uint64_t)(rest))

#define EMIT_SLOTS_MAX 64 /* in one run */

/*
 * What varies in members that are otherwise told as before: bytes that are told in hex and decide
 * nothing else (a random number, a public key), texts, times, integers. In the order in which they
 * are told; of integers, from the first one on, all. Set `n` to 0 and add them; those for which
 * there is no room make the run one that is not remembered. An empty range of bytes does not vary.
 */
struct emit_slots {
	size_t n;      /* may be more than EMIT_SLOTS_MAX */
	size_t n_told; /* the emitter's, as are `at` and `end`: where it was told */
	struct emit_slot {
		enum { EMIT_SLOT_HEX, EMIT_SLOT_TEXT, EMIT_SLOT_MS, EMIT_SLOT_UINT } kind;
		struct bytes bytes;     /* borrowed: of EMIT_SLOT_HEX and EMIT_SLOT_TEXT */
		uint64_t value, t0_ns;  /* of the others: the integer, or the time and its zero */
		size_t at, end;
	} slots[EMIT_SLOTS_MAX];
};

/* For emit_hex, emit_ms and emit_uint with the same values; `bytes` is borrowed as `text` below. */
void emit_slots_hex(struct emit_slots *slots, struct bytes bytes);
void emit_slots_ms(struct emit_slots *slots, uint64_t t_ns, uint64_t t0_ns);
void emit_slots_uint(struct emit_slots *slots, uint64_t value);

/* For emit_text with the same `text`, which is borrowed until the run is told. */
void emit_slots_text(struct emit_slots *slots, const char *text);

/*
 * Members of an object, one element of a list, or (EMIT_TAG_NAMES) all of its elements, which are
 * made from `tag` and `key`, from slots if it has some, and nothing else.
 */
struct emit_run {
	uint64_t tag;
	struct bytes key;
	size_t start; /* in the emitter's buffer, behind the comma */
	struct emit_slots *slots;
};

/*
 * True if the members were told before: they have been written again. Otherwise the caller writes
 * them, and then calls emit_remember, unless the key holds faults that have to be noted each time.
 * `key` is borrowed until then. Nothing is remembered without a memo, which serves one format.
 */
bool emit_again(struct emit *emit, struct emit_run *run, uint64_t tag, struct bytes key);
void emit_remember(struct emit *emit, const struct emit_run *run);

/*
 * The same with slots, borrowed as `key` is, which is without their bytes. What a run inside of
 * this one makes from such bytes is not remembered by itself. If the members are not to be
 * remembered, emit_forget has to be called.
 */
bool emit_again_with(struct emit *emit, struct emit_run *run, uint64_t tag, struct bytes key,
                     struct emit_slots *slots);
void emit_forget(struct emit *emit, const struct emit_run *run);

#endif
