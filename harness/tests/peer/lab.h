/*
 * lab.h: for tests of the server program: the program itself on a libuv loop, and a libssl client
 * that visits its servers. A test's `*state` is its struct lab.
 */
#ifndef SHAKEDOWN_TESTS_PEER_LAB_H
#define SHAKEDOWN_TESTS_PEER_LAB_H

#include "base/buf.h"
#include "base/file.h"
#include "base/json.h"
#include "flow/evidence.h"
#include "peer/server.h"
#include "tests/peer/certificates.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LAB_GUARD_MS 30000 /* a test that waits longer has failed */
#define LAB_TIMEOUT_MS 10000 /* of servers whose time-out a test is not about */
#define NONE_SEEN (-1)

struct lab {
	uv_loop_t loop;
	uv_timer_t guard;
	struct server *server;
	int connections;  /* that the next cases are for; 0: one */
	int port;         /* of the last case; 0 until it listens */
	char *refused;    /* why the last case cannot be */
	json_t *message;  /* the last testimony's */
	struct buf capture;
	char *why; /* the program's end */
};

static inline void on_listening(void *context, const char *cell, int port)
{
	struct lab *lab = context;

	(void)cell;
	lab->port = port;
}

static inline void on_refused(void *context, const char *cell, const char *text)
{
	struct lab *lab = context;

	(void)cell;
	lab->refused = strdup(text);
}

static inline void on_testimony(void *context, const char *cell, json_t *message,
                                struct bytes attached)
{
	struct lab *lab = context;
	struct evidence evidence = evidence_unpack(message, attached);

	(void)cell;
	assert_null(lab->message);
	lab->message = json_incref(message);
	json_object_set_new(message, "connections", evidence_connections(&evidence));
	buf_bytes(&lab->capture, evidence.pcapng);
}

static inline void on_exited(void *context, const char *why)
{
	struct lab *lab = context;

	lab->why = strdup(why);
}

static inline void on_guard(uv_timer_t *timer)
{
	(void)timer;
	fail_msg("nothing came for %d ms", LAB_GUARD_MS);
}

/* Runs the loop until one of the lab's members says that something happened. */
#define LAB_WAIT(lab, happened) \
	do { \
		uv_timer_start(&(lab)->guard, on_guard, LAB_GUARD_MS, 0); \
		while (!(happened)) \
			uv_run(&(lab)->loop, UV_RUN_ONCE); \
		uv_timer_stop(&(lab)->guard); \
	} while (0)

static inline char *certificate_file(const char *name, const char *file)
{
	struct error error = {0};
	struct buf path = {0};

	buf_printf(&path, "%s/certs/out/%s/%s", file_data_root(&error), name, file);
	return (char *)path.data;
}

static inline int lab_certificates(void **state)
{
	(void)state;
	free(certificates_made());
	return 0;
}

static inline int lab_open(void **state)
{
	static const struct server_events events = {on_listening, on_refused, on_testimony, on_exited};
	struct lab *lab = calloc(1, sizeof(*lab));
	struct error error = {0};

	assert_non_null(lab);
	assert_int_equal(uv_loop_init(&lab->loop), 0);
	assert_int_equal(uv_timer_init(&lab->loop, &lab->guard), 0);
	if (server_start(&lab->server, &lab->loop, &events, lab, &error) != 0)
		fail_msg("%s", error.text);
	*state = lab;
	return 0;
}

static inline void lab_forget(struct lab *lab)
{
	json_decref(lab->message);
	lab->message = NULL;
	free(lab->refused);
	lab->refused = NULL;
	lab->port = 0;
	buf_clear(&lab->capture);
}

static inline int lab_close(void **state)
{
	struct lab *lab = *state;

	if (lab->why == NULL) {
		server_stop(lab->server);
		LAB_WAIT(lab, lab->why != NULL);
		assert_string_equal(lab->why, "");
	}
	uv_close((uv_handle_t *)&lab->guard, NULL);
	uv_run(&lab->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&lab->loop), 0);
	lab_forget(lab);
	buf_fini(&lab->capture);
	free(lab->why);
	free(lab);
	return 0;
}

/* Asks for the case "case"; afterwards either lab->port or lab->refused is set. */
static inline void lab_ask(struct lab *lab, const char *configuration, const char *address,
                           int timeout_ms)
{
	json_error_t where;
	json_t *server = json_loads(configuration, 0, &where);

	if (server == NULL)
		fail_msg("%s: %s", configuration, where.text);
	lab_forget(lab);
	server_case(lab->server, "case", server,
	            &(struct server_place){.address = address, .from = ""}, timeout_ms,
	            lab->connections > 0 ? lab->connections : 1);
	json_decref(server);
	LAB_WAIT(lab, lab->port != 0 || lab->refused != NULL);
}

/* A case that must listen. */
static inline void lab_start(struct lab *lab, const char *configuration)
{
	lab_ask(lab, configuration, "127.0.0.1", LAB_TIMEOUT_MS);
	if (lab->refused != NULL)
		fail_msg("%s: %s", configuration, lab->refused);
}

/* The testimony of the case, borrowed until the next case. */
static inline const json_t *lab_hear(struct lab *lab)
{
	LAB_WAIT(lab, lab->message != NULL);
	return json_object_get(lab->message, "testimony");
}

/* How a client is to be; zeros leave libssl's defaults. */
struct visit {
	int lowest, highest; /* TLS1_2_VERSION, ... */
	const char *cipher_list, *ciphersuites, *groups, *signature_algorithms, *alpn, *sni;
	const char *certificate; /* name of a client certificate */
	int (*judge)(int ok, X509_STORE_CTX *store);
	SSL_SESSION *session;
};

struct client {
	SSL_CTX *context;
	SSL *ssl;
	int socket;
	int alert_received; /* the last one's number, close_notify left out; NONE_SEEN */
	int n_tickets;
	bool asked_for_certificate;
	int n_authorities; /* names in the CertificateRequest */
};

static inline int tcp_connect(int port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port),
	                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	const struct timeval patience = {.tv_sec = LAB_GUARD_MS / 1000};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

static inline void on_client_info(const SSL *ssl, int where, int value)
{
	struct client *client = SSL_get_app_data(ssl);

	if ((where & SSL_CB_READ_ALERT) == SSL_CB_READ_ALERT && (value & 0xff) != 0)
		client->alert_received = value & 0xff;
}

static inline int on_ticket(SSL *ssl, SSL_SESSION *session)
{
	struct client *client = SSL_get_app_data(ssl);

	if (SSL_SESSION_has_ticket(session))
		client->n_tickets++;
	return 0;
}

static inline int on_request(SSL *ssl, void *argument)
{
	struct client *client = SSL_get_app_data(ssl);

	(void)argument;
	client->asked_for_certificate = true;
	client->n_authorities = sk_X509_NAME_num(SSL_get0_peer_CA_list(ssl));
	return 1;
}

static inline void trust(SSL_CTX *context)
{
	static const char *const roots[] = {"ca-rsa", "ca-ecdsa-p256", "ca-ecdsa-p384", "ca-ed25519"};

	for (size_t i = 0; i < sizeof(roots) / sizeof(roots[0]); i++) {
		char *path = certificate_file(roots[i], "ca.pem");

		assert_int_equal(SSL_CTX_load_verify_file(context, path), 1);
		free(path);
	}
}

static inline void show(SSL_CTX *context, const char *name)
{
	char *chain = certificate_file(name, "chain.pem"), *key = certificate_file(name, "key.pem");

	assert_int_equal(SSL_CTX_use_certificate_chain_file(context, chain), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM), 1);
	free(chain);
	free(key);
}

static inline SSL_CTX *client_context(const struct visit *visit)
{
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());

	assert_non_null(context);
	SSL_CTX_set_security_level(context, 0);
	SSL_CTX_set_min_proto_version(context, visit->lowest != 0 ? visit->lowest : TLS1_VERSION);
	SSL_CTX_set_max_proto_version(context, visit->highest);
	trust(context);
	SSL_CTX_set_verify(context, SSL_VERIFY_PEER, visit->judge);
	SSL_CTX_set_info_callback(context, on_client_info);
	SSL_CTX_set_session_cache_mode(context,
	                               SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL_STORE);
	SSL_CTX_sess_set_new_cb(context, on_ticket);
	SSL_CTX_set_cert_cb(context, on_request, NULL);
	if (visit->cipher_list != NULL)
		assert_int_equal(SSL_CTX_set_cipher_list(context, visit->cipher_list), 1);
	if (visit->ciphersuites != NULL)
		assert_int_equal(SSL_CTX_set_ciphersuites(context, visit->ciphersuites), 1);
	if (visit->groups != NULL)
		assert_int_equal(SSL_CTX_set1_groups_list(context, visit->groups), 1);
	if (visit->signature_algorithms != NULL)
		assert_int_equal(SSL_CTX_set1_sigalgs_list(context, visit->signature_algorithms), 1);
	if (visit->certificate != NULL)
		show(context, visit->certificate);
	return context;
}

/* A connected client that has not said anything yet. It is not to move in memory. */
static inline void client_open(struct client *client, int port, const struct visit *visit)
{
	*client = (struct client){.context = client_context(visit), .socket = tcp_connect(port),
	                          .alert_received = NONE_SEEN};
	client->ssl = SSL_new(client->context);
	assert_non_null(client->ssl);
	SSL_set_app_data(client->ssl, client);
	SSL_set_fd(client->ssl, client->socket);
	if (visit->sni != NULL)
		SSL_set_tlsext_host_name(client->ssl, visit->sni);
	if (visit->alpn != NULL)
		SSL_set_alpn_protos(client->ssl, (const unsigned char *)visit->alpn,
		                    (unsigned)strlen(visit->alpn));
	if (visit->session != NULL)
		assert_int_equal(SSL_set_session(client->ssl, visit->session), 1);
	ERR_clear_error();
}

static inline void client_close(struct client *client)
{
	SSL_free(client->ssl);
	SSL_CTX_free(client->context);
	close(client->socket);
	ERR_clear_error();
}

/* Sends a text and reads it back. */
static inline void client_talk(struct client *client)
{
	static const char text[] = "are you there?";
	char back[sizeof(text)];

	assert_int_equal(SSL_write(client->ssl, text, sizeof(text)), sizeof(text));
	assert_int_equal(SSL_read(client->ssl, back, sizeof(back)), sizeof(back));
	assert_string_equal(back, text);
}

/* Says goodbye, and sees the server's close_notify, then its FIN, and no reset. */
static inline void client_part(struct client *client)
{
	char rest;

	assert_int_equal(SSL_shutdown(client->ssl), 0);
	assert_int_equal(SSL_shutdown(client->ssl), 1);
	assert_int_equal(recv(client->socket, &rest, 1, 0), 0);
}

/* A whole visit that must succeed. */
static inline void visit_well(struct lab *lab, const struct visit *visit, struct client *client)
{
	client_open(client, lab->port, visit);
	if (SSL_connect(client->ssl) != 1)
		fail_msg("%s", ERR_reason_error_string(ERR_peek_error()));
	client_talk(client);
	client_part(client);
}

/*
 * A visit that must fail, in the handshake or (TLS 1.3 with client certificates) in the first read.
 * The number of the alert that the client received, or NONE_SEEN.
 */
static inline int visit_badly(struct lab *lab, const struct visit *visit)
{
	struct client client;
	char byte;

	client_open(&client, lab->port, visit);
	if (SSL_connect(client.ssl) == 1)
		assert_true(SSL_read(client.ssl, &byte, 1) <= 0);
	client_close(&client);
	return client.alert_received;
}

static inline void assert_told(const json_t *testimony, const char *key, const char *expected)
{
	const json_t *value = json_object_get(testimony, key);

	if (expected == NULL && json_is_null(value))
		return;
	if (!json_is_string(value) || expected == NULL ||
	    strcmp(json_string_value(value), expected) != 0)
		fail_msg("%s is %s, not %s", key,
		         json_is_string(value) ? json_string_value(value) : "no text",
		         expected != NULL ? expected : "null");
}

/* The alert at `index` of the testimony. */
static inline void assert_alert(const json_t *testimony, size_t index, const char *from,
                                const char *level, int number)
{
	const json_t *alert = json_array_get(json_object_get(testimony, "alerts"), index);

	assert_string_equal(json_text(alert, "from"), from);
	assert_string_equal(json_text(alert, "level"), level);
	assert_int_equal(json_number(alert, "number"), number);
}

static inline void assert_n_alerts(const json_t *testimony, size_t n)
{
	assert_int_equal(json_array_size(json_object_get(testimony, "alerts")), n);
}

/* One of the errors has this reason. */
static inline void assert_error(const json_t *testimony, const char *reason)
{
	const json_t *error;
	size_t i;

	json_array_foreach(json_object_get(testimony, "errors"), i, error)
		if (strcmp(json_text(error, "reason"), reason) == 0)
			return;
	fail_msg("no error \"%s\" among %zu", reason,
	         json_array_size(json_object_get(testimony, "errors")));
}

#endif
