#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "firmware/agent.h"
#include "tests/firmware/host.h"

#define STORE 512

/* A board whose runs take a while: `busy_for` counts the questions until a run has ended. */
struct board {
	struct agent agent;
	uint8_t store[STORE];
	int n_boots, n_runs, n_runs_this_boot, n_aborts, n_resets;
	int busy_for;
	bool ran;
	uint32_t time;
	const char *refuses; /* a key that `run` will not honour */
	char asked[256];     /* what the last run was asked */
	struct agent_report report;
	void (*write)(struct board *board, const char *text, size_t len);
	struct wire *wire;
	char written[4096];
	size_t n_written;
};

static void op_write(void *context, const char *text, size_t len)
{
	struct board *board = context;

	board->write(board, text, len);
}

static uint32_t op_boot_nonce(void *context)
{
	struct board *board = context;

	return 0xB0070000u + (uint32_t)board->n_boots;
}

static const char *text_or_dash(const char *text)
{
	return text != NULL ? text : "-";
}

static const char *op_run(void *context, uint16_t port, const char *const text[])
{
	struct board *board = context;

	if (board->refuses != NULL)
		return board->refuses;
	snprintf(board->asked, sizeof(board->asked), "%s|%s|%u|%s|%s|%s|%s|%s|%s|%s",
	         text[AGENT_ID], text[AGENT_HOST], port, text_or_dash(text[AGENT_SNI]),
	         text_or_dash(text[AGENT_MIN]), text_or_dash(text[AGENT_MAX]),
	         text_or_dash(text[AGENT_ALPN]), text_or_dash(text[AGENT_PSK]),
	         text_or_dash(text[AGENT_SEND]), text_or_dash(text[AGENT_RESUME]));
	board->n_runs++;
	board->n_runs_this_boot++;
	board->busy_for = 3;
	board->ran = true;
	return NULL;
}

static enum agent_state op_status(void *context, struct agent_report *report)
{
	struct board *board = context;

	if (!board->ran)
		return AGENT_IDLE;
	if (report != NULL)
		*report = board->report;
	return board->busy_for-- > 0 ? AGENT_BUSY : AGENT_DONE;
}

static void op_abort(void *context)
{
	struct board *board = context;

	board->n_aborts++;
	board->busy_for = 0;
}

static bool op_set_time(void *context, uint32_t unix_s)
{
	struct board *board = context;

	board->time = unix_s;
	return unix_s != 0;
}

static void op_reset(void *context)
{
	struct board *board = context;

	board->n_resets++;
}

static const struct agent_ops OPS = {
	.stack = "Test/1.0",
	.caps = "ca,sni",
	.write = op_write,
	.boot_nonce = op_boot_nonce,
	.run = op_run,
	.status = op_status,
	.abort = op_abort,
	.set_time = op_set_time,
	.reset = op_reset,
};

static void board_boot(struct board *board)
{
	board->n_boots++;
	board->n_runs_this_boot = 0;
	board->ran = false;
	board->report = (struct agent_report){
		{[AGENT_PHASE] = "close", [AGENT_STATUS] = "0", [AGENT_MS] = "12"}};
	agent_init(&board->agent, &OPS, board, board->store, sizeof(board->store));
}

/* ---- A line that keeps every byte ---- */

static void keep_written(struct board *board, const char *text, size_t len)
{
	assert_true(board->n_written + len < sizeof(board->written));
	memcpy(board->written + board->n_written, text, len);
	board->n_written += len;
	board->written[board->n_written] = '\0';
}

static void give(struct board *board, const char *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		agent_receive(&board->agent, (uint8_t)bytes[i]);
}

static void clean_send(void *context, const char *bytes, size_t len)
{
	give(context, bytes, len);
}

/* All that was written is there at once; then time is up. */
static int clean_receive(void *context)
{
	struct board *board = context;
	int byte;

	if (board->n_written == 0)
		return -1;
	byte = (uint8_t)board->written[0];
	memmove(board->written, board->written + 1, board->n_written--);
	return byte;
}

static struct board the_board;

static struct host quiet_host(void)
{
	the_board = (struct board){.write = keep_written};
	board_boot(&the_board);
	return (struct host){
		.send = clean_send, .receive = clean_receive, .line = &the_board, .n_tries = 1};
}

static struct host greeted_host(void)
{
	struct host host = quiet_host();

	assert_true(host_ask(&host, "HELLO"));
	return host;
}

/* What the board says to raw bytes; valid until the next call. */
static const char *answer_to(struct board *board, const char *bytes)
{
	static char answer[sizeof(board->written)];

	board->n_written = 0;
	board->written[0] = '\0';
	give(board, bytes, strlen(bytes));
	memcpy(answer, board->written, sizeof(answer));
	board->n_written = 0;
	return answer;
}

/* Asks one command and expects one reply. */
static void expect(struct host *host, const char *command, const char *reply)
{
	assert_true(host_ask(host, "%s", command));
	assert_string_equal(host->reply, reply);
}

static void crc_has_the_check_value_of_the_catalogue(void **state)
{
	struct host host = greeted_host();

	(void)state;
	assert_int_equal(host_crc("123456789", 9), 0x29B1);
	/* The agent's own CRC, through END: a blob of those nine bytes. */
	expect(&host, "BLOB name=ca len=9", "OK off=0");
	expect(&host, "DATA off=0 b=MTIzNDU2Nzg5", "OK off=9");
	expect(&host, "END crc=29B1", "OK off=9");
}

static void hello_tells_version_and_limits(void **state)
{
	struct host host = quiet_host();

	(void)state;
	expect(&host, "HELLO", "OK v=1 line=128 blob=512 boot=B0070001 stack=Test/1.0 caps=ca,sni");
}

static void reply_is_one_line_with_its_crc(void **state)
{
	struct host host = quiet_host();
	char frame[64];
	const char *answer;

	(void)state;
	host.seq = 0xA5;
	host_frame(&host, "ABORT", frame, sizeof(frame));
	answer = answer_to(&the_board, frame);
	assert_string_equal(answer, "\r\n@TA5 OK*5802\r\n");
	assert_int_equal(host_crc("A5 OK", 5), 0x5802);
}

static void blob_comes_over_in_pieces(void **state)
{
	struct host host = greeted_host();
	uint8_t der[300];
	struct agent_blob blob;

	(void)state;
	for (size_t i = 0; i < sizeof(der); i++)
		der[i] = (uint8_t)(i * 7);
	assert_true(host_upload(&host, "cert", (struct bytes){der, sizeof(der)}));
	blob = agent_blob(&the_board.agent, AGENT_CERT);
	assert_int_equal(blob.len, sizeof(der));
	assert_memory_equal(blob.data, der, sizeof(der));
	assert_int_equal(agent_blob(&the_board.agent, AGENT_CA).len, 0);
}

static void blob_that_is_replaced_leaves_the_others_whole(void **state)
{
	struct host host = greeted_host();
	struct bytes ca = {(const uint8_t *)"first certificate", 17};
	struct bytes cert = {(const uint8_t *)"second", 6};
	struct bytes key = {(const uint8_t *)"a key", 5};
	struct bytes longer = {(const uint8_t *)"a certificate that is longer", 28};

	(void)state;
	assert_true(host_upload(&host, "ca", ca));
	assert_true(host_upload(&host, "cert", cert));
	assert_true(host_upload(&host, "key", key));
	assert_true(host_upload(&host, "ca", longer));
	assert_true(host_upload(&host, "cert", (struct bytes){NULL, 0}));
	assert_int_equal(agent_blob(&the_board.agent, AGENT_CA).len, 28);
	assert_memory_equal(agent_blob(&the_board.agent, AGENT_CA).data, longer.data, 28);
	assert_int_equal(agent_blob(&the_board.agent, AGENT_CERT).len, 0);
	assert_memory_equal(agent_blob(&the_board.agent, AGENT_KEY).data, key.data, 5);
}

static void wrong_offset_is_answered_with_the_expected_one(void **state)
{
	struct host host = greeted_host();

	(void)state;
	expect(&host, "BLOB name=key len=6", "OK off=0");
	expect(&host, "DATA off=3 b=QUJD", "OK off=0");
	expect(&host, "DATA off=0 b=QUJD", "OK off=3");
	expect(&host, "DATA off=0 b=QUJD", "OK off=3");
	assert_int_equal(agent_blob(&the_board.agent, AGENT_KEY).len, 0);
}

static void upload_that_goes_wrong_is_refused_with_a_reason(void **state)
{
	struct host host = greeted_host();

	(void)state;
	expect(&host, "DATA off=0 b=QUJD", "OK off=0");
	expect(&host, "END crc=0000", "ERR why=crc");
	expect(&host, "BLOB name=root len=3", "ERR why=value key=name");
	expect(&host, "BLOB name=ca1 len=3", "ERR why=value key=name");
	expect(&host, "BLOB name=ca len=-1", "ERR why=value key=len");
	expect(&host, "BLOB name=ca len=4294967296", "ERR why=value key=len");
	expect(&host, "BLOB name=ca len=513", "ERR why=space key=len");
	expect(&host, "BLOB name=ca len=4", "OK off=0");
	expect(&host, "DATA off=0 b=Q", "OK off=0");
	expect(&host, "DATA off=0 b=?QUJD", "OK off=0");
	expect(&host, "DATA off=0 b=QU?D", "OK off=1");
	expect(&host, "DATA off=1 b=QkM=", "OK off=3");
	expect(&host, "DATA off=3 b=RERERA==", "OK off=4");
	expect(&host, "END crc=1234", "ERR why=crc");
	expect(&host, "END crc=1234", "ERR why=crc");
	expect(&host, "BLOB name=ca len=4", "OK off=0");
	expect(&host, "DATA off=0 b=QUJD", "OK off=3");
	expect(&host, "END crc=F508", "ERR why=crc");
	assert_int_equal(host_crc("ABC", 3), 0xF508);
	assert_int_equal(agent_blob(&the_board.agent, AGENT_CA).len, 0);
}

static void store_can_be_filled_to_the_last_byte(void **state)
{
	struct host host = greeted_host();
	static const uint8_t full[STORE];

	(void)state;
	assert_true(host_upload(&host, "ca", (struct bytes){full, STORE}));
	expect(&host, "BLOB name=key len=1", "ERR why=space key=len");
	assert_int_equal(agent_blob(&the_board.agent, AGENT_CA).len, STORE);
}

static void run_gets_its_values_decoded(void **state)
{
	struct host host = greeted_host();

	(void)state;
	expect(&host,
	       "RUN id=7 host=::1 port=443 sni=a.b min=1.2 max=1.3 alpn=h2,x send=hi%20%2A%25%0a",
	       "ACK");
	assert_string_equal(the_board.asked, "7|::1|443|a.b|1.2|1.3|h2,x|-|hi *%\n|-");
	the_board.busy_for = 0;
	expect(&host, "RUN id=8 host=h port=1 psk=me:00ff resume=1", "ACK");
	assert_string_equal(the_board.asked, "8|h|1|-|-|-|-|me:00ff|-|1");
}

static void command_that_cannot_be_done_is_refused_with_a_reason(void **state)
{
	struct host host = greeted_host();

	(void)state;
	expect(&host, "FROB", "ERR why=verb");
	expect(&host, "run id=1", "ERR why=verb");
	expect(&host, "HELLO x=1", "ERR why=key key=x");
	expect(&host, "STAT busy", "ERR why=key key=busy");
	expect(&host, "RUN id=1 host=h", "ERR why=missing key=port");
	expect(&host, "RUN id=1 id=2 host=h port=1", "ERR why=key key=id");
	expect(&host, "RUN id= host=h port=1", "ERR why=value key=id");
	expect(&host, "RUN id=1 host=h port=0", "ERR why=value key=port");
	expect(&host, "RUN id=1 host=h port=65536", "ERR why=value key=port");
	expect(&host, "RUN id=1 host=h port=1 send=%4", "ERR why=value key=send");
	expect(&host, "RUN id=1 host=h port=1 send=a%00b", "ERR why=value key=send");
	expect(&host, "RUN id=1234567890123 host=h port=1", "ERR why=value key=id");
	expect(&host, "TIME t=0", "ERR why=unsupported key=t");
	expect(&host, "TIME t=now", "ERR why=value key=t");
	the_board.refuses = "alpn";
	expect(&host, "RUN id=1 host=h port=1 alpn=h2", "ERR why=unsupported key=alpn");
	assert_int_equal(the_board.n_runs, 0);
}

static void board_that_is_busy_takes_no_second_run(void **state)
{
	struct host host = greeted_host();

	(void)state;
	expect(&host, "STAT", "OK boot=B0070001 idle");
	expect(&host, "RUN id=1 host=h port=1", "ACK");
	expect(&host, "RUN id=2 host=h port=1", "ERR why=busy");
	expect(&host, "BLOB name=ca len=1", "ERR why=busy");
	expect(&host, "STAT", "OK boot=B0070001 busy");
	expect(&host, "STAT", "OK boot=B0070001 run=1 ph=close rc=0 ms=12");
	assert_int_equal(the_board.n_runs, 1);
}

static void refused_run_leaves_the_last_result_alone(void **state)
{
	struct host host = greeted_host();

	(void)state;
	expect(&host, "RUN id=1 host=h port=1", "ACK");
	the_board.busy_for = 0;
	the_board.refuses = "min";
	expect(&host, "RUN id=2 host=h port=1 min=1.3", "ERR why=unsupported key=min");
	expect(&host, "STAT", "OK boot=B0070001 run=1 ph=close rc=0 ms=12");
}

static void report_longer_than_a_line_is_told_in_parts(void **state)
{
	struct host host = greeted_host();

	(void)state;
	the_board.report = (struct agent_report){
		{"close", "0x0A000410", "r40", "1.3", "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
	         "4294967294", "secp256r1", "ecdsa_secp256r1_sha256", "0"},
	};
	expect(&host, "RUN id=1 host=h port=1", "ACK");
	the_board.busy_for = 0;
	expect(&host, "STAT",
	       "OK boot=B0070001 run=1 ph=close rc=0x0A000410 al=r40 ver=1.3 "
	       "cs=TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 more=5");
	expect(&host, "STAT from=5",
	       "OK boot=B0070001 run=1 ms=4294967294 grp=secp256r1 sig=ecdsa_secp256r1_sha256 "
	       "heap=0");
	expect(&host, "STAT from=99", "OK boot=B0070001 run=1");
	expect(&host, "STAT from=x", "ERR why=value key=from");
}

static void value_that_fits_no_line_is_left_out(void **state)
{
	struct host host = greeted_host();
	char long_suite[140];

	(void)state;
	memset(long_suite, 'S', sizeof(long_suite) - 1);
	long_suite[sizeof(long_suite) - 1] = '\0';
	the_board.report.text[AGENT_SUITE] = long_suite;
	expect(&host, "RUN id=1 host=h port=1", "ACK");
	the_board.busy_for = 0;
	expect(&host, "STAT", "OK boot=B0070001 run=1 ph=close rc=0 more=4");
	expect(&host, "STAT from=4", "OK boot=B0070001 run=1 ms=12");
}

static void reported_values_are_encoded(void **state)
{
	struct host host = greeted_host();

	(void)state;
	the_board.report.text[AGENT_STATUS] = "a b*c%d@He\n\xff";
	expect(&host, "RUN id=1 host=h port=1", "ACK");
	the_board.busy_for = 0;
	expect(&host, "STAT", "OK boot=B0070001 run=1 ph=close rc=a%20b%2Ac%25d%40He%0A%FF ms=12");
}

static void repeated_command_gets_the_same_reply_and_is_not_done_again(void **state)
{
	struct host host = greeted_host();

	(void)state;
	expect(&host, "RUN id=1 host=h port=1", "ACK");
	for (int i = 0; i < 5; i++) {
		assert_true(host_ask_again(&host, "RUN id=1 host=h port=1"));
		assert_string_equal(host.reply, "ACK");
	}
	assert_int_equal(the_board.n_runs, 1);
	expect(&host, "STAT", "OK boot=B0070001 busy");
	for (int i = 0; i < 5; i++) {
		assert_true(host_ask_again(&host, "STAT"));
		assert_string_equal(host.reply, "OK boot=B0070001 busy");
	}
}

static void nak_says_what_is_wrong_with_a_line(void **state)
{
	struct host host = quiet_host();
	char frame[300], longest[AGENT_LINE_MAX + 8];

	(void)state;
	assert_string_equal(answer_to(&the_board, "\n@H01 HELLO*0000\n"), "\r\n@TNAK crc*0B06\r\n");
	assert_string_equal(answer_to(&the_board, "\n@H\n"), "\r\n@TNAK crc*0B06\r\n");
	host_frame(&host, "RUN id=1 host=h port=1", frame, sizeof(frame));
	assert_string_equal(answer_to(&the_board, frame), "\r\n@TNAK seq*E0F2\r\n");
	memset(longest, 'x', sizeof(longest));
	memcpy(longest, "@H", 2);
	longest[sizeof(longest) - 2] = '\n';
	longest[sizeof(longest) - 1] = '\0';
	assert_string_equal(answer_to(&the_board, longest), "\r\n@TNAK ovf*E206\r\n");
	assert_int_equal(host_crc("NAK crc", 7), 0x0B06);
	assert_int_equal(host_crc("NAK seq", 7), 0xE0F2);
	assert_int_equal(host_crc("NAK ovf", 7), 0xE206);
}

static void number_used_again_for_another_command_is_refused(void **state)
{
	struct host host = greeted_host();
	char frame[64];

	(void)state;
	host_frame(&host, "STAT", frame, sizeof(frame));
	assert_string_equal(answer_to(&the_board, frame), "\r\n@TNAK seq*E0F2\r\n");
	/* A new host may start with any number, if it says HELLO. */
	expect(&host, "STAT", "OK boot=B0070001 idle");
	host.seq--;
	expect(&host, "HELLO", "OK v=1 line=128 blob=512 boot=B0070001 stack=Test/1.0 caps=ca,sni");
}

static void board_that_restarted_wants_hello_first(void **state)
{
	struct host host = greeted_host();

	(void)state;
	expect(&host, "RUN id=1 host=h port=1", "ACK");
	board_boot(&the_board);
	/* The host missed the ACK, and the restart. */
	assert_false(host_ask_again(&host, "RUN id=1 host=h port=1"));
	assert_int_equal(the_board.n_runs_this_boot, 0);
	expect(&host, "STAT", "OK boot=B0070002 idle");
	expect(&host, "HELLO", "OK v=1 line=128 blob=512 boot=B0070002 stack=Test/1.0 caps=ca,sni");
	expect(&host, "RUN id=1 host=h port=1", "ACK");
}

static void abort_reset_and_time_reach_the_board(void **state)
{
	struct host host = greeted_host();

	(void)state;
	expect(&host, "TIME t=1726669169", "OK");
	assert_int_equal(the_board.time, 1726669169);
	expect(&host, "ABORT", "OK");
	assert_int_equal(the_board.n_aborts, 1);
	expect(&host, "RESET", "OK");
	assert_int_equal(the_board.n_resets, 1);
}

static void noise_around_a_frame_does_no_harm(void **state)
{
	static const char *const noise[] = {
		"",
		"log of the host\n",
		"half a line",
		"\x1b[31mred\x1b[0m",
		"@T01 OK*1234\r\n",
		"@H",
		"@",
		"@@",
		"@H01 ",
		"@H01 RUN id=1 host=h port=1*",
		"\r\r\n\n",
		"\xff\xfe\x80",
		"*****",
		"\n@H\n",
	};
	struct host host = greeted_host();

	(void)state;
	for (size_t i = 0; i < sizeof(noise) / sizeof(noise[0]); i++) {
		char frame[300], all[600];

		host.seq++;
		host_frame(&host, "ABORT", frame, sizeof(frame));
		/* Without its newline too: the last sentinel in the line wins. */
		for (int without = 0; without < 2; without++) {
			snprintf(all, sizeof(all), "%s%s%s", noise[i], frame + without, noise[i]);
			assert_non_null(strstr(answer_to(&the_board, all), " OK*"));
			give(&the_board, "\n", 1);
		}
	}
	assert_int_equal(the_board.n_aborts, (int)(sizeof(noise) / sizeof(noise[0])));
}

static void line_of_the_greatest_length_is_taken(void **state)
{
	struct host host = greeted_host();
	char command[200], frame[300];
	size_t len;

	(void)state;
	snprintf(command, sizeof(command), "RUN id=1 host=h port=1 send=");
	do {
		strcat(command, "x");
		len = host_frame(&host, command, frame, sizeof(frame));
	} while (len < AGENT_LINE_MAX + 1); /* and the newline that comes before the sentinel */
	expect(&host, command, "ACK");
	assert_int_equal(strlen(strrchr(the_board.asked, 'x')), strlen("x|-"));
}

/* ---- A line that loses and changes bytes ---- */

struct wire {
	struct board *board;
	uint64_t random;
	unsigned loss; /* of 10,000 bytes, so many are dropped and as many changed */
	bool echo, logs, ansi;
	bool reboots;
	uint8_t to_host[65536];
	size_t head, tail;
};

/* xorshift64*: the same noise on every machine. */
static uint32_t draw(struct wire *wire, uint32_t below)
{
	wire->random ^= wire->random >> 12;
	wire->random ^= wire->random << 25;
	wire->random ^= wire->random >> 27;
	return (uint32_t)((wire->random * 0x2545F4914F6CDD1Dull) >> 33) % below;
}

static void to_host(struct wire *wire, uint8_t byte)
{
	uint32_t luck = draw(wire, 10000);

	if (luck < wire->loss)
		return;
	if (luck < 2 * wire->loss)
		byte ^= (uint8_t)(1u << draw(wire, 8));
	assert_true(wire->head < sizeof(wire->to_host));
	wire->to_host[wire->head++] = byte;
}

static void text_to_host(struct wire *wire, const char *text)
{
	while (*text != '\0')
		to_host(wire, (uint8_t)*text++);
}

/* Other tasks of the firmware print whenever they like, also inside a reply. */
static void wire_write(struct board *board, const char *text, size_t len)
{
	struct wire *wire = board->wire;

	for (size_t i = 0; i < len; i++) {
		if (wire->logs && draw(wire, 400) == 0)
			text_to_host(wire, "[net] link is up\r\n");
		if (wire->ansi && draw(wire, 400) == 0)
			text_to_host(wire, "\x1b[32m");
		to_host(wire, (uint8_t)text[i]);
	}
}

static void wire_send(void *context, const char *bytes, size_t len)
{
	struct wire *wire = context;

	for (size_t i = 0; i < len; i++) {
		uint32_t luck = draw(wire, 10000);
		uint8_t byte = (uint8_t)bytes[i];

		if (wire->reboots && draw(wire, 4000) == 0) {
			board_boot(wire->board);
			text_to_host(wire, "\r\n*** booting @T\r\n");
		}
		if (luck < wire->loss)
			continue;
		if (luck < 2 * wire->loss)
			byte ^= (uint8_t)(1u << draw(wire, 8));
		if (wire->echo)
			to_host(wire, byte);
		agent_receive(&wire->board->agent, byte);
	}
}

static int wire_receive(void *context)
{
	struct wire *wire = context;

	if (wire->tail == wire->head) {
		wire->head = wire->tail = 0;
		return -1;
	}
	return wire->to_host[wire->tail++];
}

static struct host noisy_host(struct wire *wire, uint64_t seed)
{
	the_board = (struct board){.write = wire_write, .wire = wire};
	wire->board = &the_board;
	wire->random = seed * 0x9E3779B97F4A7C15ull + 1;
	board_boot(&the_board);
	return (struct host){
		.send = wire_send, .receive = wire_receive, .line = wire, .n_tries = 60};
}

/* One whole run by a host that does everything right. Returns false if the board restarted. */
static bool run_once(struct host *host, int id)
{
	char boot[HOST_REPLY_MAX], now[HOST_REPLY_MAX], run[HOST_REPLY_MAX];
	struct bytes ca = {
		(const uint8_t *)"a certificate of some length, in two pieces at the very "
				 "least, which is why it goes on",
		85};
	char wanted[16];

	assert_true(host_ask(host, "HELLO"));
	assert_true(host_value(host, "boot", boot));
	if (!host_upload(host, "ca", ca) ||
	    !host_ask(host, "RUN id=%d host=127.0.0.1 port=4433 send=hello", id))
		return false;
	assert_string_equal(host->reply, "ACK");
	do {
		assert_true(host_ask(host, "STAT"));
		assert_true(host_value(host, "boot", now));
		if (strcmp(now, boot) != 0)
			return false;
	} while (strstr(host->reply, " busy") != NULL);
	assert_true(host_value(host, "run", run));
	snprintf(wanted, sizeof(wanted), "%d", id);
	assert_string_equal(run, wanted);
	assert_int_equal(agent_blob(&the_board.agent, AGENT_CA).len, ca.len);
	assert_memory_equal(agent_blob(&the_board.agent, AGENT_CA).data, ca.data, ca.len);
	return true;
}

static void each_run_happens_once_on_a_line_that_loses_bytes(void **state)
{
	unsigned n_frames = 0;

	(void)state;
	for (uint64_t seed = 1; seed <= 200; seed++) {
		struct wire wire = {
			.loss = 50, .logs = seed % 2, .echo = seed % 3 == 0, .ansi = seed % 5 == 0};
		struct host host = noisy_host(&wire, seed);

		for (int id = 1; id <= 5; id++) {
			assert_true(run_once(&host, id));
			assert_int_equal(the_board.n_runs, id);
		}
		n_frames += host.n_sent;
	}
	/* The line did lose frames, and not nearly all. */
	assert_in_range(n_frames, 200 * 5 * 8 + 1000, 200 * 5 * 40);
}

static void no_run_happens_twice_in_one_boot_when_the_board_restarts(void **state)
{
	int n_restarts = 0, n_whole = 0;

	(void)state;
	for (uint64_t seed = 1; seed <= 200; seed++) {
		struct wire wire = {.loss = 20, .logs = true, .reboots = true};
		struct host host = noisy_host(&wire, seed);

		for (int id = 1; id <= 5; id++) {
			int runs = the_board.n_runs, boots = the_board.n_boots;
			bool whole = run_once(&host, id);

			if (whole) {
				n_whole++;
				assert_true(the_board.n_runs == runs + 1);
			} else {
				assert_true(the_board.n_boots > boots);
				assert_in_range(the_board.n_runs - runs, 0, 1);
			}
		}
		n_restarts += the_board.n_boots - 1;
	}
	assert_in_range(n_restarts, 50, 2000);
	assert_in_range(n_whole, 300, 1000);
}

static void bytes_of_any_kind_never_start_a_run(void **state)
{
	struct wire wire = {0};
	struct host host = noisy_host(&wire, 7);

	(void)state;
	assert_true(host_ask(&host, "HELLO"));
	the_board.write = keep_written;
	for (int i = 0; i < 300000; i++) {
		static const char likely[] = "@H01 RUN id=1 host=h port=*\r\n%=";
		bool random = draw(&wire, 4) == 0;
		uint8_t byte = random ? (uint8_t)draw(&wire, 256)
		                      : (uint8_t)likely[draw(&wire, sizeof(likely) - 1)];

		agent_receive(&the_board.agent, byte);
		the_board.n_written = 0;
	}
	assert_int_equal(the_board.n_runs, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(crc_has_the_check_value_of_the_catalogue),
		cmocka_unit_test(hello_tells_version_and_limits),
		cmocka_unit_test(reply_is_one_line_with_its_crc),
		cmocka_unit_test(blob_comes_over_in_pieces),
		cmocka_unit_test(blob_that_is_replaced_leaves_the_others_whole),
		cmocka_unit_test(wrong_offset_is_answered_with_the_expected_one),
		cmocka_unit_test(upload_that_goes_wrong_is_refused_with_a_reason),
		cmocka_unit_test(store_can_be_filled_to_the_last_byte),
		cmocka_unit_test(run_gets_its_values_decoded),
		cmocka_unit_test(command_that_cannot_be_done_is_refused_with_a_reason),
		cmocka_unit_test(board_that_is_busy_takes_no_second_run),
		cmocka_unit_test(refused_run_leaves_the_last_result_alone),
		cmocka_unit_test(report_longer_than_a_line_is_told_in_parts),
		cmocka_unit_test(value_that_fits_no_line_is_left_out),
		cmocka_unit_test(reported_values_are_encoded),
		cmocka_unit_test(repeated_command_gets_the_same_reply_and_is_not_done_again),
		cmocka_unit_test(nak_says_what_is_wrong_with_a_line),
		cmocka_unit_test(number_used_again_for_another_command_is_refused),
		cmocka_unit_test(board_that_restarted_wants_hello_first),
		cmocka_unit_test(abort_reset_and_time_reach_the_board),
		cmocka_unit_test(noise_around_a_frame_does_no_harm),
		cmocka_unit_test(line_of_the_greatest_length_is_taken),
		cmocka_unit_test(each_run_happens_once_on_a_line_that_loses_bytes),
		cmocka_unit_test(no_run_happens_twice_in_one_boot_when_the_board_restarts),
		cmocka_unit_test(bytes_of_any_kind_never_start_a_run),
	};

	return cmocka_run_group_tests_name("firmware/agent", tests, NULL, NULL);
}
