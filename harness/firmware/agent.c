#include "agent.h"

#define SENTINEL_LEN 7 /* "\r\n@T05 " */
#define TAIL_LEN 7     /* "*29B1\r\n" */
#define MORE_LEN 7     /* " more=9": kept free in a report that may go on */
#define FRAME_MIN 9    /* "05 X*29B1" */
#define TEXT_OF(macro) TEXT_OF_TOKENS(macro)
#define TEXT_OF_TOKENS(tokens) #tokens

/* `line_len` outside a frame; one that is too long has AGENT_LINE_MAX + 1. */
#define NO_FRAME UINT8_MAX

/* What is uploaded while nothing is: a blob without bytes, which nobody can ask for. */
#define NO_BLOB AGENT_N_BLOBS

/* `last_command` before there was one: the number of none. */
#define NO_COMMAND UINT32_MAX

/*
 * Why a command was refused, with the key to blame in the high half of the byte. WHY_WORDS has what
 * the host reads, in the same order.
 */
enum {
	WHY_NOT,         /* it was not */
	WHY_VERB,        /* no such command */
	WHY_KEY,         /* a key that the command has not, or twice, or without value */
	WHY_MISSING,     /* a key that it needs is not there */
	WHY_VALUE,       /* not what the key can be */
	WHY_BUSY,        /* a run is under way */
	WHY_SPACE,       /* the store has no room for the blob */
	WHY_CRC,         /* the blob is not what the host sent; upload it again */
	WHY_UNSUPPORTED, /* the stack cannot honour the key */
};

static const char WHY_WORDS[] = "OK verb key missing value busy space crc unsupported";

#define KEY(index) (((unsigned)(index) + 1) << 4) /* of the command's keys, from 0 */

/*
 * Whole lines, as their CRC never changes: they must leave the cached reply alone. The end of one
 * is the beginning of the next.
 */
static const char NAKS[] = "\r\n@TNAK crc*0B06\r\n@TNAK seq*E0F2\r\n@TNAK ovf*E206\r\n";

#define NAK_LEN 18
enum { NAK_CRC = 0, NAK_SEQ = NAK_LEN - 2, NAK_OVF = 2 * (NAK_LEN - 2) };

static const char BLOB_NAMES[] = "ca cert key"; /* in the order of enum agent_blob_name */

/* How a command is to be taken. */
enum {
	STARTS = 1,  /* a conversation: the number that the last one ended with is free again */
	ALTERS = 2,  /* the board: not before HELLO came, nor during a run */
	UPLOADS = 4, /* a blob: it is answered with how much there is of it */
	NUMBER = 8,  /* its first key's value is a decimal number, 0 if it is not given */
};

struct command {
	uint8_t n_required; /* the first so many keys must be there */
	uint8_t how;
	/* Reads the values, in the order of its keys, and adds to "OK". WHY_NOT, or why not. */
	unsigned (*execute)(struct agent *agent);
};

/* CRC-16/CCITT-FALSE: polynomial 0x1021, start 0xFFFF, not reflected; a byte at a time. */
static uint16_t crc16(const void *data, size_t len)
{
	const uint8_t *byte = data;
	uint32_t crc = 0xFFFF;

	for (; len > 0; len--) {
		uint32_t x = (crc >> 8 ^ *byte++) & 0xFF;

		x ^= x >> 4;
		crc = (crc << 8 ^ x << 12 ^ x << 5 ^ x) & 0xFFFF;
	}
	return (uint16_t)crc;
}

/* ---- Reading text ---- */

/* Reads exactly `n` (at most 4) hexadecimal digits. Negative if there is a byte that is none. */
static int32_t read_hex(const char *text, int n)
{
	int32_t value = 0;

	for (; n > 0; n--) {
		uint32_t digit = (uint8_t)*text++ - (uint32_t)'0';

		if (digit > 9) {
			digit = (digit | 0x20) - ('a' - '0'); /* in small letters */
			if (digit > 5)
				return -1;
			digit += 10;
		}
		value = value << 4 | (int32_t)digit;
	}
	return value;
}

/* Reads a whole text as a decimal number of at most 4294967289. False if it is none. */
static bool read_number(const char *text, uint32_t *value)
{
	uint32_t sum = 0;

	do {
		uint32_t digit = (uint8_t)*text - (uint32_t)'0';

		/* 0x19999999 is a tenth of what 32 bits hold. */
		if (digit > 9 || sum >= 0x19999999)
			return false;
		sum = sum * 10 + digit;
	} while (*++text != '\0');
	*value = sum;
	return true;
}

/* The value of a digit of base64 (RFC 4648 section 4); 64 if it is none. */
static uint32_t base64_digit(uint32_t c)
{
	if (c - 'A' < 26)
		return c - 'A';
	if (c - 'a' < 26)
		return c - 'a' + 26;
	if (c - '0' < 10)
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : 64;
}

/* Whether a word of a command or of a list ends here. */
static bool ends_word(char c)
{
	return c == '=' || (uint8_t)c <= ' ';
}

/* Where the word after the first `n` words of a list separated by spaces begins, or its end. */
static const char *skip_words(const char *list, unsigned n)
{
	for (; n > 0; n--) {
		while (*list != '\0' && *list++ != ' ')
			;
	}
	return list;
}

/* The position of `word` in such a list; -1 if it is not in it. */
static int word_index(const char *list, const char *word)
{
	for (int index = 0; *list != '\0'; index++, list = skip_words(list, 1)) {
		const char *at = word;

		while (!ends_word(*at) && *at == *list)
			at++, list++;
		if (ends_word(*at) && ends_word(*list))
			return index;
	}
	return -1;
}

/* ---- Writing the reply ---- */

/* What finds no room is counted, so that the caller can see it and take it back. */
static void put_char(struct agent *agent, char c)
{
	if (agent->reply_len < sizeof(agent->reply))
		agent->reply[agent->reply_len] = c;
	agent->reply_len++;
}

static void put_text(struct agent *agent, const char *text)
{
	while (*text != '\0')
		put_char(agent, *text++);
}

static void put_hex(struct agent *agent, uint32_t value, int n_digits)
{
	while (--n_digits >= 0) {
		char digit = (char)('0' + (value >> 4 * n_digits & 0xF));

		put_char(agent, (char)(digit > '9' ? digit + 'A' - '9' - 1 : digit));
	}
}

/* '@' is encoded as well: a sentinel inside a value would start a frame. */
static void put_encoded(struct agent *agent, uint8_t byte)
{
	if (byte <= ' ' || byte == '*' || byte == '%' || byte == '@' || byte >= 0x7F) {
		put_char(agent, '%');
		put_hex(agent, byte, 2);
	} else {
		put_char(agent, (char)byte);
	}
}

static void put_word(struct agent *agent, const char *word)
{
	while (!ends_word(*word))
		put_encoded(agent, (uint8_t)*word++);
}

/*
 * Adds " key=value" and leaves `spare` bytes of the line free; if that cannot be, it adds nothing
 * and returns false. The key may end at a space.
 */
static bool put_field(struct agent *agent, const char *key, const char *value, unsigned spare)
{
	uint16_t before = agent->reply_len;

	put_char(agent, ' ');
	put_word(agent, key);
	put_char(agent, '=');
	while (*value != '\0')
		put_encoded(agent, (uint8_t)*value++);
	if (agent->reply_len + spare <= sizeof(agent->reply) - TAIL_LEN)
		return true;
	agent->reply_len = before;
	return false;
}

static void put_number(struct agent *agent, const char *key, uint16_t value)
{
	char text[6], *out = text + sizeof(text) - 1;

	*out = '\0';
	do {
		uint32_t tenth = value * 52429u >> 19; /* right for 16 bits, without a divider */

		*--out = (char)('0' + value - tenth * 10);
		value = (uint16_t)tenth;
	} while (value > 0);
	(void)put_field(agent, key, out, 0);
}

static void put_boot(struct agent *agent)
{
	put_text(agent, " boot=");
	put_hex(agent, agent->boot, 8);
}

/* Puts `text` in the place of " OK". */
static void answer(struct agent *agent, const char *text)
{
	agent->reply_len = SENTINEL_LEN;
	put_text(agent, text);
}

/* The key of a refusal is all that can be too long. */
static void end_reply(struct agent *agent)
{
	uint16_t crc;

	if (agent->reply_len > sizeof(agent->reply) - TAIL_LEN)
		agent->reply_len = sizeof(agent->reply) - TAIL_LEN;
	crc = crc16(agent->reply + 4, agent->reply_len - 4u);
	put_char(agent, '*');
	put_hex(agent, crc, 4);
	put_text(agent, "\r\n");
}

/* ---- The store ---- */

/* Frees the room of one blob, if there is such a one, by moving those behind it. */
static void drop_blob(struct agent *agent, unsigned name)
{
	uint16_t offset = agent->blob[name].offset;
	uint16_t len = agent->blob[name].len;

	agent->blob[name].len = 0;
	agent->store_used = (uint16_t)(agent->store_used - len);
	for (unsigned i = offset; i < agent->store_used; i++)
		agent->store[i] = agent->store[i + len];
	for (unsigned i = 0; i < AGENT_N_BLOBS; i++) {
		if (agent->blob[i].offset > offset)
			agent->blob[i].offset = (uint16_t)(agent->blob[i].offset - len);
	}
}

/* Nothing is left of an upload that did not come to its end. */
static void drop_upload(struct agent *agent)
{
	drop_blob(agent, agent->uploading);
	agent->uploading = NO_BLOB;
	agent->uploaded = 0;
}

struct agent_blob agent_blob(const struct agent *agent, enum agent_blob_name name)
{
	struct agent_blob blob = {agent->store + agent->blob[name].offset, agent->blob[name].len};

	if (agent->uploading == name)
		blob.len = 0;
	return blob;
}

/* ---- Commands ---- */

static unsigned do_hello(struct agent *agent)
{
	agent->greeted = true;
	put_text(agent, " v=1 line=" TEXT_OF(AGENT_LINE_MAX));
	put_number(agent, "blob", agent->store_size);
	put_boot(agent);
	(void)put_field(agent, "stack", agent->ops->stack, 0);
	(void)put_field(agent, "caps", agent->ops->caps, 0);
	return WHY_NOT;
}

/* "BLOB len= name=" */
static unsigned do_blob(struct agent *agent)
{
	int name = word_index(BLOB_NAMES, agent->value[1]);

	if (name < 0)
		return WHY_VALUE | KEY(1);
	drop_upload(agent);
	drop_blob(agent, (unsigned)name);
	if (agent->number > (uint32_t)agent->store_size - agent->store_used)
		return WHY_SPACE | KEY(0);
	agent->blob[name].offset = agent->store_used;
	agent->blob[name].len = (uint16_t)agent->number;
	agent->store_used = (uint16_t)(agent->store_used + agent->number);
	agent->uploading = (uint8_t)name;
	return WHY_NOT;
}

/*
 * "DATA off= b=": takes what is base64 and finds room. The answer tells how much that was, and END
 * whether it was right.
 */
static unsigned do_data(struct agent *agent)
{
	const struct agent_place *place = &agent->blob[agent->uploading];
	const char *text = agent->value[1];
	uint32_t bits = 0, digit;

	if (agent->number != agent->uploaded)
		return WHY_NOT;
	for (unsigned n_bits = 0; (digit = base64_digit((uint8_t)*text)) < 64; text++) {
		bits = bits << 6 | digit;
		n_bits += 6;
		if (n_bits >= 8 && agent->uploaded < place->len) {
			n_bits -= 8;
			agent->store[place->offset + agent->uploaded++] = (uint8_t)(bits >> n_bits);
		}
	}
	return WHY_NOT;
}

/* "END crc=" */
static unsigned do_end(struct agent *agent)
{
	const struct agent_place *place = &agent->blob[agent->uploading];

	if (crc16(agent->store + place->offset, place->len) != read_hex(agent->value[0], 4)) {
		drop_upload(agent);
		return WHY_CRC;
	}
	agent->uploading = NO_BLOB;
	return WHY_NOT;
}

/* "TIME t=" */
static unsigned do_time(struct agent *agent)
{
	return agent->ops->set_time(agent->context, agent->number) ? WHY_NOT
	                                                           : WHY_UNSUPPORTED | KEY(0);
}

/* "RUN port= id= host= ..." */
static unsigned do_run(struct agent *agent)
{
	const char *id = agent->value[1];
	size_t len = 0;

	if (agent->number == 0 || agent->number >> 16 > 0)
		return WHY_VALUE | KEY(0);
	while (id[len++] != '\0')
		;
	if (len > sizeof(agent->run_id))
		return WHY_VALUE | KEY(1);
	agent->refused_key =
		agent->ops->run(agent->context, (uint16_t)agent->number, agent->value + 1);
	if (agent->refused_key != NULL)
		return WHY_UNSUPPORTED;
	while (len-- > 0)
		agent->run_id[len] = id[len];
	answer(agent, "ACK");
	return WHY_NOT;
}

/* In the order of enum agent_report_text. */
static const char REPORT_KEYS[] = "ph rc al ver cs ms grp sig heap";

/*
 * "STAT from=": the fields of the report from that number on. If not all fit, "more" tells where to
 * go on. What does not even fit alone is left out, or the host would ask for it for ever.
 */
static void put_report(struct agent *agent, const struct agent_report *report)
{
	const char *key = REPORT_KEYS;

	for (unsigned i = 0; *key != '\0'; i++, key = skip_words(key, 1)) {
		if (i < agent->number || report->text[i] == NULL)
			continue;
		if (!put_field(agent, key, report->text[i], MORE_LEN) && i != agent->number) {
			put_number(agent, "more", (uint16_t)i);
			return;
		}
	}
}

static unsigned do_stat(struct agent *agent)
{
	struct agent_report report = {{NULL}};
	enum agent_state state = agent->ops->status(agent->context, &report);

	put_boot(agent);
	if (state == AGENT_DONE) {
		(void)put_field(agent, "run", agent->run_id, 0);
		put_report(agent, &report);
	} else {
		put_text(agent, state == AGENT_BUSY ? " busy" : " idle");
	}
	return WHY_NOT;
}

static unsigned do_abort(struct agent *agent)
{
	agent->ops->abort(agent->context);
	return WHY_NOT;
}

static unsigned do_reset(struct agent *agent)
{
	agent->ops->reset(agent->context);
	return WHY_NOT;
}

/* Each command's name and keys. A list of its own, as that is shorter than so many pointers. */
static const char COMMAND_WORDS[] = "HELLO\0"
				    "BLOB len name\0"
				    "DATA off b\0"
				    "END crc\0"
				    "TIME t\0"
				    "RUN port id host sni min max alpn psk send resume early\0"
				    "STAT from\0"
				    "ABORT\0"
				    "RESET\0";

/* In the same order. STAT, ABORT and RESET do no harm to a board that has restarted. */
static const struct command COMMANDS[] = {
	{0, STARTS, do_hello},
	{2, ALTERS | NUMBER | UPLOADS, do_blob},
	{2, ALTERS | NUMBER | UPLOADS, do_data},
	{1, ALTERS | UPLOADS, do_end},
	{1, ALTERS | NUMBER, do_time},
	{3, ALTERS | NUMBER, do_run},
	{0, NUMBER, do_stat},
	{0, 0, do_abort},
	{0, 0, do_reset},
	{0, 0, NULL}, /* any other */
};

static const struct command *find_command(struct agent *agent)
{
	const struct command *command = COMMANDS;

	agent->words = COMMAND_WORDS;
	while (*agent->words != '\0' && word_index(agent->words, agent->line + 3) != 0) {
		while (*agent->words++ != '\0')
			;
		command++;
	}
	return command;
}

/* Decodes %XX from `text` to the value's end into `out`. Where it ends; NULL if it is no value. */
static char *read_value(char *text, char *out)
{
	for (; *text != ' ' && *text != '\0'; text++) {
		int32_t byte = (uint8_t)*text;

		if (byte == '%') {
			byte = read_hex(text + 1, 2);
			text += 2;
		}
		if (byte <= 0) /* no digits, or a zero byte */
			return NULL;
		*out++ = (char)byte;
	}
	*out = '\0';
	return text;
}

/* Cuts "VERB key=value key=value" into the values of the command's keys. WHY_NOT, or why not. */
static unsigned read_values(struct agent *agent, const struct command *command)
{
	char *text = agent->line + 3;
	const char *keys = skip_words(agent->words, 1);
	const char **value = agent->value;

	while (!ends_word(*text))
		text++;
	while (*text != '\0') { /* it is at the byte before a key */
		char *key = text + 1;
		int index = word_index(keys, key);

		do {
			text++;
		} while (!ends_word(*text));
		if (index < 0 || *text != '=' || value[index] != NULL) {
			agent->refused_key = key;
			return WHY_KEY;
		}
		value[index] = text;
		text = read_value(text + 1, text);
		if (text == NULL || *value[index] == '\0')
			return WHY_VALUE | KEY(index);
	}
	for (unsigned i = 0; i < command->n_required; i++) {
		if (value[i] == NULL)
			return WHY_MISSING | KEY(i);
	}
	if ((command->how & NUMBER) != 0 && value[0] != NULL &&
	    !read_number(value[0], &agent->number))
		return WHY_VALUE | KEY(0);
	return WHY_NOT;
}

static void refuse(struct agent *agent, unsigned why)
{
	const char *key = agent->refused_key;

	if (why > KEY(0))
		key = skip_words(agent->words, why >> 4);
	answer(agent, "ERR why=");
	put_word(agent, skip_words(WHY_WORDS, why & 0xF));
	if (key != NULL) {
		put_text(agent, " key=");
		put_word(agent, key);
	}
}

static void execute(struct agent *agent, const struct command *command)
{
	unsigned why;

	agent->number = 0;
	agent->refused_key = NULL;
	for (unsigned i = 0; i < AGENT_N_VALUES; i++)
		agent->value[i] = NULL;
	if (command->execute == NULL)
		why = WHY_VERB;
	else if ((command->how & ALTERS) != 0 &&
	         agent->ops->status(agent->context, NULL) == AGENT_BUSY)
		why = WHY_BUSY;
	else
		why = read_values(agent, command);
	if (why == WHY_NOT)
		why = command->execute(agent);
	if (why != WHY_NOT)
		refuse(agent, why);
	else if ((command->how & UPLOADS) != 0)
		put_number(agent, "off", agent->uploaded);
}

static void send_nak(struct agent *agent, unsigned nak)
{
	agent->ops->write(agent->context, NAKS + nak, NAK_LEN);
}

static void begin_reply(struct agent *agent, uint32_t seq)
{
	agent->reply_len = 0;
	put_text(agent, "\r\n@T");
	put_hex(agent, seq, 2);
	put_text(agent, " OK");
}

/* A frame with a good CRC: "<seq> VERB ..." in the line buffer, ended by a zero. */
static void take_frame(struct agent *agent, uint32_t seq, uint32_t crc)
{
	const struct command *command = find_command(agent);
	uint32_t differs = (seq << 16 | crc) ^ agent->last_command;

	if (differs != 0) {
		if ((differs >> 16 == 0 && (command->how & STARTS) == 0) ||
		    ((command->how & ALTERS) != 0 && !agent->greeted)) {
			send_nak(agent, NAK_SEQ);
			return;
		}
		agent->last_command ^= differs;
		begin_reply(agent, seq);
		execute(agent, command);
		end_reply(agent);
	}
	agent->ops->write(agent->context, agent->reply, agent->reply_len);
}

static void end_frame(struct agent *agent, unsigned len)
{
	char *line = agent->line;
	size_t star = (size_t)len - (FRAME_MIN - 4);
	int32_t crc, seq;

	if (len > AGENT_LINE_MAX) {
		send_nak(agent, NAK_OVF);
		return;
	}
	if (len < FRAME_MIN || (crc = read_hex(line + star + 1, 4)) != crc16(line, star) ||
	    (seq = read_hex(line, 2)) < 0) {
		send_nak(agent, NAK_CRC);
		return;
	}
	line[star] = '\0';
	take_frame(agent, (uint32_t)seq, (uint32_t)crc);
}

void agent_receive(struct agent *agent, uint8_t byte)
{
	bool sentinel = byte == 'H' && agent->last_byte == '@';
	unsigned len = agent->line_len;

	agent->last_byte = byte;
	if (sentinel) {
		agent->line_len = 0;
	} else if (byte == '\n' || byte == '\r') {
		agent->line_len = NO_FRAME;
		if (len != NO_FRAME)
			end_frame(agent, len);
	} else if (len <= AGENT_LINE_MAX) {
		agent->line_len++;
		if (len < AGENT_LINE_MAX)
			agent->line[len] = (char)byte;
	}
}

void agent_init(struct agent *agent, const struct agent_ops *ops, void *context, uint8_t *store,
                uint16_t store_size)
{
	*agent = (struct agent){
		.ops = ops,
		.context = context,
		.store = store,
		.store_size = store_size,
		.uploading = NO_BLOB,
		.last_command = NO_COMMAND,
		.line_len = NO_FRAME,
	};
	agent->boot = ops->boot_nonce(context);
}
