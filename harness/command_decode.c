#include "command.h"

#include "flow/decode_file.h"
#include "view/hex.h"
#include "view/ladder.h"

#include <stdio.h>

enum { DECODE_FILE, DECODE_JSON, DECODE_KEYLOG, DECODE_FIELDS, DECODE_WRITE, DECODE_LINT,
       DECODE_KEY, DECODE_LADDER, DECODE_HEX, DECODE_FILTERS, DECODE_ALERT = DECODE_FILTERS + 3 };

/* The options of decode that stand for a filter each, after DECODE_FILTERS. */
static int (*const filters[])(struct filter *filter, const char *word, struct error *error) = {
	filter_add_port, filter_add_host, filter_add_name, filter_add_alert};

#define N_FILTERS (sizeof(filters) / sizeof(filters[0]))

static int read_filter(const struct option_words *options, struct filter *filter,
                       struct error *error)
{
	int rc = 0;

	for (size_t i = 0; i < N_FILTERS; i++) {
		const struct option_words *option = &options[DECODE_FILTERS + i];

		if (option->bare)
			rc = filters[i](filter, NULL, error);
		for (size_t j = 0; rc == 0 && j < option->n; j++)
			rc = filters[i](filter, option->words[j], error);
		if (rc != 0)
			return rc;
	}
	return 0;
}

/*
 * Leak checkers start a thread when the program ends, which the filter forbids. A new capture takes
 * its name at the end, so its writer needs the file system.
 */
#ifdef __SANITIZE_ADDRESS__
#define CONFINES false
#else
#define CONFINES true
#endif

static struct terminal_options terminal; /* what standard output is; not to be asked later */

/* Below the heading of its connection. */
static void put_ladder(const struct connection *connection, const json_t *told, struct buf *out)
{
	(void)connection;
	ladder_connection(told, &terminal, out);
}

static void put_hex(const struct connection *connection, const json_t *told, struct buf *out)
{
	struct bytes message = transcript_client_hello(connection->transcript);

	(void)told;
	if (message.len > 0)
		hex_hello(message, &terminal, out);
	else
		buf_text(out, "No whole ClientHello was seen.\n");
}

static void put_both(const struct connection *connection, const json_t *told, struct buf *out)
{
	put_ladder(connection, told, out);
	put_hex(connection, told, out);
}

/* By whether --ladder is given, then --hex. */
static void (*const views[2][2])(const struct connection *connection, const json_t *told,
                                 struct buf *out) = {{NULL, put_hex}, {put_ladder, put_both}};

/* One capture, and once what can be given once. */
static int check_words(const struct option_words *options, struct error *error)
{
	const struct option_words *files = &options[DECODE_FILE];

	if (files->n == 0)
		return error_set(error, ERR_INPUT,
		                 "decode takes one capture (pcap or pcapng; - for standard input)");
	if (files->n > 1)
		return error_set(error, ERR_INPUT, "decode takes one capture, not both %s and %s%s",
		                 files->words[0], files->words[1],
		                 options[DECODE_ALERT].bare
		                         ? "; an alert is a number or has IANA's name"
		                         : "");
	for (size_t i = DECODE_KEYLOG; i <= DECODE_WRITE; i++)
		if (options[i].n > 1)
			return error_set(error, ERR_INPUT, "%s can be given once", options[i].name);
	return 0;
}

int command_decode(char **arguments, struct error *error)
{
	struct option_words options[] = {
		[DECODE_FILE] = {0},
		[DECODE_JSON] = {.name = "--json", .flag = true},
		[DECODE_KEYLOG] = {.name = "--keylog", .one = "a key log (SSLKEYLOGFILE)"},
		[DECODE_FIELDS] = {.name = "--fields",
		                   .one = "paths in the JSON, such as client.address,version"},
		[DECODE_WRITE] = {.name = "--write", .one = "the name of a new capture"},
		[DECODE_LINT] = {.name = "--lint", .flag = true},
		[DECODE_KEY] = {.name = "--key", .one = "a file with a private RSA key"},
		[DECODE_LADDER] = {.name = "--ladder", .flag = true},
		[DECODE_HEX] = {.name = "--hex", .flag = true},
		[DECODE_FILTERS] = {.name = "--port", .one = "a port"},
		{.name = "--host", .one = "an address"},
		{.name = "--sni", .one = "a server's name"},
		[DECODE_ALERT] = {.name = "--alert", .one = "an alert", .optional = filter_is_alert},
		{0},
	};
	struct decode_request request = {0};
	int rc = command_sort(arguments, options, error);

	if (rc == 0)
		rc = check_words(options, error);
	if (rc == 0)
		rc = read_filter(options, &request.filter, error);
	request.path = command_word(&options[DECODE_FILE]);
	request.format = options[DECODE_JSON].given ? EMIT_JSON : EMIT_TEXT;
	request.keylog = command_word(&options[DECODE_KEYLOG]);
	request.private_keys = options[DECODE_KEY].words;
	request.n_private_keys = options[DECODE_KEY].n;
	request.fields = command_word(&options[DECODE_FIELDS]);
	request.lint = options[DECODE_LINT].given;
	request.write = command_word(&options[DECODE_WRITE]);
	request.confine = CONFINES && request.write == NULL;
	terminal = terminal_options_for(stdout);
	request.tell = views[options[DECODE_LADDER].given][options[DECODE_HEX].given];
	if (rc == 0 && request.tell != NULL &&
	    (request.fields != NULL || options[DECODE_JSON].given))
		rc = error_set(error, ERR_INPUT, "%s goes neither with --json nor with --fields",
		               options[DECODE_LADDER].given ? "--ladder" : "--hex");
	if (rc == 0)
		rc = decode_file(&request, stdout, stderr, error);
	return -rc;
}
