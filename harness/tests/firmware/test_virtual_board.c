#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/message.h"
#include "tests/firmware/host.h"
#include "tests/firmware/tls_server.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ANSWER_MS 5000 /* a board that needs longer is broken */

static struct identity rsa, ec, other;

/* ---- A board program and its host ---- */

struct bench {
	pid_t pid;
	int input, output; /* the program's standard input and output */
	int port;          /* its device */
	char device[64];
	struct host host;
	char log[8192]; /* all that came over the port, cut */
	size_t log_len;
};

static void port_send(void *context, const char *bytes, size_t len)
{
	struct bench *bench = context;

	assert_int_equal(write(bench->port, bytes, len), len);
}

static int port_receive(void *context)
{
	struct bench *bench = context;
	struct pollfd readable = {.fd = bench->port, .events = POLLIN};
	uint8_t byte;

	if (poll(&readable, 1, ANSWER_MS) != 1 || read(bench->port, &byte, 1) != 1)
		return -1;
	if (bench->log_len + 1 < sizeof(bench->log))
		bench->log[bench->log_len++] = (char)byte;
	bench->log[bench->log_len] = '\0';
	return byte;
}

static bool program_exists(const char *name)
{
	char *path = file_sibling_program(name);
	bool there = access(path, X_OK) == 0;

	free(path);
	return there;
}

static void spawn(struct bench *bench, char *const arguments[])
{
	int in[2], out[2];

	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	bench->pid = fork();
	if (bench->pid == 0) {
		dup2(in[0], STDIN_FILENO);
		dup2(out[1], STDOUT_FILENO);
		execv(arguments[0], arguments);
		_exit(127);
	}
	close(in[0]);
	close(out[1]);
	bench->input = in[1];
	bench->output = out[0];
}

static void read_device(struct bench *bench)
{
	struct message_reader reader = {0};
	struct bytes attached;
	struct error error = {0};
	const char *event, *device;
	json_t *ready;

	assert_int_equal(message_read(bench->output, &reader, ANSWER_MS, &ready, &attached, &error),
	                 1);
	assert_int_equal(json_unpack(ready, "{s:s, s:s}", "event", &event, "device", &device), 0);
	assert_string_equal(event, "ready");
	snprintf(bench->device, sizeof(bench->device), "%s", device);
	json_decref(ready);
	message_reader_fini(&reader);
}

/* A board program with its options; NULL where it has none. */
struct setup {
	const char *program, *stack, *state, *deadline;
};

static void bench_start(struct bench *bench, const struct setup *setup)
{
	char *arguments[8] = {file_sibling_program(setup->program), "--stack",
	                      (char *)setup->stack};
	int n = 3;

	*bench = (struct bench){0};
	if (setup->state != NULL) {
		arguments[n++] = "--state";
		arguments[n++] = (char *)setup->state;
	}
	if (setup->deadline != NULL) {
		arguments[n++] = "--deadline";
		arguments[n++] = (char *)setup->deadline;
	}
	spawn(bench, arguments);
	free(arguments[0]);
	read_device(bench);
	bench->port = open(bench->device, O_RDWR | O_NOCTTY | O_CLOEXEC);
	assert_true(bench->port >= 0);
	bench->host = (struct host){
		.send = port_send, .receive = port_receive, .line = bench, .n_tries = 1};
	assert_true(host_ask(&bench->host, "HELLO"));
}

static void bench_stop(struct bench *bench)
{
	int status;

	close(bench->port);
	close(bench->input);
	assert_int_equal(waitpid(bench->pid, &status, 0), bench->pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	close(bench->output);
}

static void upload_x509(struct bench *bench, const char *name, X509 *const certificates[], int n)
{
	unsigned char der[8192], *at = der;

	for (int i = 0; i < n; i++)
		assert_true(i2d_X509(certificates[i], &at) > 0);
	assert_true(host_upload(&bench->host, name, (struct bytes){der, (size_t)(at - der)}));
}

static void upload_key(struct bench *bench, const EVP_PKEY *key)
{
	unsigned char der[4096], *at = der;
	int len = i2d_PrivateKey(key, &at);

	assert_true(len > 0);
	assert_true(host_upload(&bench->host, "key", (struct bytes){der, (size_t)len}));
}

static void trust(struct bench *bench, const struct identity *identity)
{
	upload_x509(bench, "ca", &identity->ca, 1);
}

/* ---- Runs ---- */

/* What STAT told, all parts of it; "" where it did not. */
struct result {
	char ph[16], rc[32], al[8], ver[8], cs[64], grp[32], sig[40], ms[16];
};

static void take_value(const struct host *host, const char *key, char *out, size_t size)
{
	char value[HOST_REPLY_MAX];

	if (!host_value(host, key, value))
		return;
	assert_true(strlen(value) < size);
	memcpy(out, value, strlen(value) + 1);
}

static void take_part(const struct host *host, struct result *result)
{
	take_value(host, "ph", result->ph, sizeof(result->ph));
	take_value(host, "rc", result->rc, sizeof(result->rc));
	take_value(host, "al", result->al, sizeof(result->al));
	take_value(host, "ver", result->ver, sizeof(result->ver));
	take_value(host, "cs", result->cs, sizeof(result->cs));
	take_value(host, "grp", result->grp, sizeof(result->grp));
	take_value(host, "sig", result->sig, sizeof(result->sig));
	take_value(host, "ms", result->ms, sizeof(result->ms));
}

static struct result await_result(struct bench *bench)
{
	struct result result = {0};
	uint64_t end_ns = clock_steady_ns() + ANSWER_MS * 1000000ull;
	char more[HOST_REPLY_MAX] = "0";

	do {
		assert_true(host_ask(&bench->host, "STAT"));
		assert_true(clock_steady_ns() < end_ns);
	} while (strstr(bench->host.reply, " busy") != NULL);
	take_part(&bench->host, &result);
	while (host_value(&bench->host, "more", more)) {
		assert_true(host_ask(&bench->host, "STAT from=%s", more));
		take_part(&bench->host, &result);
	}
	return result;
}

static void start_run(struct bench *bench, int port, const char *parameters)
{
	assert_true(host_ask(&bench->host, "RUN id=1 host=127.0.0.1 port=%d send=hello%s%s", port,
	                     parameters[0] != '\0' ? " " : "", parameters));
	assert_string_equal(bench->host.reply, "ACK");
}

/* One connection to `server`, which is started and stopped here. */
static struct result run_against(struct bench *bench, struct tls_server *server,
                                 const char *parameters)
{
	struct result result;

	tls_server_start(server);
	start_run(bench, server->port, parameters);
	result = await_result(bench);
	tls_server_stop(server);
	return result;
}

/* As run_against, on a board of its own that trusts `trusted`. */
static struct result run_alone(const struct setup *setup, const struct identity *trusted,
                               struct tls_server *server, const char *parameters)
{
	struct bench bench;
	struct result result;

	bench_start(&bench, setup);
	trust(&bench, trusted);
	result = run_against(&bench, server, parameters);
	bench_stop(&bench);
	return result;
}

static const struct setup NETX_UNALLOCATED = {"shakedown-board", "netx", "unallocated", NULL};
static const struct setup NETX = {"shakedown-board", "netx", "fixed", NULL};
static const struct setup OPENSSL = {"shakedown-board", "openssl", NULL, NULL};
static const struct setup MBEDTLS = {"shakedown-board", "mbedtls", NULL, NULL};
#if __has_include(<bearssl.h>)
static const struct setup BEARSSL = {"shakedown-board", "bearssl", NULL, NULL};
#endif
#if __has_include(<gnutls/gnutls.h>)
static const struct setup GNUTLS = {"shakedown-board", "gnutls", NULL, NULL};
#endif
static const struct setup WOLFSSL = {"shakedown-board-wolfssl", "wolfssl", NULL, NULL};

/* Each stack, and what its engineers read in these cases. */
static const struct stack_case {
	const struct setup *setup;
	bool has_tls13, tells_group, sends_sni;
	const char *refused, *untrusted, *untrusted_alert, *wrong_name, *expired;
	const char *no_listener, *timed_out, *aborted;
} STACK_CASES[] = {
	{
		.setup = &NETX, .has_tls13 = true, .tells_group = true, .sends_sni = false,
		.refused = "0x114", .untrusted = "0x1A6", .untrusted_alert = "s80",
		.wrong_name = "0x195", .expired = "0x193",
		.no_listener = "0x38", .timed_out = "0x1", .aborted = "0x1A",
	},
	{
		.setup = &OPENSSL, .has_tls13 = true, .tells_group = true, .sends_sni = true,
		.refused = "0x0A00042E", .untrusted = "0x0A000086", .untrusted_alert = "s48",
		.wrong_name = "0x0A000086", .expired = "0x0A000086",
		.no_listener = "0x8000006F", .timed_out = "0x8000006E", .aborted = "0x8000007D",
	},
	{
		.setup = &MBEDTLS, .has_tls13 = false, .tells_group = false, .sends_sni = true,
		.refused = "-0x7780", .untrusted = "-0x2700", .untrusted_alert = "s48",
		.wrong_name = "-0x2700", .expired = "-0x2700",
		.no_listener = "-0x0044", .timed_out = "-0x6800", .aborted = "-0x0045",
	},
	{
		.setup = &WOLFSSL, .has_tls13 = true, .tells_group = true, .sends_sni = true,
		.refused = "-313", .untrusted = "-188", .untrusted_alert = "s48",
		.wrong_name = "-322", .expired = "-151",
		.no_listener = "-308", .timed_out = "-308", .aborted = "-308",
	},
#if __has_include(<bearssl.h>)
	{
		.setup = &BEARSSL, .has_tls13 = false, .tells_group = true, .sends_sni = true,
		.refused = "326", .untrusted = "62", .untrusted_alert = "",
		.wrong_name = "56", .expired = "54",
		.no_listener = "31", .timed_out = "31", .aborted = "31",
	},
#endif
#if __has_include(<gnutls/gnutls.h>)
	{
		.setup = &GNUTLS, .has_tls13 = true, .tells_group = true, .sends_sni = true,
		.refused = "-12", .untrusted = "-348", .untrusted_alert = "s42",
		.wrong_name = "-348", .expired = "-348",
		.no_listener = "-53", .timed_out = "-319", .aborted = "-52",
	},
#endif
};

static const struct stack_case *next_case(const struct stack_case *last)
{
	const struct stack_case *end = STACK_CASES + sizeof(STACK_CASES) / sizeof(STACK_CASES[0]);

	for (last = last == NULL ? STACK_CASES : last + 1; last < end; last++) {
		if (program_exists(last->setup->program))
			return last;
	}
	return NULL;
}

#define FOR_EACH_STACK(c) \
	for (const struct stack_case *c = next_case(NULL); c != NULL; c = next_case(c))

static void assert_success(const struct result *result, const struct tls_server *server)
{
	assert_string_equal(result->rc, "0");
	assert_string_equal(result->ph, "close");
	assert_string_equal(result->al, "");
	assert_true(server->handshaken && server->got_close_notify);
}

static void each_stack_connects_in_each_version_with_each_certificate(void **state)
{
	(void)state;
	FOR_EACH_STACK(c)
	{
		struct bench bench;

		bench_start(&bench, c->setup);
		for (int i = 0; i < 4; i++) {
			bool tls13 = i / 2, with_rsa = i % 2;
			int version = tls13 ? TLS1_3_VERSION : TLS1_2_VERSION;
			const struct identity *identity = with_rsa ? &rsa : &ec;
			struct tls_server server = {.identity = identity,
			                            .min_version = version,
			                            .max_version = version};
			struct result result;

			/* NetX Duo offers no signature that an RSA key can make in TLS 1.3. */
			if (tls13 && (!c->has_tls13 || (with_rsa && c->setup == &NETX)))
				continue;
			trust(&bench, identity);
			result = run_against(&bench, &server, "sni=" SERVER_NAME);
			assert_success(&result, &server);
			assert_string_equal(result.ver, tls13 ? "1.3" : "1.2");
			assert_ptr_equal(strstr(result.cs, tls13 ? "TLS_AES_" : "TLS_ECDHE_"),
			                 result.cs);
			assert_string_equal(server.sni, c->sends_sni ? SERVER_NAME : "");
			assert_string_not_equal(result.ms, "");
			assert_int_equal(result.grp[0] != '\0', c->tells_group);
		}
		bench_stop(&bench);
	}
}

static void openssl_stacks_tell_group_and_signature_by_their_iana_names(void **state)
{
	struct tls_server server = {.identity = &rsa, .min_version = TLS1_3_VERSION};
	struct result result = run_alone(&OPENSSL, &rsa, &server, "");
	struct tls_server old = {.identity = &ec, .max_version = TLS1_2_VERSION};
	struct result old_result = run_alone(&NETX, &ec, &old, "");

	(void)state;
	assert_string_equal(result.cs, "TLS_AES_256_GCM_SHA384");
	assert_string_equal(result.grp, "x25519");
	assert_string_equal(result.sig, "rsa_pss_rsae_sha256");
	assert_string_equal(old_result.cs, "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256");
	assert_string_equal(old_result.grp, "secp256r1");
	assert_string_equal(old_result.sig, "ecdsa_secp256r1_sha256");
}

static void netx_without_certificate_space_fails_in_tls_1_3_alone(void **state)
{
	struct tls_server server = {.identity = &ec, .min_version = TLS1_3_VERSION};
	struct tls_server old = {.identity = &ec, .max_version = TLS1_2_VERSION};
	struct result result = run_alone(&NETX_UNALLOCATED, &ec, &server, "");
	struct result old_result = run_alone(&NETX_UNALLOCATED, &ec, &old, "");

	(void)state;
	assert_string_equal(result.rc, "0x20007");
	assert_string_equal(result.al, "s80");
	assert_string_equal(result.ph, "hs");
	assert_string_equal(result.ver, "1.3");
	assert_success(&old_result, &old);
}

static void netx_is_refused_by_an_rsa_server_in_tls_1_3(void **state)
{
	struct tls_server server = {.identity = &rsa};
	struct result result = run_alone(&NETX, &rsa, &server, "");

	(void)state;
	assert_string_equal(result.rc, "0x114");
	assert_string_equal(result.al, "r40");
	assert_string_equal(result.ph, "hs");
	assert_string_equal(result.ver, "");
	assert_false(server.handshaken);
}

static void alert_from_the_server_shows_as_the_stacks_own_status(void **state)
{
	(void)state;
	FOR_EACH_STACK(c)
	{
		struct tls_server server = {.identity = &ec, .min_version = TLS1_3_VERSION};
		struct result result = run_alone(c->setup, &ec, &server, "max=1.2");

		assert_string_equal(result.rc, c->refused);
		assert_string_equal(result.al, "r70");
		assert_string_equal(result.ph, "hs");
	}
}

static void certificate_that_cannot_be_trusted_is_refused(void **state)
{
	(void)state;
	FOR_EACH_STACK(c)
	{
		struct tls_server server = {.identity = &ec};
		struct result result = run_alone(c->setup, &other, &server, "");

		assert_string_equal(result.rc, c->untrusted);
		assert_string_equal(result.al, c->untrusted_alert);
		assert_string_equal(result.ph, "hs");
	}
}

static void certificate_for_another_name_is_refused(void **state)
{
	(void)state;
	FOR_EACH_STACK(c)
	{
		struct tls_server server = {.identity = &ec};
		struct result result = run_alone(c->setup, &ec, &server, "sni=elsewhere.test");

		assert_string_equal(result.rc, c->wrong_name);
		assert_string_equal(result.ph, "hs");
	}
}

static void board_judges_validity_by_its_own_clock(void **state)
{
	(void)state;
	FOR_EACH_STACK(c)
	{
		struct tls_server server = {.identity = &ec}, again = {.identity = &ec};
		struct bench bench;
		struct result result;

		bench_start(&bench, c->setup);
		trust(&bench, &ec);
		assert_true(host_ask(&bench.host, "TIME t=4000000000"));
		assert_string_equal(bench.host.reply, "OK");
		result = run_against(&bench, &server, "");
		assert_string_equal(result.rc, c->expired);
		assert_true(host_ask(&bench.host, "TIME t=%lld", (long long)time(NULL)));
		result = run_against(&bench, &again, "");
		assert_success(&result, &again);
		bench_stop(&bench);
	}
}

static void root_that_no_stack_can_read_does_not_hide_the_others(void **state)
{
	(void)state;
	FOR_EACH_STACK(c)
	{
		/* A DER value that is no certificate, before two that are. */
		uint8_t der[4096] = {0x30, 0x03, 0x02, 0x01, 0x07}, *at = der + 5;
		struct tls_server server = {.identity = &ec};
		struct bench bench;
		struct result result;

		assert_true(i2d_X509(rsa.ca, &at) > 0 && i2d_X509(ec.ca, &at) > 0);
		bench_start(&bench, c->setup);
		assert_true(
			host_upload(&bench.host, "ca", (struct bytes){der, (size_t)(at - der)}));
		result = run_against(&bench, &server, "");
		assert_success(&result, &server);
		assert_true(host_upload(&bench.host, "ca", (struct bytes){der, 5}));
		server = (struct tls_server){.identity = &ec};
		result = run_against(&bench, &server, "");
		assert_string_not_equal(result.rc, "0");
		assert_string_equal(result.ph, "hs");
		bench_stop(&bench);
	}
}

static void client_certificate_is_presented(void **state)
{
	(void)state;
	FOR_EACH_STACK(c)
	{
		for (int with_rsa = 0; with_rsa < 2; with_rsa++) {
			const struct identity *identity = with_rsa ? &rsa : &ec;
			struct tls_server server = {.identity = identity,
			                            .wants_client_certificate = true,
			                            .max_version = TLS1_2_VERSION};
			struct bench bench;
			struct result result;

			bench_start(&bench, c->setup);
			trust(&bench, identity);
			upload_x509(&bench, "cert", &identity->client, 1);
			upload_key(&bench, identity->client_key);
			result = run_against(&bench, &server, "");
			assert_success(&result, &server);
			assert_true(server.got_client_certificate);
			bench_stop(&bench);
		}
	}
}

static void server_that_misses_a_client_certificate_is_heard(void **state)
{
	(void)state;
	FOR_EACH_STACK(c)
	{
		for (int version = TLS1_2_VERSION;
		     version <= (c->has_tls13 ? TLS1_3_VERSION : TLS1_2_VERSION); version++) {
			struct tls_server server = {.identity = &ec,
			                            .wants_client_certificate = true,
			                            .min_version = version,
			                            .max_version = version};
			struct result result = run_alone(c->setup, &ec, &server, "");

			/* In TLS 1.3 the client learns of it after its handshake is over. */
			assert_string_equal(result.al, version == TLS1_3_VERSION ? "r116" : "r40");
			assert_string_equal(result.ph, version == TLS1_3_VERSION ? "app" : "hs");
			assert_string_not_equal(result.rc, "0");
		}
	}
}

static void answer_other_than_what_was_sent_is_no_success(void **state)
{
	(void)state;
	FOR_EACH_STACK(c)
	{
		struct tls_server server = {.identity = &ec, .mode = SERVER_GARBLE};
		struct result result = run_alone(c->setup, &ec, &server, "");

		assert_string_equal(result.rc, "echo");
		assert_string_equal(result.ph, "app");
	}
}

static void port_without_a_listener_ends_in_phase_tcp(void **state)
{
	(void)state;
	FOR_EACH_STACK(c)
	{
		struct tls_server server = {.identity = &ec};
		struct bench bench;
		struct result result;

		bench_start(&bench, c->setup);
		tls_server_start(&server);
		tls_server_stop(&server);
		start_run(&bench, server.port, "");
		result = await_result(&bench);
		assert_string_equal(result.rc, c->no_listener);
		assert_string_equal(result.ph, "tcp");
		bench_stop(&bench);
	}
}

static void silent_server_ends_at_the_deadline(void **state)
{
	(void)state;
	FOR_EACH_STACK(c)
	{
		struct tls_server server = {.identity = &ec, .mode = SERVER_SILENT};
		struct setup impatient = *c->setup;
		struct result result;

		impatient.deadline = "100";
		result = run_alone(&impatient, &ec, &server, "");
		assert_string_equal(result.rc, c->timed_out);
		assert_string_equal(result.ph, "hs");
	}
}

static void abort_ends_a_run_that_waits_for_the_server(void **state)
{
	(void)state;
	FOR_EACH_STACK(c)
	{
		struct tls_server server = {.identity = &ec, .mode = SERVER_SILENT};
		struct bench bench;
		struct result result;

		bench_start(&bench, c->setup);
		tls_server_start(&server);
		start_run(&bench, server.port, "");
		assert_true(host_ask(&bench.host, "STAT"));
		assert_non_null(strstr(bench.host.reply, " busy"));
		assert_true(host_ask(&bench.host, "RUN id=2 host=127.0.0.1 port=1"));
		assert_string_equal(bench.host.reply, "ERR why=busy");
		assert_true(host_ask(&bench.host, "ABORT"));
		assert_string_equal(bench.host.reply, "OK");
		result = await_result(&bench);
		assert_string_equal(result.rc, c->aborted);
		tls_server_stop(&server);
		/* The next run is not touched by it. */
		server = (struct tls_server){.identity = &ec};
		trust(&bench, &ec);
		result = run_against(&bench, &server, "");
		assert_success(&result, &server);
		bench_stop(&bench);
	}
}

static void parameter_that_a_stack_cannot_honour_is_refused(void **state)
{
	static const struct {
		const struct setup *setup;
		const char *parameters, *reply;
	} cases[] = {
		{&NETX, "alpn=h2", "ERR why=unsupported key=alpn"},
		{&NETX, "max=1.1", "ERR why=unsupported key=max"},
		{&NETX, "min=1.3 max=1.2", "ERR why=unsupported key=max"},
		{&MBEDTLS, "min=tls", "ERR why=unsupported key=min"},
		{&NETX, "psk=me:00", "ERR why=unsupported key=psk"},
		{&NETX, "resume=1", "ERR why=unsupported key=resume"},
		{&MBEDTLS, "early=1", "ERR why=unsupported key=early"},
		{&OPENSSL, "psk=me", "ERR why=unsupported key=psk"},
		{&OPENSSL, "psk=me:0", "ERR why=unsupported key=psk"},
		{&OPENSSL, "psk=me:0x", "ERR why=unsupported key=psk"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct bench bench;

		bench_start(&bench, cases[i].setup);
		assert_true(host_ask(&bench.host, "RUN id=1 host=127.0.0.1 port=1 %s",
		                     cases[i].parameters));
		assert_string_equal(bench.host.reply, cases[i].reply);
		bench_stop(&bench);
	}
}

static void alpn_is_offered(void **state)
{
	(void)state;
	FOR_EACH_STACK(c)
	{
		struct tls_server server = {.identity = &ec};
		struct result result;

		if (c->setup == &NETX)
			continue;
		result = run_alone(c->setup, &ec, &server, "alpn=other,http/1.1");
		assert_success(&result, &server);
		assert_string_equal(server.alpn, "http/1.1");
	}
}

static void reset_restarts_the_board_and_loses_its_blobs(void **state)
{
	struct tls_server server = {.identity = &ec};
	struct bench bench;
	struct result result;
	char before[HOST_REPLY_MAX], after[HOST_REPLY_MAX];

	(void)state;
	bench_start(&bench, &OPENSSL);
	assert_true(host_value(&bench.host, "boot", before));
	trust(&bench, &other);
	bench.log_len = 0;
	assert_true(host_ask(&bench.host, "RESET"));
	assert_true(host_ask(&bench.host, "HELLO"));
	assert_true(host_value(&bench.host, "boot", after));
	assert_string_not_equal(before, after);
	assert_non_null(strstr(bench.log, "Shakedown virtual board: OpenSSL/"));
	/* Without the wrong ca, the server is not verified. */
	result = run_against(&bench, &server, "");
	assert_success(&result, &server);
	bench_stop(&bench);
}

static void reset_ends_a_run(void **state)
{
	struct tls_server server = {.identity = &ec, .mode = SERVER_SILENT};
	struct bench bench;

	(void)state;
	bench_start(&bench, &NETX);
	tls_server_start(&server);
	start_run(&bench, server.port, "");
	assert_true(host_ask(&bench.host, "RESET"));
	assert_true(host_ask(&bench.host, "STAT"));
	assert_non_null(strstr(bench.host.reply, " idle"));
	tls_server_stop(&server);
	bench_stop(&bench);
}

static void board_outlives_a_host_that_closes_the_port(void **state)
{
	struct bench bench;

	(void)state;
	bench_start(&bench, &NETX);
	for (int i = 0; i < 3; i++) {
		close(bench.port);
		bench.port = open(bench.device, O_RDWR | O_NOCTTY | O_CLOEXEC);
		assert_true(host_ask(&bench.host, "HELLO"));
	}
	bench_stop(&bench);
}

static void board_ends_with_its_parent_in_the_middle_of_a_run(void **state)
{
	struct tls_server server = {.identity = &ec, .mode = SERVER_SILENT};
	struct bench bench;

	(void)state;
	bench_start(&bench, &MBEDTLS);
	tls_server_start(&server);
	start_run(&bench, server.port, "");
	bench_stop(&bench);
	tls_server_stop(&server);
}

/* ---- The offer of NetX Duo ---- */

static void assert_u16_list(struct reader *reader, const uint16_t *expected, size_t n)
{
	for (size_t i = 0; i < n; i++)
		assert_int_equal(reader_u16(reader, "value"), expected[i]);
	assert_int_equal(reader_left(reader), 0);
	assert_true(reader_ok(reader));
}

#define ASSERT_U16_LIST(reader, expected) \
	assert_u16_list(reader, expected, sizeof(expected) / sizeof((expected)[0]))

static void check_extension(uint16_t type, struct reader *data)
{
	static const uint16_t groups[] = {0x0017, 0x0018, 0x0019};
	static const uint16_t signatures[] = {0x0403, 0x0503, 0x0603, 0x0401,
	                                      0x0501, 0x0601, 0x0303};
	static const uint16_t versions[] = {0x0304, 0x0303};
	struct reader list;

	if (type == 10 || type == 13) {
		list = reader_vec16(data, "list");
		if (type == 10)
			ASSERT_U16_LIST(&list, groups);
		else
			ASSERT_U16_LIST(&list, signatures);
	} else if (type == 43) {
		list = reader_vec8(data, "versions");
		ASSERT_U16_LIST(&list, versions);
	} else if (type == 51) {
		list = reader_vec16(data, "client_shares");
		assert_int_equal(reader_u16(&list, "group"), 0x0017);
		assert_int_equal(reader_u16(&list, "length"), 65);
		assert_int_equal(reader_left(&list), 65);
	}
}

static void netx_offers_what_netx_duo_offers(void **state)
{
	static const uint16_t suites[] = {
		0x1301, 0x1304, 0x1305, 0xc02b, 0xc02f, 0xc023, 0xc027,
		0x009c, 0x003d, 0x003c, 0x00ae, 0xc0a8, 0x00ff /* libssl cannot leave it out */};
	/* 45 is psk_key_exchange_modes, which libssl cannot leave out; the others are NetX Duo's.
	 */
	static const uint16_t extensions[] = {11, 10, 13, 43, 45, 51};
	struct tls_server server = {.mode = SERVER_CAPTURE};
	struct result result = run_alone(&NETX, &ec, &server, "sni=" SERVER_NAME);
	struct reader hello, list, all;
	struct fault fault;

	(void)state;
	reader_init(&hello, server.record, server.record_len, &fault);
	assert_int_equal(reader_u8(&hello, "type"), 22);
	assert_int_equal(reader_u16(&hello, "legacy_record_version"), 0x0301);
	hello = reader_vec16(&hello, "record");
	assert_int_equal(reader_u8(&hello, "msg_type"), 1);
	hello = reader_vec24(&hello, "ClientHello");
	assert_int_equal(reader_u16(&hello, "legacy_version"), 0x0303);
	reader_bytes(&hello, 32, "random");
	assert_int_equal(reader_u8(&hello, "legacy_session_id"), 0);
	list = reader_vec16(&hello, "cipher_suites");
	ASSERT_U16_LIST(&list, suites);
	list = reader_vec8(&hello, "compression_methods");
	assert_int_equal(reader_left(&list), 1);
	all = reader_vec16(&hello, "extensions");
	for (size_t i = 0; i < sizeof(extensions) / sizeof(extensions[0]); i++) {
		uint16_t type = reader_u16(&all, "extension_type");
		struct reader data = reader_vec16(&all, "extension_data");

		assert_int_equal(type, extensions[i]);
		check_extension(type, &data);
	}
	assert_int_equal(reader_left(&all), 0);
	assert_true(reader_ok(&hello));
	/* The peer hung up without an alert. */
	assert_string_equal(result.rc, "0x38");
	assert_string_equal(result.al, "");
}

/* ---- The command line ---- */

static void wrong_usage_is_refused_with_status_2(void **state)
{
	static const char *const wrong[][3] = {
		{NULL},
		{"--stack", "schannel", NULL},
		{"--stack", "netx", NULL},
		{"extra", NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		char *arguments[5] = {file_sibling_program("shakedown-board"), (char *)wrong[i][0]};
		pid_t pid = fork();
		int status;

		if (pid == 0) {
			for (int k = 0; wrong[i][0] != NULL && wrong[i][k] != NULL; k++)
				arguments[k + 1] = (char *)wrong[i][k];
			close(STDERR_FILENO);
			execv(arguments[0], arguments);
			_exit(127);
		}
		free(arguments[0]);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), 2);
	}
}

static int make_identities(void **state)
{
	(void)state;
	rsa = identity_new("RSA root", true);
	ec = identity_new("EC root", false);
	other = identity_new("Another root", false);
	signal(SIGPIPE, SIG_IGN);
	return 0;
}

static int free_identities(void **state)
{
	(void)state;
	identity_free(&rsa);
	identity_free(&ec);
	identity_free(&other);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_stack_connects_in_each_version_with_each_certificate),
		cmocka_unit_test(openssl_stacks_tell_group_and_signature_by_their_iana_names),
		cmocka_unit_test(netx_without_certificate_space_fails_in_tls_1_3_alone),
		cmocka_unit_test(netx_is_refused_by_an_rsa_server_in_tls_1_3),
		cmocka_unit_test(alert_from_the_server_shows_as_the_stacks_own_status),
		cmocka_unit_test(certificate_that_cannot_be_trusted_is_refused),
		cmocka_unit_test(certificate_for_another_name_is_refused),
		cmocka_unit_test(board_judges_validity_by_its_own_clock),
		cmocka_unit_test(root_that_no_stack_can_read_does_not_hide_the_others),
		cmocka_unit_test(client_certificate_is_presented),
		cmocka_unit_test(server_that_misses_a_client_certificate_is_heard),
		cmocka_unit_test(answer_other_than_what_was_sent_is_no_success),
		cmocka_unit_test(port_without_a_listener_ends_in_phase_tcp),
		cmocka_unit_test(silent_server_ends_at_the_deadline),
		cmocka_unit_test(abort_ends_a_run_that_waits_for_the_server),
		cmocka_unit_test(parameter_that_a_stack_cannot_honour_is_refused),
		cmocka_unit_test(alpn_is_offered),
		cmocka_unit_test(reset_restarts_the_board_and_loses_its_blobs),
		cmocka_unit_test(reset_ends_a_run),
		cmocka_unit_test(board_outlives_a_host_that_closes_the_port),
		cmocka_unit_test(board_ends_with_its_parent_in_the_middle_of_a_run),
		cmocka_unit_test(netx_offers_what_netx_duo_offers),
		cmocka_unit_test(wrong_usage_is_refused_with_status_2),
	};

	return cmocka_run_group_tests_name("firmware/virtual board", tests, make_identities,
	                                   free_identities);
}
