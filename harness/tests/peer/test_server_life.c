#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lab.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>

#define ECDSA "{\"certificate\":[\"ecdsa-p256\"]}"
#define ECDSA_IN_12 "{\"versions\":[\"1.2\"],\"certificate\":\"ecdsa-p256\"}"
#define SOON_MS 400 /* a time-out that a test waits for */

static const struct visit any = {0};

/* The processes that the server program has forked and not reaped. */
static size_t children_of(const struct lab *lab, pid_t *last)
{
	char path[64];
	FILE *file;
	int pid;
	size_t n = 0;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", server_pid(lab->server),
	         server_pid(lab->server));
	file = fopen(path, "re");
	assert_non_null(file);
	while (fscanf(file, "%d", &pid) == 1) {
		*last = pid;
		n++;
	}
	fclose(file);
	return n;
}

static pid_t only_child(const struct lab *lab)
{
	pid_t pid = 0;

	assert_int_equal(children_of(lab, &pid), 1);
	return pid;
}

static size_t descriptors_of(int pid)
{
	char path[64];
	DIR *folder;
	size_t n = 0;

	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	folder = opendir(path);
	assert_non_null(folder);
	while (readdir(folder) != NULL)
		n++;
	closedir(folder);
	return n;
}

static void start_impatient(struct lab *lab)
{
	lab_ask(lab, ECDSA, "127.0.0.1", SOON_MS);
	assert_int_not_equal(lab->port, 0);
}

/* A server, and a client that has shaken hands with it. */
static void meet(struct lab *lab, struct client *client)
{
	lab_start(lab, ECDSA);
	client_open(client, lab->port, &any);
	assert_int_equal(SSL_connect(client->ssl), 1);
}

static void close_with_reset(int fd)
{
	const struct linger linger = {.l_onoff = 1, .l_linger = 0};

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	close(fd);
}

/* The first `len` bytes that a libssl client says. */
static size_t client_hello(uint8_t *bytes, size_t len)
{
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());
	SSL *ssl = SSL_new(context);
	BIO *out = BIO_new(BIO_s_mem());
	int n;

	SSL_set_bio(ssl, BIO_new(BIO_s_mem()), out);
	assert_int_equal(SSL_connect(ssl), -1);
	n = BIO_read(out, bytes, (int)len);
	assert_true(n > 0);
	SSL_free(ssl);
	SSL_CTX_free(context);
	ERR_clear_error();
	return (size_t)n;
}

/* Reads whatever else comes, until the server's FIN; a reset fails. */
static void await_fin(int fd)
{
	char bytes[4096];
	ssize_t n;

	while ((n = recv(fd, bytes, sizeof(bytes), 0)) > 0)
		;
	assert_int_equal(n, 0);
}

static void nobody_comes(void **state)
{
	struct lab *lab = *state;
	const json_t *testimony;

	start_impatient(lab);
	testimony = lab_hear(lab);
	assert_false(json_flag(testimony, "connected"));
	assert_true(json_is_null(json_object_get(testimony, "client")));
	assert_told(testimony, "state", "listening");
	assert_told(testimony, "ended", "timeout");
	assert_told(testimony, "closed_by", "timeout");
	assert_told(testimony, "version", NULL);
}

static void a_case_that_is_stopped_testifies(void **state)
{
	struct lab *lab = *state;
	const json_t *testimony;

	lab_start(lab, ECDSA);
	server_end_case(lab->server, "case");
	testimony = lab_hear(lab);
	assert_told(testimony, "state", "listening");
	assert_told(testimony, "ended", "stopped");
	assert_told(testimony, "closed_by", NULL);
}

static void a_client_that_will_not_come_is_not_waited_for(void **state)
{
	struct lab *lab = *state;
	const json_t *testimony;

	server_no_more(lab->server, "another case");
	lab_start(lab, ECDSA);
	server_no_more(lab->server, "case");
	testimony = lab_hear(lab);
	assert_told(testimony, "state", "listening");
	assert_told(testimony, "ended", "stopped");
}

static void a_client_that_is_there_is_served_though_it_is_the_last(void **state)
{
	struct lab *lab = *state;
	struct client client;

	lab_start(lab, ECDSA);
	client_open(&client, lab->port, &any);
	server_no_more(lab->server, "case");
	assert_int_equal(SSL_connect(client.ssl), 1);
	client_talk(&client);
	client_part(&client);
	client_close(&client);
	assert_told(lab_hear(lab), "ended", "closed");
}

static void stopping_what_is_over_or_never_was_does_nothing(void **state)
{
	struct lab *lab = *state;
	struct client client;

	server_end_case(lab->server, "another case");
	lab_start(lab, ECDSA);
	visit_well(lab, &any, &client);
	client_close(&client);
	lab_hear(lab);
	server_end_case(lab->server, "case");
	lab_start(lab, ECDSA);
	visit_well(lab, &any, &client);
	client_close(&client);
	assert_told(lab_hear(lab), "ended", "closed");
}

static void a_silent_client_is_waited_for_and_left(void **state)
{
	struct lab *lab = *state;
	const json_t *testimony;
	int fd;

	start_impatient(lab);
	fd = tcp_connect(lab->port);
	await_fin(fd);
	close(fd);
	testimony = lab_hear(lab);
	assert_true(json_flag(testimony, "connected"));
	assert_told(testimony, "state", "connected");
	assert_told(testimony, "ended", "timeout");
	assert_told(testimony, "closed_by", "timeout");
	assert_n_alerts(testimony, 0);
}

static void half_a_client_hello_is_waited_for_and_left(void **state)
{
	struct lab *lab = *state;
	uint8_t hello[64];
	const json_t *testimony;
	int fd;

	start_impatient(lab);
	fd = tcp_connect(lab->port);
	assert_int_equal(send(fd, hello, client_hello(hello, sizeof(hello)), 0), sizeof(hello));
	await_fin(fd);
	close(fd);
	testimony = lab_hear(lab);
	assert_told(testimony, "state", "connected");
	assert_told(testimony, "ended", "timeout");
}

static void a_client_that_stays_after_the_handshake_is_left_with_close_notify(void **state)
{
	struct lab *lab = *state;
	const json_t *testimony;
	struct client client;
	char byte;

	start_impatient(lab);
	client_open(&client, lab->port, &any);
	assert_int_equal(SSL_connect(client.ssl), 1);
	assert_int_equal(SSL_read(client.ssl, &byte, 1), 0);
	assert_int_equal(SSL_get_error(client.ssl, 0), SSL_ERROR_ZERO_RETURN);
	client_close(&client);
	testimony = lab_hear(lab);
	assert_told(testimony, "state", "established");
	assert_told(testimony, "ended", "timeout");
	assert_told(testimony, "closed_by", "timeout");
	assert_alert(testimony, 0, "server", "warning", 0);
}

/* libssl takes each of them for itself, and looks for data in the next record. */
static void a_client_that_sends_key_updates_without_end_is_left(void **state)
{
	struct lab *lab = *state;
	const json_t *testimony;
	struct client client;

	start_impatient(lab);
	client_open(&client, lab->port, &any);
	assert_int_equal(SSL_connect(client.ssl), 1);
	do
		SSL_key_update(client.ssl, SSL_KEY_UPDATE_NOT_REQUESTED);
	while (SSL_do_handshake(client.ssl) == 1);
	client_close(&client);
	testimony = lab_hear(lab);
	assert_told(testimony, "state", "established");
	assert_told(testimony, "ended", "timeout");
}

/* As many as there can be of them: each costs the server more than the client. */
static void a_client_that_goes_on_talking_after_the_end_is_left(void **state)
{
	struct lab *lab = *state;
	const json_t *testimony;
	struct client client;

	lab_ask(lab, "{\"certificate\":[\"ecdsa-p256\"],\"application\":\"http\"}", "127.0.0.1",
	        SOON_MS);
	client_open(&client, lab->port, &any);
	assert_int_equal(SSL_connect(client.ssl), 1);
	assert_true(SSL_write(client.ssl, "GET / HTTP/1.0\r\n\r\n", 18) > 0);
	while (SSL_write(client.ssl, "x", 1) == 1)
		;
	client_close(&client);
	testimony = lab_hear(lab);
	assert_told(testimony, "state", "established");
	assert_told(testimony, "ended", "closed");
	assert_told(testimony, "closed_by", "server");
}

/* Each segment waits for room at the client's, but not all of them together. */
static void a_client_that_takes_no_more_segments_is_left(void **state)
{
	struct lab *lab = *state;
	uint8_t hello[1024];
	const json_t *testimony;
	size_t len = client_hello(hello, sizeof(hello));
	int fd, least = 1;

	lab_ask(lab, "{\"certificate\":[\"rsa-2048\"],\"segment\":1}", "127.0.0.1", SOON_MS);
	fd = tcp_connect(lab->port);
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &least, sizeof(least));
	assert_int_equal(send(fd, hello, len, 0), len);
	testimony = lab_hear(lab);
	close(fd);
	assert_told(testimony, "state", "handshake");
	assert_told(testimony, "ended", "timeout");
}

/* RFC 4291 section 2.2: an address has many spellings. */
static void a_board_is_known_by_its_address_however_that_is_written(void **state)
{
	struct lab *lab = *state;
	struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	json_t *server = json_loads(ECDSA, 0, NULL);
	const json_t *testimony;
	int fd;

	server_case(lab->server, "case", server,
	            &(struct server_place){.address = "::1", .from = "0:0:0:0:0:0:0:1"},
	            LAB_TIMEOUT_MS, 1);
	json_decref(server);
	LAB_WAIT(lab, lab->port != 0 || lab->refused != NULL);
	if (lab->refused != NULL)
		skip(); /* a machine without IPv6 */
	fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	address.sin6_port = htons((uint16_t)lab->port);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	close(fd);
	server_no_more(lab->server, "case");
	testimony = lab_hear(lab);
	assert_true(json_flag(testimony, "connected"));
	assert_null(json_object_get(testimony, "strangers"));
}

static void what_is_no_tls_is_told_as_such(void **state)
{
	static const struct {
		const char *bytes;
		const char *reason;
	} greetings[] = {
		{"GET / HTTP/1.0\r\n\r\n", "http request"},
		{"\x7f\x45LF\x02\x01\x01 and so on, no record at all", "wrong version number"},
		{"SSH-2.0-OpenSSH_9.2\r\n", "wrong version number"},
	};
	struct lab *lab = *state;

	for (size_t i = 0; i < sizeof(greetings) / sizeof(greetings[0]); i++) {
		const json_t *testimony;
		int fd;

		lab_start(lab, ECDSA);
		fd = tcp_connect(lab->port);
		assert_true(send(fd, greetings[i].bytes, strlen(greetings[i].bytes), 0) > 0);
		shutdown(fd, SHUT_WR);
		testimony = lab_hear(lab);
		close(fd);
		assert_told(testimony, "state", "connected");
		assert_told(testimony, "ended", "handshake-failed");
		assert_error(testimony, greetings[i].reason);
	}
}

/* Bytes that nobody reads any more must not turn the server's end into a reset. */
static void a_refused_client_that_goes_on_talking_gets_its_alert(void **state)
{
	static const uint8_t more[4096] = {0};
	struct lab *lab = *state;
	uint8_t hello[1024], alert[7];
	const json_t *testimony;
	size_t len = client_hello(hello, sizeof(hello));
	int fd;

	lab_start(lab, "{\"versions\":[\"1.3\"],\"certificate\":\"ecdsa-p256\","
	               "\"signature_algorithms\":\"ed25519\"}");
	fd = tcp_connect(lab->port);
	assert_int_equal(send(fd, hello, len, MSG_MORE), len);
	assert_int_equal(send(fd, more, sizeof(more), 0), sizeof(more));
	assert_int_equal(recv(fd, alert, sizeof(alert), MSG_WAITALL), sizeof(alert));
	assert_memory_equal(alert, "\x15\x03\x03\x00\x02\x02\x28", sizeof(alert));
	await_fin(fd);
	close(fd);
	testimony = lab_hear(lab);
	assert_n_alerts(testimony, 1);
	assert_alert(testimony, 0, "server", "fatal", 40);
	assert_told(testimony, "closed_by", "server");
}

static void a_client_that_leaves_after_its_hello_is_told(void **state)
{
	struct lab *lab = *state;
	uint8_t hello[1024];
	const json_t *testimony;
	int fd;

	lab_start(lab, ECDSA);
	fd = tcp_connect(lab->port);
	assert_true(send(fd, hello, client_hello(hello, sizeof(hello)), 0) > 0);
	shutdown(fd, SHUT_WR);
	testimony = lab_hear(lab);
	close(fd);
	assert_told(testimony, "state", "handshake");
	assert_told(testimony, "ended", "handshake-failed");
	assert_told(testimony, "closed_by", "client");
	assert_error(testimony, "unexpected eof while reading");
}

/* TLS 1.3 has no warnings but two, whatever the level says: RFC 8446 section 6. */
static void a_warning_that_ends_tls_13_is_the_clients_end(void **state)
{
	static const uint8_t unknown_ca[] = {0x15, 3, 3, 0, 2, 1, 48};
	struct lab *lab = *state;
	uint8_t hello[1024], answer;
	const json_t *testimony;
	int fd;

	lab_start(lab, ECDSA);
	fd = tcp_connect(lab->port);
	assert_true(send(fd, hello, client_hello(hello, sizeof(hello)), 0) > 0);
	assert_int_equal(recv(fd, &answer, 1, 0), 1);
	assert_true(send(fd, unknown_ca, sizeof(unknown_ca), 0) > 0);
	await_fin(fd);
	close(fd);
	testimony = lab_hear(lab);
	assert_alert(testimony, 0, "client", "warning", 48);
	assert_told(testimony, "closed_by", "client");
}

static void a_reset_is_told(void **state)
{
	struct lab *lab = *state;
	uint8_t hello[1024], answer;
	const json_t *testimony;
	int fd;

	lab_start(lab, ECDSA);
	fd = tcp_connect(lab->port);
	assert_true(send(fd, hello, client_hello(hello, sizeof(hello)), 0) > 0);
	assert_int_equal(recv(fd, &answer, 1, 0), 1);
	close_with_reset(fd);
	testimony = lab_hear(lab);
	assert_told(testimony, "state", "handshake");
	assert_told(testimony, "closed_by", "client");
	assert_error(testimony, strerror(ECONNRESET));
	assert_n_alerts(testimony, 0);
}

/* The state stays "established": it ended without a close_notify of the client's. */
static void an_end_without_close_notify_is_not_orderly(void **state)
{
	struct lab *lab = *state;
	const json_t *testimony;
	struct client client;

	meet(lab, &client);
	client_talk(&client);
	shutdown(client.socket, SHUT_WR);
	testimony = lab_hear(lab);
	client_close(&client);
	assert_true(json_flag(testimony, "handshake"));
	assert_told(testimony, "state", "established");
	assert_told(testimony, "ended", "closed");
	assert_told(testimony, "closed_by", "client");
	assert_false(json_flag(json_object_get(testimony, "close_notify"), "received"));
}

/* A record that seems to be the server's, but is not: the client answers bad_record_mac. */
static void a_fatal_alert_after_the_handshake_is_told(void **state)
{
	static const char forged[] = "\x17\x03\x03\x00\x20................................";
	struct lab *lab = *state;
	const json_t *testimony;
	struct client client;
	BIO *memory = BIO_new(BIO_s_mem());
	char byte;

	meet(lab, &client);
	client_talk(&client);
	BIO_write(memory, forged, sizeof(forged) - 1);
	SSL_set0_rbio(client.ssl, memory);
	assert_true(SSL_read(client.ssl, &byte, 1) < 0);
	await_fin(client.socket);
	client_close(&client);
	testimony = lab_hear(lab);
	assert_true(json_flag(testimony, "handshake"));
	assert_told(testimony, "state", "established");
	assert_told(testimony, "ended", "closed");
	assert_told(testimony, "closed_by", "client");
	assert_n_alerts(testimony, 1);
	assert_alert(testimony, 0, "client", "fatal", 20);
	assert_error(testimony, "sslv3 alert bad record mac");
}

/* The board has reported its end, so the case is stopped; its alert is here, but not yet read. */
static void what_arrived_before_the_stop_is_read(void **state)
{
	struct lab *lab = *state;
	const json_t *testimony;
	struct client client;
	pid_t child;

	meet(lab, &client);
	client_talk(&client);
	child = only_child(lab);
	assert_int_equal(kill(child, SIGSTOP), 0);
	assert_int_equal(kill(child, SIGTERM), 0);
	SSL_shutdown(client.ssl);
	assert_int_equal(kill(child, SIGCONT), 0);
	testimony = lab_hear(lab);
	client_close(&client);
	assert_told(testimony, "state", "closed");
	assert_told(testimony, "ended", "closed");
}

/* A client that never stops talking cannot keep the server from stopping. */
static void a_stop_ends_a_client_that_goes_on_sending(void **state)
{
	static const char words[1000] = "and on and on";
	struct lab *lab = *state;
	struct client client;

	meet(lab, &client);
	client_talk(&client);
	server_end_case(lab->server, "case");
	while (lab->message == NULL) {
		SSL_write(client.ssl, words, sizeof(words));
		uv_run(&lab->loop, UV_RUN_NOWAIT);
	}
	client_close(&client);
	assert_told(lab_hear(lab), "ended", "stopped");
	assert_told(lab_hear(lab), "state", "established");
}

static void ten_megabytes_come_back(void **state)
{
	const size_t len = 10u << 20;
	struct lab *lab = *state;
	const json_t *testimony;
	struct client client;
	uint8_t *sent = malloc(len), *back = malloc(len);

	assert_true(sent != NULL && back != NULL);
	for (size_t i = 0; i < len; i++)
		sent[i] = (uint8_t)(i * 2654435761u >> 13);
	meet(lab, &client);
	assert_int_equal(SSL_write(client.ssl, sent, (int)len), len);
	/* all sent before anything is read; half-closed before all is read */
	assert_int_equal(SSL_shutdown(client.ssl), 0);
	for (size_t done = 0, n; done < len; done += n)
		assert_int_equal(SSL_read_ex(client.ssl, back + done, len - done, &n), 1);
	assert_memory_equal(sent, back, len);
	client_close(&client);
	testimony = lab_hear(lab);
	assert_int_equal(json_number(testimony, "bytes_received"), len);
	assert_int_equal(json_number(testimony, "bytes_sent"), len);
	assert_told(testimony, "state", "closed");
	free(sent);
	free(back);
}

static void a_second_connection_is_refused(void **state)
{
	struct lab *lab = *state;
	struct sockaddr_in address = {.sin_family = AF_INET,
	                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct client client;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	meet(lab, &client);
	address.sin_port = htons((uint16_t)lab->port);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), -1);
	assert_int_equal(errno, ECONNREFUSED);
	close(fd);
	client_part(&client);
	client_close(&client);
	lab_hear(lab);
}

static void a_killed_child_is_testified_for(void **state)
{
	struct lab *lab = *state;
	const json_t *testimony;
	struct client client;

	meet(lab, &client);
	client_talk(&client);
	assert_int_equal(kill(only_child(lab), SIGKILL), 0);
	testimony = lab_hear(lab);
	client_close(&client);
	assert_told(testimony, "ended", "crashed");
	assert_told(testimony, "state", "established");
	assert_true(json_flag(testimony, "connected"));
	assert_int_equal(json_number(testimony, "signal"), SIGKILL);
	lab_start(lab, ECDSA); /* one case is lost, no more */
	visit_well(lab, &any, &client);
	client_close(&client);
	assert_told(lab_hear(lab), "ended", "closed");
}

static void a_child_that_hangs_is_killed_once_it_was_stopped(void **state)
{
	struct lab *lab = *state;
	const json_t *testimony;

	lab_start(lab, ECDSA);
	assert_int_equal(kill(only_child(lab), SIGSTOP), 0);
	server_end_case(lab->server, "case");
	testimony = lab_hear(lab);
	assert_told(testimony, "ended", "crashed");
	assert_int_equal(json_number(testimony, "signal"), SIGKILL);
}

static void no_child_outlives_a_killed_program(void **state)
{
	struct lab *lab = *state;
	struct client client;
	char byte;

	meet(lab, &client);
	client_talk(&client);
	assert_int_equal(kill(server_pid(lab->server), SIGKILL), 0);
	LAB_WAIT(lab, lab->why != NULL);
	assert_non_null(strstr(lab->why, "signal 9"));
	assert_true(recv(client.socket, &byte, 1, 0) <= 0); /* the child's socket closed with it */
	client_close(&client);
}

static void no_child_outlives_its_daemon(void **state)
{
	struct lab *lab = *state;
	struct client client;
	char byte;

	meet(lab, &client);
	client_talk(&client);
	server_stop(lab->server);
	LAB_WAIT(lab, lab->why != NULL);
	assert_string_equal(lab->why, "");
	assert_true(recv(client.socket, &byte, 1, 0) <= 0);
	client_close(&client);
}

static void two_hundred_cases_leave_nothing_behind(void **state)
{
	struct lab *lab = *state;
	size_t n_descriptors = 0;
	struct client client;
	pid_t pid;

	for (int i = 0; i < 200; i++) {
		if (i == 1) /* what the first case opens for good, it may keep */
			n_descriptors = descriptors_of(server_pid(lab->server));
		lab_start(lab, i % 2 == 0 ? ECDSA : ECDSA_IN_12);
		if (i % 3 == 0) {
			close_with_reset(tcp_connect(lab->port));
		} else {
			visit_well(lab, &any, &client);
			client_close(&client);
		}
		lab_hear(lab);
	}
	/* a child ends a little after its testimony: the program is given turns to see it */
	for (int i = 0; i < 10000 && children_of(lab, &pid) > 0; i++)
		lab_ask(lab, "{\"tickets\":\"no\"}", "127.0.0.1", LAB_TIMEOUT_MS);
	assert_int_equal(children_of(lab, &pid), 0);
	assert_true(descriptors_of(server_pid(lab->server)) <= n_descriptors);
}

struct tally {
	int n_listening, n_testified;
	int ports[16];
};

static void tally_listening(void *context, const char *cell, int port)
{
	struct tally *tally = context;

	tally->ports[atoi(cell)] = port;
	tally->n_listening++;
}

static void tally_refused(void *context, const char *cell, const char *text)
{
	(void)context;
	fail_msg("%s: %s", cell, text);
}

static void tally_testimony(void *context, const char *cell, json_t *message, struct bytes attached)
{
	struct tally *tally = context;

	(void)cell;
	(void)attached;
	assert_told(json_object_get(message, "testimony"), "ended", "closed");
	tally->n_testified++;
}

static void tally_exited(void *context, const char *why)
{
	struct tally *tally = context;

	assert_string_equal(why, "");
	tally->n_listening = -1;
}

static void cases_run_side_by_side(void **state)
{
	static const struct server_events events = {.listening = tally_listening,
	                                            .refused = tally_refused,
	                                            .testimony = tally_testimony,
	                                            .exited = tally_exited};
	struct lab *lab = *state;
	json_t *configuration = json_loads(ECDSA, 0, NULL);
	struct tally tally = {0};
	struct error error = {0};
	struct client clients[16];
	struct server *server;
	char cell[16];

	assert_int_equal(server_start(&server, &lab->loop, &events, &tally, &error), 0);
	for (int i = 0; i < 16; i++) {
		snprintf(cell, sizeof(cell), "%d", i);
		server_case(server, cell, configuration,
		            &(struct server_place){.address = "127.0.0.1", .from = ""},
		            LAB_TIMEOUT_MS, 1);
	}
	LAB_WAIT(lab, tally.n_listening == 16);
	for (int i = 0; i < 16; i++) {
		client_open(&clients[i], tally.ports[i], &any);
		assert_int_equal(SSL_connect(clients[i].ssl), 1);
	}
	for (int i = 15; i >= 0; i--) {
		client_talk(&clients[i]);
		client_part(&clients[i]);
		client_close(&clients[i]);
	}
	LAB_WAIT(lab, tally.n_testified == 16);
	server_stop(server);
	LAB_WAIT(lab, tally.n_listening == -1);
	json_decref(configuration);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, lab_open, lab_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(nobody_comes),
		TEST(a_case_that_is_stopped_testifies),
		TEST(a_client_that_will_not_come_is_not_waited_for),
		TEST(a_client_that_is_there_is_served_though_it_is_the_last),
		TEST(stopping_what_is_over_or_never_was_does_nothing),
		TEST(a_silent_client_is_waited_for_and_left),
		TEST(half_a_client_hello_is_waited_for_and_left),
		TEST(a_client_that_stays_after_the_handshake_is_left_with_close_notify),
		TEST(a_client_that_sends_key_updates_without_end_is_left),
		TEST(a_client_that_goes_on_talking_after_the_end_is_left),
		TEST(a_client_that_takes_no_more_segments_is_left),
		TEST(a_board_is_known_by_its_address_however_that_is_written),
		TEST(what_is_no_tls_is_told_as_such),
		TEST(a_refused_client_that_goes_on_talking_gets_its_alert),
		TEST(a_client_that_leaves_after_its_hello_is_told),
		TEST(a_warning_that_ends_tls_13_is_the_clients_end),
		TEST(a_reset_is_told),
		TEST(an_end_without_close_notify_is_not_orderly),
		TEST(a_fatal_alert_after_the_handshake_is_told),
		TEST(what_arrived_before_the_stop_is_read),
		TEST(a_stop_ends_a_client_that_goes_on_sending),
		TEST(ten_megabytes_come_back),
		TEST(a_second_connection_is_refused),
		TEST(a_killed_child_is_testified_for),
		TEST(a_child_that_hangs_is_killed_once_it_was_stopped),
		TEST(no_child_outlives_a_killed_program),
		TEST(no_child_outlives_its_daemon),
		TEST(two_hundred_cases_leave_nothing_behind),
		TEST(cases_run_side_by_side),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests_name("peer/server life", tests, lab_certificates, NULL);
}
