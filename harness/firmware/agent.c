#include "agent.h"

#define SENTINEL_LEN 7 /* "\r\n@T05 " */
#define TAIL_LEN 7     /* "*29B1\r\n" */
#define REPLY_ROOM (AGENT_LINE_MAX + 2 - TAIL_LEN)
#define MORE_LEN 7    /* " more=9": kept free in a report that may go on */
#define FRAME_MIN 9   /* "05 X*29B1" */
#define VALUES_MAX 11 /* keys of RUN, the command with the most */

/* `line_state`: outside a frame, in one, in one that is too long. */
enum { LINE_OUTSIDE, LINE_FRAME, LINE_OVERFLOW };

/* Why a command was refused, as the host reads it. */
#define WHY_VERB "verb"       /* no such command */
#define WHY_KEY "key"         /* a key that the command has not, or twice, or without value */
#define WHY_MISSING "missing" /* a key that it needs is not there */
#define WHY_VALUE "value"     /* not what the key can be */
#define WHY_LONG "long"       /* the value is longer than there is room for */
#define WHY_BUSY "busy"       /* a run is under way */
#define WHY_SPACE "space"     /* the store has no room for the blob */
#define WHY_ORDER "order"     /* DATA or END without BLOB */
#define WHY_SHORT "short"     /* END before all DATA */
#define WHY_CRC "crc"         /* the blob is not what the host sent; upload it again */
#define WHY_UNSUPPORTED "unsupported" /* the stack cannot honour the key */

/* Whole lines, as their CRC never changes: they must leave the cached reply alone. */
static const char NAK_CRC[] = "\r\n@TNAK crc*0B06\r\n";
static const char NAK_SEQ[] = "\r\n@TNAK seq*E0F2\r\n";
static const char NAK_OVF[] = "\r\n@TNAK ovf*E206\r\n";

static const char HEX[] = "0123456789ABCDEF";
static const char BLOB_NAMES[] = "ca cert key"; /* in the order of enum agent_blob_name */

struct command {
	const char *name;
	const char *keys; /* separated by spaces, in the order of the values that `execute` gets */
	uint8_t n_required; /* the first so many of `keys` must be there */
	bool needs_hello;   /* nothing meant for the board before a restart is done after it */
	bool needs_idle;
	void (*execute)(struct agent *agent, char *const value[]);
};

/* CRC-16/CCITT-FALSE: polynomial 0x1021, start 0xFFFF, not reflected. */
static uint16_t crc16(const uint8_t *data, size_t len)
{
	uint16_t crc = 0xFFFF;

	for (; len > 0; len--) {
		crc = (uint16_t)(crc ^ (uint16_t)((uint16_t)*data++ << 8));
		for (int bit = 0; bit < 8; bit++)
			crc = (uint16_t)((crc & 0x8000) != 0 ? (crc << 1) ^ 0x1021 : crc << 1);
	}
	return crc;
}

/* ---- Reading text ---- */

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

/* Reads exactly `n` (at most 4) hexadecimal digits. Stops at the first byte that is none. */
static bool read_hex(const char *text, int n, uint16_t *value)
{
	uint16_t sum = 0;

	for (; n > 0; n--) {
		int digit = hex_digit(*text++);

		if (digit < 0)
			return false;
		sum = (uint16_t)((uint16_t)(sum << 4) | (uint16_t)digit);
	}
	*value = sum;
	return true;
}

/* Reads a whole text as a decimal number of at most `max`. */
static bool read_number(const char *text, uint32_t max, uint32_t *value)
{
	uint32_t sum = 0;

	if (*text == '\0')
		return false;
	for (; *text != '\0'; text++) {
		uint32_t digit = (uint32_t)(uint8_t)*text - '0';

		/* 0x19999999 is a tenth of what 32 bits hold. */
		if (digit > 9 || sum > 0x19999999 || sum * 10 > UINT32_MAX - digit)
			return false;
		sum = sum * 10 + digit;
	}
	*value = sum;
	return sum <= max;
}

static int base64_digit(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/*
 * Decodes base64 (RFC 4648 section 4, with or without padding) over its own text; the result is
 * never longer. False if it is none.
 */
static bool read_base64(char *text, uint16_t *len)
{
	uint8_t *out = (uint8_t *)text;
	uint32_t bits = 0;
	int n_bits = 0;
	uint16_t n = 0;

	for (; *text != '\0' && *text != '='; text++) {
		int digit = base64_digit(*text);

		if (digit < 0)
			return false;
		bits = (bits << 6 | (uint32_t)digit) & 0xFFFF;
		n_bits += 6;
		if (n_bits >= 8) {
			n_bits -= 8;
			out[n++] = (uint8_t)(bits >> n_bits);
		}
	}
	while (*text == '=')
		text++;
	*len = n;
	return *text == '\0' && n_bits < 6;
}

/* Decodes %XX in place. False if the digits are wrong, or hide a zero byte. */
static bool decode_percent(char *text)
{
	char *out = text;

	for (; *text != '\0'; text++) {
		uint16_t byte = (uint8_t)*text;

		if (*text == '%') {
			if (!read_hex(text + 1, 2, &byte) || byte == 0)
				return false;
			text += 2;
		}
		*out++ = (char)byte;
	}
	*out = '\0';
	return true;
}

/* Ends the text at the first `separator`. Returns what follows it, NULL if there is none. */
static char *split(char *text, char separator)
{
	for (; *text != '\0'; text++) {
		if (*text == separator) {
			*text = '\0';
			return text + 1;
		}
	}
	return NULL;
}

/* Where the next word of a list of words separated by spaces begins, or the list ends. */
static const char *skip_word(const char *list)
{
	while (*list != '\0' && *list != ' ')
		list++;
	return *list == ' ' ? list + 1 : list;
}

/* The position of `word` in such a list; -1 if it is not in it. */
static int word_index(const char *list, const char *word)
{
	for (int index = 0; *list != '\0'; index++, list = skip_word(list)) {
		size_t len = 0;

		while (word[len] != '\0' && word[len] == list[len])
			len++;
		if (word[len] == '\0' && (list[len] == ' ' || list[len] == '\0'))
			return index;
	}
	return -1;
}

/* ---- Writing the reply ---- */

static void put_char(struct agent *agent, char c)
{
	if (agent->reply_len < REPLY_ROOM)
		agent->reply[agent->reply_len++] = c;
	else
		agent->reply_full = true;
}

static void put_hex(struct agent *agent, uint32_t value, int n_digits)
{
	while (n_digits-- > 0)
		put_char(agent, HEX[(value >> (4 * n_digits)) & 0xF]);
}

static void put_text(struct agent *agent, const char *text)
{
	while (*text != '\0')
		put_char(agent, *text++);
}

static void put_encoded(struct agent *agent, const char *text)
{
	for (; *text != '\0'; text++) {
		uint8_t byte = (uint8_t)*text;

		/* '@' as well: a sentinel inside a value would start a frame. */
		if (byte <= ' ' || byte == '*' || byte == '%' || byte == '@' || byte >= 0x7F) {
			put_char(agent, '%');
			put_hex(agent, byte, 2);
		} else {
			put_char(agent, *text);
		}
	}
}

/* Adds " key=value" whole, or not at all: false if it does not fit. */
static bool put_field(struct agent *agent, const char *key, const char *value)
{
	uint8_t before = agent->reply_len;

	agent->reply_full = false;
	put_char(agent, ' ');
	put_text(agent, key);
	put_char(agent, '=');
	put_encoded(agent, value);
	if (agent->reply_full)
		agent->reply_len = before;
	return !agent->reply_full;
}

/* Writes `value` in decimal by subtraction: many small cores have no divider. */
static const char *number_text(uint32_t value, char text[11])
{
	static const uint32_t powers[] = {1000000000, 100000000, 10000000, 1000000, 100000,
	                                  10000,      1000,      100,      10,      1};
	char *out = text;

	for (int i = 0; i < 10; i++) {
		char digit = '0';

		for (; value >= powers[i]; value -= powers[i])
			digit++;
		if (digit != '0' || out != text || i == 9)
			*out++ = digit;
	}
	*out = '\0';
	return text;
}

static void put_number(struct agent *agent, const char *key, uint32_t value)
{
	char text[11];

	(void)put_field(agent, key, number_text(value, text));
}

static void put_boot(struct agent *agent)
{
	put_text(agent, " boot=");
	put_hex(agent, agent->boot, 8);
}

/* Turns the reply into a refusal. `key` may be NULL, and ends at a space as well. */
static void refuse(struct agent *agent, const char *why, const char *key)
{
	agent->reply_len = SENTINEL_LEN;
	put_text(agent, "ERR why=");
	put_text(agent, why);
	if (key == NULL)
		return;
	put_text(agent, " key=");
	for (; *key > ' ' && *key < 0x7F && *key != '*' && *key != '@'; key++)
		put_char(agent, *key);
}

static void begin_reply(struct agent *agent, uint8_t seq)
{
	agent->reply_len = 0;
	put_text(agent, "\r\n@T");
	put_hex(agent, seq, 2);
	put_text(agent, " OK");
}

/* REPLY_ROOM keeps the room that the tail needs. */
static void send_reply(struct agent *agent)
{
	const uint8_t *body = (const uint8_t *)agent->reply + 4;
	uint16_t crc = crc16(body, (size_t)agent->reply_len - 4);
	char *out = agent->reply + agent->reply_len;

	*out++ = '*';
	for (int shift = 12; shift >= 0; shift -= 4)
		*out++ = HEX[(crc >> shift) & 0xF];
	*out++ = '\r';
	*out++ = '\n';
	agent->reply_len = (uint8_t)(out - agent->reply);
	agent->ops->write(agent->context, agent->reply, agent->reply_len);
}

/* ---- The store ---- */

/* Frees the room of one blob by moving those behind it. */
static void drop_blob(struct agent *agent, int name)
{
	uint16_t offset = agent->blob[name].offset;
	uint16_t len = agent->blob[name].len;

	agent->store_used = (uint16_t)(agent->store_used - len);
	for (uint16_t i = offset; i < agent->store_used; i++)
		agent->store[i] = agent->store[i + len];
	for (int i = 0; i < AGENT_N_BLOBS; i++) {
		if (agent->blob[i].offset > offset)
			agent->blob[i].offset = (uint16_t)(agent->blob[i].offset - len);
	}
	agent->blob[name].len = 0;
	agent->blob[name].whole = false;
}

static void drop_upload(struct agent *agent)
{
	if (agent->uploading != AGENT_N_BLOBS)
		drop_blob(agent, agent->uploading);
	agent->uploading = AGENT_N_BLOBS;
}

struct agent_blob agent_blob(const struct agent *agent, enum agent_blob_name name)
{
	struct agent_blob blob = {agent->store + agent->blob[name].offset, 0};

	if (agent->blob[name].whole)
		blob.len = agent->blob[name].len;
	return blob;
}

/* ---- Commands ---- */

static enum agent_state run_state(struct agent *agent, struct agent_report *report)
{
	*report = (struct agent_report){.ms = AGENT_UNKNOWN, .heap = AGENT_UNKNOWN};
	agent->ops->status(agent->context, report);
	return report->state;
}

static void do_hello(struct agent *agent, char *const value[])
{
	(void)value;
	agent->greeted = true;
	put_text(agent, " v=1");
	put_number(agent, "line", AGENT_LINE_MAX);
	put_number(agent, "blob", agent->store_size);
	put_boot(agent);
	(void)put_field(agent, "stack", agent->ops->stack);
	(void)put_field(agent, "caps", agent->ops->caps);
}

static void do_blob(struct agent *agent, char *const value[])
{
	int name = word_index(BLOB_NAMES, value[0]);
	uint32_t len = 0;

	if (name < 0) {
		refuse(agent, WHY_VALUE, "name");
	} else if (!read_number(value[1], UINT32_MAX, &len)) {
		refuse(agent, WHY_VALUE, "len");
	} else {
		drop_upload(agent);
		drop_blob(agent, name);
		if (len > (uint32_t)agent->store_size - agent->store_used) {
			refuse(agent, WHY_SPACE, "len");
			return;
		}
		agent->blob[name].offset = agent->store_used;
		agent->blob[name].len = (uint16_t)len;
		agent->store_used = (uint16_t)(agent->store_used + len);
		agent->uploading = (uint8_t)name;
		agent->uploaded = 0;
		put_number(agent, "off", 0);
	}
}

static void do_data(struct agent *agent, char *const value[])
{
	const uint8_t *bytes = (const uint8_t *)value[1];
	uint32_t offset = 0;
	uint16_t len = 0;
	uint8_t *out;

	if (agent->uploading == AGENT_N_BLOBS) {
		refuse(agent, WHY_ORDER, NULL);
	} else if (!read_number(value[0], UINT32_MAX, &offset)) {
		refuse(agent, WHY_VALUE, "off");
	} else if (!read_base64(value[1], &len)) {
		refuse(agent, WHY_VALUE, "b");
	} else if (offset != agent->uploaded) {
		put_number(agent, "off", agent->uploaded);
	} else if (len > agent->blob[agent->uploading].len - agent->uploaded) {
		refuse(agent, WHY_LONG, "b");
	} else {
		out = agent->store + agent->blob[agent->uploading].offset + agent->uploaded;
		for (uint16_t i = 0; i < len; i++)
			out[i] = bytes[i];
		agent->uploaded = (uint16_t)(agent->uploaded + len);
		put_number(agent, "off", agent->uploaded);
	}
}

static void do_end(struct agent *agent, char *const value[])
{
	uint8_t name = agent->uploading;
	uint16_t crc = 0;

	if (name == AGENT_N_BLOBS) {
		refuse(agent, WHY_ORDER, NULL);
	} else if (!read_hex(value[0], 4, &crc) || value[0][4] != '\0') {
		refuse(agent, WHY_VALUE, "crc");
	} else if (agent->uploaded != agent->blob[name].len) {
		refuse(agent, WHY_SHORT, NULL);
		put_number(agent, "off", agent->uploaded);
	} else if (crc16(agent->store + agent->blob[name].offset, agent->uploaded) != crc) {
		refuse(agent, WHY_CRC, NULL);
		drop_upload(agent);
	} else {
		agent->blob[name].whole = true;
		agent->uploading = AGENT_N_BLOBS;
		put_number(agent, "off", agent->uploaded);
	}
}

static void do_time(struct agent *agent, char *const value[])
{
	uint32_t unix_s = 0;

	if (!read_number(value[0], UINT32_MAX, &unix_s))
		refuse(agent, WHY_VALUE, "t");
	else if (!agent->ops->set_time(agent->context, unix_s))
		refuse(agent, WHY_UNSUPPORTED, "t");
}

static size_t text_len(const char *text)
{
	size_t len = 0;

	while (text[len] != '\0')
		len++;
	return len;
}

static void do_run(struct agent *agent, char *const value[])
{
	struct agent_run run = {
		.id = value[0],
		.host = value[1],
		.sni = value[3],
		.min = value[4],
		.max = value[5],
		.alpn = value[6],
		.psk = value[7],
		.send = value[8],
		.resume = value[9],
		.early = value[10],
	};
	size_t id_len = text_len(run.id);
	const char *refused;
	uint32_t port = 0;

	if (!read_number(value[2], 0xFFFF, &port) || port == 0) {
		refuse(agent, WHY_VALUE, "port");
		return;
	}
	if (id_len > AGENT_ID_MAX) {
		refuse(agent, WHY_LONG, "id");
		return;
	}
	run.port = (uint16_t)port;
	refused = agent->ops->run(agent->context, &run);
	if (refused != NULL) {
		refuse(agent, WHY_UNSUPPORTED, refused);
		return;
	}
	for (size_t i = 0; i <= id_len; i++)
		agent->run_id[i] = run.id[i];
	agent->reply_len = SENTINEL_LEN;
	put_text(agent, "ACK");
}

/* A report on its way into a reply, which takes up where an earlier one stopped. */
struct part {
	struct agent *agent;
	uint32_t from;  /* fields before this one have been told */
	uint32_t index; /* of the next field */
	bool told;      /* a field is in this part */
	bool cut;       /* the field before `index` did not fit */
};

static void report_text(struct part *part, const char *key, const char *value)
{
	struct agent *agent = part->agent;
	uint8_t before = agent->reply_len;

	if (part->cut || value == NULL || part->index++ < part->from)
		return;
	if (put_field(agent, key, value) && agent->reply_len <= REPLY_ROOM - MORE_LEN) {
		part->told = true;
		return;
	}
	agent->reply_len = before;
	/* What does not even fit alone is left out, or the host would ask for it for ever. */
	part->cut = part->told;
}

static void report_number(struct part *part, const char *key, uint32_t value)
{
	char text[11];

	if (value != AGENT_UNKNOWN)
		report_text(part, key, number_text(value, text));
}

static void do_stat(struct agent *agent, char *const value[])
{
	struct part part = {.agent = agent};
	struct agent_report report;
	enum agent_state state;

	if (value[0] != NULL && !read_number(value[0], UINT32_MAX, &part.from)) {
		refuse(agent, WHY_VALUE, "from");
		return;
	}
	state = run_state(agent, &report);
	put_boot(agent);
	if (state != AGENT_DONE) {
		put_text(agent, state == AGENT_BUSY ? " busy" : " idle");
		return;
	}
	(void)put_field(agent, "run", agent->run_id);
	report_text(&part, "ph", report.ph);
	report_text(&part, "rc", report.rc);
	report_text(&part, "al", report.al);
	report_text(&part, "ver", report.ver);
	report_text(&part, "cs", report.cs);
	report_number(&part, "ms", report.ms);
	report_text(&part, "grp", report.grp);
	report_text(&part, "sig", report.sig);
	report_number(&part, "heap", report.heap);
	if (part.cut)
		put_number(agent, "more", part.index - 1);
}

static void do_abort(struct agent *agent, char *const value[])
{
	(void)value;
	agent->ops->abort(agent->context);
}

static void do_reset(struct agent *agent, char *const value[])
{
	(void)value;
	agent->reset_due = true;
}

/* STAT, ABORT and RESET do no harm to a board that has restarted. */
static const struct command COMMANDS[] = {
	{"HELLO", "", 0, false, false, do_hello},
	{"BLOB", "name len", 2, true, true, do_blob},
	{"DATA", "off b", 2, true, true, do_data},
	{"END", "crc", 1, true, true, do_end},
	{"TIME", "t", 1, true, true, do_time},
	{"RUN", "id host port sni min max alpn psk send resume early", 3, true, true, do_run},
	{"STAT", "from", 0, false, false, do_stat},
	{"ABORT", "", 0, false, false, do_abort},
	{"RESET", "", 0, false, false, do_reset},
};

#define N_COMMANDS (sizeof(COMMANDS) / sizeof(COMMANDS[0]))

static const struct command *find_command(const char *verb)
{
	for (size_t i = 0; i < N_COMMANDS; i++) {
		if (word_index(COMMANDS[i].name, verb) == 0)
			return &COMMANDS[i];
	}
	return NULL;
}

/* Cuts "key=value key=value" into the values of `command`'s keys. False if it was refused. */
static bool read_values(struct agent *agent, const struct command *command, char *text,
                        char *value[])
{
	const char *needed = command->keys;

	while (text != NULL) {
		char *rest = split(text, ' ');
		char *content = split(text, '=');
		int index = content == NULL ? -1 : word_index(command->keys, text);

		if (index < 0 || value[index] != NULL) {
			refuse(agent, WHY_KEY, text);
			return false;
		}
		if (!decode_percent(content) || *content == '\0') {
			refuse(agent, WHY_VALUE, text);
			return false;
		}
		value[index] = content;
		text = rest;
	}
	for (int i = 0; i < command->n_required; i++, needed = skip_word(needed)) {
		if (value[i] == NULL) {
			refuse(agent, WHY_MISSING, needed);
			return false;
		}
	}
	return true;
}

static void execute(struct agent *agent, const struct command *command, char *text)
{
	char *value[VALUES_MAX] = {NULL};
	struct agent_report report;

	if (command == NULL)
		refuse(agent, WHY_VERB, NULL);
	else if (command->needs_idle && run_state(agent, &report) == AGENT_BUSY)
		refuse(agent, WHY_BUSY, NULL);
	else if (read_values(agent, command, text, value))
		command->execute(agent, value);
}

static void send_nak(struct agent *agent, const char *nak)
{
	agent->ops->write(agent->context, nak, sizeof(NAK_CRC) - 1);
}

/* A frame with a good CRC: "<seq> VERB ..." in the line buffer, ended by a zero. */
static void take_frame(struct agent *agent, uint8_t seq, uint16_t crc)
{
	char *verb = agent->line + 3;
	char *text = split(verb, ' ');
	const struct command *command = find_command(verb);
	bool used = agent->answered && seq == agent->last_seq;

	if (used && crc == agent->last_crc) {
		agent->ops->write(agent->context, agent->reply, agent->reply_len);
		return;
	}
	/* HELLO starts anew: a new host may begin with the number that the last one ended with. */
	if (command == NULL || command->execute != do_hello) {
		if (used || (command != NULL && command->needs_hello && !agent->greeted)) {
			send_nak(agent, NAK_SEQ);
			return;
		}
	}
	begin_reply(agent, seq);
	execute(agent, command, text);
	agent->last_seq = seq;
	agent->last_crc = crc;
	agent->answered = true;
	send_reply(agent);
	if (agent->reset_due) {
		agent->reset_due = false;
		agent->ops->reset(agent->context);
	}
}

static void end_frame(struct agent *agent)
{
	char *line = agent->line;
	size_t body_len = (size_t)agent->line_len - (FRAME_MIN - 4);
	uint16_t seq = 0;
	uint16_t crc = 0;

	if (agent->line_len < FRAME_MIN || line[body_len] != '*' ||
	    !read_hex(line + body_len + 1, 4, &crc) ||
	    crc16((const uint8_t *)line, body_len) != crc || !read_hex(line, 2, &seq) ||
	    line[2] != ' ') {
		send_nak(agent, NAK_CRC);
		return;
	}
	line[body_len] = '\0';
	take_frame(agent, (uint8_t)seq, crc);
}

void agent_receive(struct agent *agent, uint8_t byte)
{
	bool sentinel = agent->at_sign && byte == 'H';

	agent->at_sign = byte == '@';
	if (byte == '\n' || byte == '\r') {
		uint8_t state = agent->line_state;

		agent->line_state = LINE_OUTSIDE;
		if (state == LINE_FRAME)
			end_frame(agent);
		else if (state == LINE_OVERFLOW)
			send_nak(agent, NAK_OVF);
	} else if (sentinel) {
		agent->line_state = LINE_FRAME;
		agent->line_len = 0;
	} else if (agent->line_state == LINE_FRAME && agent->line_len < AGENT_LINE_MAX) {
		agent->line[agent->line_len++] = (char)byte;
	} else if (agent->line_state == LINE_FRAME) {
		agent->line_state = LINE_OVERFLOW;
	}
}

void agent_init(struct agent *agent, const struct agent_ops *ops, void *context, uint8_t *store,
                size_t store_size)
{
	if (store_size > AGENT_STORE_MAX)
		store_size = AGENT_STORE_MAX;
	*agent = (struct agent){
		.ops = ops,
		.context = context,
		.store = store,
		.store_size = (uint16_t)store_size,
		.uploading = AGENT_N_BLOBS,
	};
	agent->boot = ops->boot_nonce(context);
}
