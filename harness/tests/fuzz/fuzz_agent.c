/*
 * The board's end of the UART. An input is what comes over the line; a piece of it between newlines
 * that begins with '!' is made a frame, with sentinel and CRC, so that commands are reached.
 */
#include "tests/fuzz/fuzz.h"

#include "firmware/agent.h"

#define STORE 600

/* Whatever the agent hands out lies within its limits. */
struct board {
	struct agent agent;
	uint8_t store[STORE];
	bool busy;
	size_t n_written;
};

static void op_write(void *context, const char *text, size_t len)
{
	struct board *board = context;

	CHECK(len <= AGENT_LINE_MAX + 2);
	for (size_t i = 0; i < len; i++)
		board->n_written += text[i] != '\0';
}

static uint32_t op_boot_nonce(void *context)
{
	(void)context;
	return 1;
}

static size_t length_of(const char *text)
{
	size_t len = text != NULL ? strlen(text) : 0;

	CHECK(len <= AGENT_LINE_MAX);
	return len;
}

static const char *op_run(void *context, uint16_t port, const char *const text[])
{
	struct board *board = context;
	size_t len = 0;

	for (int i = 0; i < AGENT_N_RUN_TEXTS; i++)
		len += length_of(text[i]);
	CHECK(!board->busy && len <= AGENT_LINE_MAX && strlen(text[AGENT_ID]) <= AGENT_ID_MAX);
	board->busy = true;
	return port == 1 ? "sni" : NULL;
}

static enum agent_state op_status(void *context, struct agent_report *report)
{
	struct board *board = context;
	bool busy = board->busy;

	board->busy = false;
	if (report == NULL)
		return busy ? AGENT_BUSY : AGENT_DONE;
	report->text[AGENT_PHASE] = "close";
	report->text[AGENT_STATUS] = "0x20007 and a % sign";
	report->text[AGENT_SUITE] = "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256";
	report->text[AGENT_SIGNATURE] =
		"ecdsa_brainpoolP512r1tls13_sha512_and_more_of_it_to_fill_the_line";
	return busy ? AGENT_BUSY : AGENT_DONE;
}

static void op_abort(void *context)
{
	((struct board *)context)->busy = false;
}

static bool op_set_time(void *context, uint32_t unix_s)
{
	(void)context;
	return unix_s % 2 == 0;
}

static const struct agent_ops ops = {
	.stack = "Fuzz/1.0",
	.caps = "ca,cert,key,sni,min,max,alpn,psk,resume",
	.write = op_write,
	.boot_nonce = op_boot_nonce,
	.run = op_run,
	.status = op_status,
	.abort = op_abort,
	.set_time = op_set_time,
	.reset = op_abort,
};

static void give(struct board *board, const void *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		agent_receive(&board->agent, ((const uint8_t *)bytes)[i]);
}

/* CRC-16/CCITT-FALSE. */
static uint16_t crc_of(struct bytes bytes)
{
	uint16_t crc = 0xffff;

	for (size_t i = 0; i < bytes.len; i++) {
		crc ^= (uint16_t)(bytes.data[i] << 8);
		for (int bit = 0; bit < 8; bit++)
			crc = (uint16_t)((crc & 0x8000) != 0 ? crc << 1 ^ 0x1021 : crc << 1);
	}
	return crc;
}

static void give_line(struct board *board, struct bytes line)
{
	char tail[16];

	if (line.len == 0 || line.data[0] != '!') {
		give(board, line.data, line.len);
		give(board, "\n", 1);
		return;
	}
	line.data++;
	line.len--;
	give(board, "\n@H", 3);
	give(board, line.data, line.len);
	snprintf(tail, sizeof(tail), "*%04X\n", crc_of(line));
	give(board, tail, strlen(tail));
}

static void check_blobs(const struct board *board)
{
	for (int name = 0; name < AGENT_N_BLOBS; name++) {
		struct agent_blob blob = agent_blob(&board->agent, (enum agent_blob_name)name);

		CHECK(blob.len == 0 || (blob.data >= board->store &&
		                        blob.data + blob.len <= board->store + STORE));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct board *board = calloc(1, sizeof(*board));
	size_t begin = 0;

	CHECK(board != NULL);
	agent_init(&board->agent, &ops, board, board->store, sizeof(board->store));
	for (size_t end = 0; end <= size; end++)
		if (end == size || data[end] == '\n') {
			give_line(board, (struct bytes){data + begin, end - begin});
			check_blobs(board);
			begin = end + 1;
		}
	free(board);
	return 0;
}
