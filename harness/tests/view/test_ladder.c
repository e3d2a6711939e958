#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/verdict/cells.h"
#include "view/ladder.h"
#include "view/show.h"

/* A board that lies about the version, and whose close_notify no key opens. */
#define WIRE \
	"'start_us': 1000000, 'version': 'TLS 1.3', 'tcp': {'syn': true}, 'messages': [" \
	" {'t_ms': 1.5, 'from': 'client', 'type': 'client_hello', 'length': 200," \
	"  'protected': false}," \
	" {'t_ms': 2, 'from': 'server', 'type': 'finished', 'length': 32, 'protected': true}," \
	" {'t_ms': 3, 'from': 'client', 'type': 'encrypted', 'content_type': 'alert'," \
	"  'length': 19}," \
	" {'t_ms': 4, 'from': 'server', 'type': 'alert', 'length': 2, 'protected': true}]," \
	" 'alerts': [{'t_ms': 4, 'from': 'server', 'level': 'fatal'," \
	"  'description': 'decrypt_error', 'number': 51}]," \
	" 'close': {'first': 'client', 'client': 'rst', 'server': 'none', 't_ms': 5}"
#define CELL \
	"{'id': 's/c/b', 'board': 'b', 'outcome': 'fail', 'reason': 'alert-from-server'," \
	" 'server': {}, 'expect': {}, 'witnesses': {'wire': {" WIRE "}," \
	" 'server': {'connected': true, 'handshake': true, 'version': '1.3', 'start_us': 999000," \
	"  'timings_ms': {'accept': 1.2, 'handshake': 2, 'total': 5.5}, 'ended': 'alert'}," \
	" 'board': {'start_us': 998000, 'version': '1.2', 'phase': 'app', 'status': '-1'," \
	"  'log': '[   0.004] [    9.1] hi \\u001b[2J\\n'}}}"

static void assert_ladder(const char *cell_text, bool unicode, const char *expected)
{
	struct terminal_options options = {.unicode = unicode, .width = 80};
	json_t *cell = parsed(cell_text);
	struct buf out = {0};

	ladder_cell(cell, &options, &out);
	assert_string_equal(buf_string(&out), expected);
	buf_fini(&out);
	json_decref(cell);
}

static void three_witnesses_stand_on_one_clock(void **state)
{
	(void)state;
	assert_ladder(CELL, true,
	              "        ms\n"
	              "     0.000  board ──▶ server  TCP connection\n"
	              "     0.200            server  takes the connection\n"
	              "     1.500  board ──▶ server  client_hello, 200 bytes, plain\n"
	              "     2.000  board ◀── server  finished, 32 bytes, decrypted\n"
	              "     2.000  board             [ 9.1] hi <1b>[2J\n"
	              "     2.200            server  handshake complete\n"
	              "     3.000  board ──▶ server  encrypted alert, 19 bytes, opaque\n"
	              "     4.000  board ◀── server  alert decrypt_error (51), 2 bytes, decrypted ◀\n"
	              "                              ended it first\n"
	              "     4.500            server  ends: alert\n"
	              "     5.000  board ──▶ server  TCP reset\n"
	              "            board             reports -1 in phase app\n"
	              "≠ The witnesses disagree on the TLS version: the board says 1.2; the wire says\n"
	              "1.3; the server says 1.3.\n");
}

static void ladder_in_ascii_has_no_other_character(void **state)
{
	struct terminal_options options = {.width = 80};
	json_t *cell = parsed(CELL);
	struct buf out = {0};

	(void)state;
	ladder_cell(cell, &options, &out);
	for (size_t i = 0; i < out.len; i++)
		assert_true(out.data[i] < 0x80);
	assert_non_null(strstr(buf_string(&out), "board --> server  client_hello"));
	buf_fini(&out);
	json_decref(cell);
}

static void cell_without_a_witness_has_no_ladder(void **state)
{
	(void)state;
	assert_ladder("{'outcome': 'skip'}", true, "");
	assert_ladder("{'outcome': 'error', 'witnesses': {'wire': null, 'server': null,"
	              " 'board': null}}", true, "");
}

static void board_that_leaves_before_the_handshake_is_over_is_marked(void **state)
{
	(void)state;
	assert_ladder("{'outcome': 'fail', 'witnesses': {'server': null, 'board': null, 'wire': {"
	              " 'messages': [], 'close': {'first': 'client', 'client': 'fin', 't_ms': 2}}}}",
	              true,
	              "        ms\n"
	              "     2.000  board ──▶ server  TCP end ◀ ended it first\n");
}

static void assert_connection(const char *connection_text, const char *expected)
{
	struct terminal_options options = {.unicode = true, .width = 80};
	json_t *connection = parsed(connection_text);
	struct buf out = {0};

	ladder_connection(connection, &options, &out);
	assert_string_equal(buf_string(&out), expected);
	buf_fini(&out);
	json_decref(connection);
}

static void only_who_leaves_without_a_handshake_is_marked_in_a_capture(void **state)
{
	(void)state;
	assert_connection(
		"{'messages': [{'t_ms': 1, 'from': 'client', 'type': 'finished'},"
		" {'t_ms': 2, 'from': 'server', 'type': 'encrypted', 'content_type': 'handshake'}],"
		" 'close': {'first': 'client', 'client': 'fin', 't_ms': 3}}",
		"        ms\n"
		"     1.000  client ──▶ server  finished, plain\n"
		"     2.000  client ◀── server  encrypted handshake, opaque\n"
		"     3.000  client ──▶ server  TCP end\n");
	assert_connection(
		"{'messages': [{'t_ms': 1, 'from': 'client', 'type': 'finished'}],"
		" 'close': {'first': 'server', 'server': 'fin', 't_ms': 3}}",
		"        ms\n"
		"     1.000  client ──▶ server  finished, plain\n"
		"     3.000  client ◀── server  TCP end ◀ ended it first\n");
}

static void hello_retry_request_is_told_from_a_server_hello(void **state)
{
	(void)state;
	assert_connection(
		"{'hello_retry_request': {}, 'messages': ["
		" {'t_ms': 1, 'from': 'server', 'type': 'server_hello', 'length': 84},"
		" {'t_ms': 2, 'from': 'client', 'type': 'client_hello', 'length': 200},"
		" {'t_ms': 3, 'from': 'server', 'type': 'server_hello', 'length': 183}]}",
		"        ms\n"
		"     1.000  client ◀── server  hello_retry_request, 84 bytes, plain\n"
		"     2.000  client ──▶ server  client_hello, 200 bytes, plain\n"
		"     3.000  client ◀── server  server_hello, 183 bytes, plain\n");
}

/* Whatever a board writes, no control reaches the terminal. */
static void page_of_a_cell_holds_no_control(void **state)
{
	struct terminal_options options = {.unicode = true, .width = 80};
	json_t *results = json_pack("{s:{}, s:[o]}", "run", "cells", parsed(CELL));
	struct buf out = {0};

	(void)state;
	show_cell(results, json_array_get(json_object_get(results, "cells"), 0), "f", &options,
	          &out);
	for (size_t i = 0; i < out.len; i++)
		assert_true(out.data[i] >= ' ' || out.data[i] == '\n');
	assert_non_null(strstr(buf_string(&out), "shakedown run"));
	buf_fini(&out);
	json_decref(results);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(three_witnesses_stand_on_one_clock),
		cmocka_unit_test(ladder_in_ascii_has_no_other_character),
		cmocka_unit_test(cell_without_a_witness_has_no_ladder),
		cmocka_unit_test(board_that_leaves_before_the_handshake_is_over_is_marked),
		cmocka_unit_test(only_who_leaves_without_a_handshake_is_marked_in_a_capture),
		cmocka_unit_test(hello_retry_request_is_told_from_a_server_hello),
		cmocka_unit_test(page_of_a_cell_holds_no_control),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
