/*
 * The real sniffer on a real loopback interface, in a private network: TLS by libssl goes over it
 * and comes back decrypted. Where no private network is allowed, and the user is not root, the
 * tests skip.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/json.h"
#include "flow/private_network.h"
#include "flow/sniffer.h"

#include <arpa/inet.h>
#include <grp.h>
#include <libgen.h>
#include <limits.h>
#include <net/if.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define SKIPPED 77

static char program[PATH_MAX]; /* the sniffer of this build */
static bool may_capture, own_network;

/* What the callbacks have told. */
struct told {
	uv_loop_t loop;
	struct sniffer *sniffer;
	bool ready, exited;
	char text[ERROR_TEXT_MAX]; /* of `refused`, else of `exited` */
	int n_collected;
	json_t *connections; /* of the last collect */
	struct buf pcapng;
	char note[ERROR_TEXT_MAX];
};

static void on_ready(void *context)
{
	((struct told *)context)->ready = true;
}

static void on_refused(void *context, const char *text)
{
	struct told *told = context;

	snprintf(told->text, sizeof(told->text), "%s", text);
}

static void on_exited(void *context, const char *why)
{
	struct told *told = context;

	told->exited = true;
	if (told->text[0] == '\0')
		snprintf(told->text, sizeof(told->text), "%s", why);
}

static void on_collected(void *context, const struct sniffer_collected *what)
{
	struct told *told = context;

	told->n_collected++;
	json_decref(told->connections);
	told->connections = json_incref(what->connections);
	buf_clear(&told->pcapng);
	buf_bytes(&told->pcapng, what->pcapng);
	snprintf(told->note, sizeof(told->note), "%s", what->note);
}

static const struct sniffer_events events = {
	.ready = on_ready, .refused = on_refused, .exited = on_exited};

/* Runs the loop until `what` is true. */
#define WAIT_FOR(told, what) \
	do { \
		while (!(what) && uv_run(&(told)->loop, UV_RUN_ONCE)) \
			; \
		assert_true(what); \
	} while (0)

static int start(void **state)
{
	struct told *told = calloc(1, sizeof(*told));
	struct error error = {0};

	*state = told;
	uv_loop_init(&told->loop);
	if (!may_capture)
		return 0;
	if (sniffer_start(&told->sniffer, &told->loop, program, "lo", &events, told, &error) != 0)
		return -1;
	WAIT_FOR(told, told->ready || told->exited);
	if (!told->ready)
		fprintf(stderr, "%s\n", told->text);
	return told->ready ? 0 : -1;
}

static int stop(void **state)
{
	struct told *told = *state;

	if (told->sniffer != NULL && !told->exited)
		sniffer_stop(told->sniffer);
	uv_run(&told->loop, UV_RUN_DEFAULT);
	uv_loop_close(&told->loop);
	json_decref(told->connections);
	buf_fini(&told->pcapng);
	free(told);
	return 0;
}

static void need_capture(void)
{
	if (!may_capture)
		skip();
}

/* A self-signed P-256 certificate and its key. */
static void make_certificate(SSL_CTX *context)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *certificate = X509_new();
	X509_NAME *name = X509_get_subject_name(certificate);

	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const uint8_t *)"tested.example", -1,
	                           -1, 0);
	X509_set_issuer_name(certificate, name);
	X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
	X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
	X509_set_pubkey(certificate, key);
	assert_true(X509_sign(certificate, key, EVP_sha256()) > 0);
	assert_int_equal(SSL_CTX_use_certificate(context, certificate), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey(context, key), 1);
	X509_free(certificate);
	EVP_PKEY_free(key);
}

static struct buf keylog; /* of the last conversation */

static void on_keylog(const SSL *ssl, const char *line)
{
	(void)ssl;
	buf_printf(&keylog, "%s\n", line);
}

/* A listening socket on the loopback interface, and its port. */
static int listen_somewhere(uint16_t *port)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
	                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&address, len), 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
	*port = ntohs(address.sin_port);
	return fd;
}

static int connect_to(uint16_t port)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
	                              .sin_port = htons(port),
	                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	return connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0 ? fd : -1;
}

/* The client's process: greets, and reads to the end. */
static void be_client(uint16_t port)
{
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());
	SSL *ssl = SSL_new(context);
	char answer[100];

	SSL_set_fd(ssl, connect_to(port));
	SSL_set_tlsext_host_name(ssl, "tested.example");
	if (SSL_connect(ssl) == 1 && SSL_write(ssl, "greetings", 9) == 9)
		while (SSL_read(ssl, answer, sizeof(answer)) > 0)
			;
	SSL_shutdown(ssl);
	_exit(0);
}

/* A whole TLS conversation of the given version, over before it returns. */
static uint16_t converse(int version)
{
	SSL_CTX *context = SSL_CTX_new(TLS_server_method());
	char greetings[100];
	uint16_t port;
	int listener = listen_somewhere(&port), fd;
	pid_t client = fork();
	SSL *ssl;

	if (client == 0)
		be_client(port);
	buf_clear(&keylog);
	make_certificate(context);
	SSL_CTX_set_keylog_callback(context, on_keylog);
	SSL_CTX_set_min_proto_version(context, version);
	SSL_CTX_set_max_proto_version(context, version);
	ssl = SSL_new(context);
	fd = accept(listener, NULL, NULL);
	SSL_set_fd(ssl, fd);
	assert_int_equal(SSL_accept(ssl), 1);
	assert_int_equal(SSL_read(ssl, greetings, sizeof(greetings)), 9);
	assert_int_equal(SSL_write(ssl, "likewise", 8), 8);
	SSL_shutdown(ssl);
	assert_int_equal(SSL_shutdown(ssl), 1);
	SSL_free(ssl);
	SSL_CTX_free(context);
	close(fd);
	close(listener);
	waitpid(client, NULL, 0);
	return port;
}

/* Collects `port` with the last conversation's secrets. */
static json_t *collect(struct told *told, uint16_t port)
{
	int n_before = told->n_collected;

	sniffer_collect(told->sniffer, port, 0, 1, buf_string(&keylog), 5000, on_collected, told);
	WAIT_FOR(told, told->n_collected > n_before);
	assert_string_equal(told->note, "");
	assert_int_equal(json_array_size(told->connections), 1);
	return json_array_get(told->connections, 0);
}

/* True if the connection has a handshake message of `type` by `from` that was `protected`. */
static bool has_message(const json_t *connection, const char *from, const char *type, bool protected)
{
	json_t *message;
	size_t i;

	json_array_foreach(json_object_get(connection, "messages"), i, message)
		if (strcmp(json_text(message, "from"), from) == 0 &&
		    strcmp(json_text(message, "type"), type) == 0 &&
		    json_flag(message, "protected") == protected)
			return true;
	return false;
}

static void tls_1_3_comes_back_decrypted(void **state)
{
	struct told *told = *state;
	json_t *connection, *chain;

	need_capture();
	connection = collect(told, converse(TLS1_3_VERSION));
	assert_string_equal(json_text(connection, "version"), "TLS 1.3");
	assert_string_equal(json_text(connection, "signature_algorithm"), "ecdsa_secp256r1_sha256");
	assert_true(has_message(connection, "server", "finished", true));
	assert_true(has_message(connection, "client", "finished", true));
	chain = json_array_get(json_object_get(connection, "certificates"), 0);
	chain = json_object_get(chain, "chain");
	assert_non_null(strstr(json_text(json_array_get(chain, 0), "subject"), "tested.example"));
	assert_int_equal(json_array_size(json_object_get(connection, "alerts")), 2);
	assert_int_equal(json_array_size(json_object_get(connection, "faults")), 0);
	assert_string_equal(json_text(json_object_get(connection, "close"), "client"), "fin");
	assert_string_equal(json_text(json_object_get(connection, "close"), "server"), "fin");
}

static void tls_1_2_comes_back_too(void **state)
{
	json_t *connection;

	need_capture();
	connection = collect(*state, converse(TLS1_2_VERSION));
	assert_string_equal(json_text(connection, "version"), "TLS 1.2");
	assert_true(has_message(connection, "server", "certificate", false));
	assert_true(has_message(connection, "client", "finished", true));
}

/*
 * Writes the last capture to a file and returns the lines that `tshark -r FILE <arguments>` prints.
 */
static char *tshark(const struct told *told, const char *arguments)
{
	static char printed[8192];
	char path[] = "/tmp/shakedown-test-XXXXXX", command[256];
	int fd = mkstemp(path);
	size_t len;
	FILE *pipe;

	assert_int_equal(write(fd, told->pcapng.data, told->pcapng.len), told->pcapng.len);
	close(fd);
	snprintf(command, sizeof(command),
	         "WIRESHARK_CONFIG_DIR=/nonexistent tshark -r %s %s 2>/dev/null", path, arguments);
	pipe = popen(command, "r");
	len = fread(printed, 1, sizeof(printed) - 1, pipe);
	printed[len] = '\0';
	pclose(pipe);
	unlink(path);
	return printed;
}

static void wireshark_opens_the_capture_decrypted(void **state)
{
	struct told *told = *state;
	const char *printed;

	need_capture();
	collect(told, converse(TLS1_3_VERSION));
	printed = tshark(told, "-Y tls");
	assert_non_null(strstr(printed, "Client Hello"));
	/* Under TLS 1.3 these are visible only to who can open them. */
	assert_non_null(strstr(printed, "Certificate Verify"));
	assert_non_null(strstr(printed, "Finished"));
}

static void after_ready_it_has_no_rights_left(void **state)
{
	static const char *const lines[] = {
		"\nCapInh:\t0000000000000000\n", "\nCapPrm:\t0000000000000000\n",
		"\nCapEff:\t0000000000000000\n", "\nCapAmb:\t0000000000000000\n",
		"\nNoNewPrivs:\t1\n",            "\nSeccomp:\t2\n"};
	struct told *told = *state;
	struct buf status = {0};
	struct error error = {0};
	char path[64];

	need_capture();
	snprintf(path, sizeof(path), "/proc/%d/status", sniffer_pid(told->sniffer));
	assert_int_equal(file_read(path, 65536, &status, &error), 0);
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		if (strstr(buf_string(&status), lines[i]) == NULL)
			fail_msg("not in %s:%s", path, lines[i]);
	buf_fini(&status);
}

static void ports_are_collected_apart(void **state)
{
	struct told *told = *state;
	uint16_t first = converse(TLS1_3_VERSION), second = converse(TLS1_2_VERSION);
	json_t *connection;

	need_capture();
	connection = collect(told, second);
	assert_string_equal(json_text(connection, "version"), "TLS 1.2");
	assert_int_equal(json_number(json_object_get(connection, "server"), "port"), second);
	connection = collect(told, first);
	assert_string_equal(json_text(connection, "version"), "TLS 1.3");
	assert_false(has_message(connection, "server", "finished", true)); /* not with these secrets */
}

static void an_open_connection_is_given_when_its_time_is_over(void **state)
{
	struct told *told = *state;
	uint16_t port;
	int listener, client;

	need_capture();
	listener = listen_somewhere(&port);
	client = connect_to(port);
	sniffer_collect(told->sniffer, port, 0, 1, "", 20, on_collected, told);
	WAIT_FOR(told, told->n_collected > 0);
	assert_int_equal(json_array_size(told->connections), 1);
	assert_string_equal(json_text(json_object_get(json_array_get(told->connections, 0), "close"),
	                              "client"), "none");
	close(client);
	close(listener);
}

static void a_killed_sniffer_gives_back_what_was_asked_for(void **state)
{
	struct told *told = *state;

	need_capture();
	sniffer_collect(told->sniffer, 9, 0, 1, "", 600000, on_collected, told);
	kill(sniffer_pid(told->sniffer), SIGKILL);
	WAIT_FOR(told, told->exited);
	assert_int_equal(told->n_collected, 1);
	assert_null(told->connections);
	assert_string_equal(told->note, "the sniffer was ended by signal 9 (Killed)");
	assert_string_equal(told->text, told->note);
}

static void a_stopped_sniffer_ends_without_complaint(void **state)
{
	struct told *told = *state;

	need_capture();
	sniffer_collect(told->sniffer, 9, 0, 1, "", 600000, on_collected, told);
	sniffer_stop(told->sniffer);
	assert_int_equal(told->n_collected, 1);
	assert_string_equal(told->note, "the sniffer was stopped before it had answered");
	WAIT_FOR(told, told->exited);
	assert_string_equal(told->text, "");
}

/* Within what it may still do when it finds that it cannot go on. */
static void a_sniffer_that_breaks_off_says_why(void **state)
{
	struct told *told = *state;

	need_capture();
	sniffer_collect(told->sniffer, 0, 0, 1, "", 600000, on_collected, told);
	WAIT_FOR(told, told->exited);
	assert_non_null(strstr(told->text, "a message that asks for no port"));
}

/* True if the system lets us. */
static bool set_loopback(short flags)
{
	struct ifreq request = {.ifr_name = "lo", .ifr_flags = flags};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int rc = ioctl(fd, SIOCSIFFLAGS, &request);

	close(fd);
	return rc == 0;
}

/* Only root may take it down, and only in a network of the test's own. */
static void an_interface_that_was_down_for_a_while_is_still_captured(void **state)
{
	struct told *told = *state;
	json_t *connection;

	if (!may_capture || !own_network || !set_loopback(0))
		skip();
	sniffer_collect(told->sniffer, 9, 0, 1, "", 20, on_collected, told);
	WAIT_FOR(told, told->n_collected > 0 || told->exited);
	assert_true(set_loopback(IFF_UP | IFF_RUNNING));
	assert_string_equal(told->text, "");
	connection = collect(told, converse(TLS1_3_VERSION));
	assert_string_equal(json_text(connection, "version"), "TLS 1.3");
}

/* Starts the sniffer on `interface` and returns why it refused, or how else it ended. */
static const char *refusal(const char *interface)
{
	static struct told told;
	struct error error = {0};

	memset(&told, 0, sizeof(told));
	uv_loop_init(&told.loop);
	if (sniffer_start(&told.sniffer, &told.loop, program, interface, &events, &told, &error) != 0)
		snprintf(told.text, sizeof(told.text), "%s", error.text);
	uv_run(&told.loop, UV_RUN_DEFAULT);
	uv_loop_close(&told.loop);
	return told.text;
}

/* For a child: without any right, and with a status for its parent. */
static void be_refused_as_nobody(void)
{
	char expected[PATH_MAX + 200];
	const char *text;

	if (geteuid() == 0 && (setgroups(0, NULL) | setresgid(65534, 65534, 65534) |
	                       setresuid(65534, 65534, 65534)) != 0)
		_exit(2);
	if (access(program, X_OK) != 0)
		_exit(SKIPPED); /* in a folder of root's own */
	text = refusal("lo");
	fprintf(stderr, "%s\n", text);
	snprintf(expected, sizeof(expected), "\"sudo setcap cap_net_raw+ep %s\" once, or run as root",
	         program);
	_exit(strstr(text, expected) != NULL ? 0 : 3);
}

static void without_the_right_it_says_what_to_do(void **state)
{
	int status;
	pid_t child = fork();

	(void)state;
	if (child == 0)
		be_refused_as_nobody();
	waitpid(child, &status, 0);
	if (WIFEXITED(status) && WEXITSTATUS(status) == SKIPPED)
		skip();
	assert_int_equal(status, 0);
}

static void an_interface_that_is_not_there_is_named(void **state)
{
	(void)state;
	need_capture();
	assert_non_null(strstr(refusal("nowhere0"), "cannot capture on the interface nowhere0: "));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(int argc, char **argv)
{
	const struct CMUnitTest before[] = {
		cmocka_unit_test(without_the_right_it_says_what_to_do),
	};
	const struct CMUnitTest tests[] = {
		TEST(tls_1_3_comes_back_decrypted),
		TEST(tls_1_2_comes_back_too),
		TEST(wireshark_opens_the_capture_decrypted),
		TEST(after_ready_it_has_no_rights_left),
		TEST(ports_are_collected_apart),
		TEST(an_open_connection_is_given_when_its_time_is_over),
		TEST(a_killed_sniffer_gives_back_what_was_asked_for),
		TEST(a_stopped_sniffer_ends_without_complaint),
		TEST(a_sniffer_that_breaks_off_says_why),
		TEST(an_interface_that_was_down_for_a_while_is_still_captured),
		cmocka_unit_test(an_interface_that_is_not_there_is_named),
	};
	struct error error = {0};
	char *folder = realpath(argv[0], NULL);
	int rc;

	(void)argc;
	/* build/tests/flow/test_sniffer -> build/shakedown-sniffer */
	snprintf(program, sizeof(program), "%s/shakedown-sniffer", dirname(dirname(dirname(folder))));
	free(folder);
	signal(SIGPIPE, SIG_IGN);
	rc = cmocka_run_group_tests(before, NULL, NULL);
	own_network = private_network_enter(&error) == 0;
	may_capture = own_network || geteuid() == 0;
	if (!may_capture)
		fprintf(stderr, "%s\n", error.text);
	rc += cmocka_run_group_tests(tests, NULL, NULL);
	buf_fini(&keylog);
	return rc;
}
