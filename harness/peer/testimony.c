#include "peer/testimony.h"

#include "base/assert.h"
#include "base/clock.h"
#include "base/json.h"
#include "peer/context.h"
#include "peer/settled.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

enum { ALERT_LEVEL_FATAL = 2, ALERT_CLOSE_NOTIFY = 0, ALERT_USER_CANCELED = 90 };
enum { HANDSHAKE_KEY_UPDATE = 24 };

static const char *const reached_names[] = {
	[REACHED_LISTENING] = "listening", [REACHED_CONNECTED] = "connected",
	[REACHED_HANDSHAKE] = "handshake", [REACHED_ESTABLISHED] = "established",
	[REACHED_CLOSED] = "closed",
};

static const char *const ended_names[] = {
	[ENDED_CLOSED] = "closed", [ENDED_HANDSHAKE_FAILED] = "handshake-failed",
	[ENDED_TIMEOUT] = "timeout", [ENDED_STOPPED] = "stopped", [ENDED_CRASHED] = "crashed",
};

static const char *const closer_names[] = {
	[CLOSER_NONE] = NULL, [CLOSER_CLIENT] = "client", [CLOSER_SERVER] = "server",
	[CLOSER_TIMEOUT] = "timeout",
};

void testimony_init(struct testimony *testimony, atomic_int *reached)
{
	*testimony = (struct testimony){
		.reached = reached,
		.sni = json_made(json_null()),
		.alerts = json_made(json_array()),
		.errors = json_made(json_array()),
		.listening_ns = clock_steady_ns(),
		.keylog = {.max = TESTIMONY_KEYLOG_MAX},
	};
	*reached = REACHED_LISTENING;
}

void testimony_fini(struct testimony *testimony)
{
	json_decref(testimony->sni);
	json_decref(testimony->alerts);
	json_decref(testimony->errors);
	buf_fini(&testimony->keylog);
}

void testimony_reach(struct testimony *testimony, enum reached reached)
{
	if ((int)reached > *testimony->reached)
		*testimony->reached = (int)reached;
}

void testimony_closed_by(struct testimony *testimony, enum closer closer)
{
	if (testimony->closed_by == CLOSER_NONE)
		testimony->closed_by = closer;
}

/* Foreign bytes as a JSON text: UTF-8 as it is, else each byte as the character of its value. */
static json_t *text_of_bytes(const void *data, size_t len)
{
	const unsigned char *bytes = data;
	struct buf latin1 = {0};
	json_t *text = json_stringn(data, len);

	if (text != NULL)
		return text;
	for (size_t i = 0; i < len; i++) {
		if (bytes[i] >= 0x80)
			buf_u8(&latin1, (uint8_t)(0xc0 | bytes[i] >> 6));
		buf_u8(&latin1, bytes[i] >= 0x80 ? (0x80 | (bytes[i] & 0x3f)) : bytes[i]);
	}
	text = json_made(json_stringn(buf_string(&latin1), latin1.len));
	buf_fini(&latin1);
	return text;
}

/*
 * libssl answers a FIN that came too early with an alert of its own: that alert ends nothing, the
 * FIN did.
 */
static enum closer alert_closer(SSL *ssl, bool sent)
{
	return sent && !BIO_eof(SSL_get_rbio(ssl)) ? CLOSER_SERVER : CLOSER_CLIENT;
}

/* In TLS 1.3 the level means nothing: RFC 8446 section 6. */
static bool alert_ends(const struct testimony *testimony, uint8_t level, uint8_t description)
{
	if (description == ALERT_CLOSE_NOTIFY)
		return true;
	if (testimony->version == TLS1_3_VERSION)
		return description != ALERT_USER_CANCELED;
	return level == ALERT_LEVEL_FATAL;
}

static void note_alert(struct testimony *testimony, SSL *ssl, bool sent, struct reader *alert)
{
	uint8_t level = reader_u8(alert, "level");
	uint8_t description = reader_u8(alert, "description");
	char level_name[REGISTRY_LABEL_MAX], name[REGISTRY_LABEL_MAX];

	if (!reader_ok(alert))
		return;
	if (description == ALERT_CLOSE_NOTIFY && sent)
		testimony->close_notify_sent = true;
	if (description == ALERT_CLOSE_NOTIFY && !sent)
		testimony->close_notify_received = true;
	if (alert_ends(testimony, level, description))
		testimony_closed_by(testimony, alert_closer(ssl, sent));
	if (json_array_size(testimony->alerts) == TESTIMONY_ALERTS_MAX)
		return;
	registry_label(REGISTRY_ALERT_LEVEL, level, level_name);
	registry_label(REGISTRY_ALERT_DESCRIPTION, description, name);
	json_array_append_new(
		testimony->alerts,
		json_made(json_pack("{s:s, s:s, s:s, s:i}", "from", sent ? "server" : "client",
	                            "level", level_name, "description", name, "number",
	                            (int)description)));
}

void testimony_alert_sent(struct testimony *testimony, SSL *ssl, struct bytes alert)
{
	struct fault fault;
	struct reader reader;

	reader_init(&reader, alert.data, alert.len, &fault);
	note_alert(testimony, ssl, true, &reader);
}

static void note_received_handshake(struct testimony *testimony, struct reader *message)
{
	if (reader_u8(message, "msg_type") == HANDSHAKE_KEY_UPDATE && testimony->key_update != NULL)
		testimony->key_update = "answered";
}

/* The state goes to "error" with the first fault: what it was before is worth telling. */
static void note_state(struct testimony *testimony, const SSL *ssl)
{
	const char *state = SSL_state_string_long(ssl);

	if (strcmp(state, "error") != 0)
		testimony->openssl_state = state;
}

static void on_message(int sent, int version, int content_type, const void *data, size_t len,
                       SSL *ssl, void *argument)
{
	struct testimony *testimony = argument;
	struct fault fault;
	struct reader reader;

	(void)version;
	reader_init(&reader, data, len, &fault);
	if (content_type == SSL3_RT_ALERT)
		note_alert(testimony, ssl, sent, &reader);
	else if (content_type == SSL3_RT_HANDSHAKE && sent)
		settled_signature(ssl, (struct bytes){data, len}, testimony->signature_algorithm);
	else if (content_type == SSL3_RT_HANDSHAKE)
		note_received_handshake(testimony, &reader);
}

static void on_info(const SSL *ssl, int where, int value)
{
	(void)where;
	(void)value;
	note_state(SSL_get_app_data(ssl), ssl);
}

static int on_client_hello(SSL *ssl, int *alert, void *argument)
{
	struct testimony *testimony = SSL_get_app_data(ssl);

	(void)alert;
	(void)argument;
	note_state(testimony, ssl);
	testimony_reach(testimony, REACHED_HANDSHAKE);
	return SSL_CLIENT_HELLO_SUCCESS;
}

/* libssl calls this in each handshake, name or not, right after it has settled on a version. */
static int on_server_name(SSL *ssl, int *alert, void *argument)
{
	struct testimony *testimony = SSL_get_app_data(ssl);
	const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);

	(void)argument;
	testimony->version = SSL_version(ssl);
	if (name != NULL) {
		json_decref(testimony->sni);
		testimony->sni = text_of_bytes(name, strlen(name));
	}
	return context_answer_name(ssl, name, alert);
}

static void on_key(const SSL *ssl, const char *line)
{
	struct testimony *testimony = SSL_get_app_data(ssl);

	if (testimony->keylog.len + strlen(line) < TESTIMONY_KEYLOG_MAX)
		buf_printf(&testimony->keylog, "%s\n", line);
}

void testimony_watch_context(SSL_CTX *context)
{
	SSL_CTX_set_client_hello_cb(context, on_client_hello, NULL);
	SSL_CTX_set_tlsext_servername_callback(context, on_server_name);
	SSL_CTX_set_keylog_callback(context, on_key);
}

void testimony_watch(struct testimony *testimony, SSL *ssl)
{
	SSL_set_app_data(ssl, testimony);
	SSL_set_info_callback(ssl, on_info);
	SSL_set_msg_callback(ssl, on_message);
	SSL_set_msg_callback_arg(ssl, testimony);
}

void testimony_take_errors(struct testimony *testimony)
{
	const char *function = NULL;
	unsigned long code;

	while ((code = ERR_get_error_all(NULL, NULL, &function, NULL, NULL)) != 0) {
		const char *reason = ERR_SYSTEM_ERROR(code) ? strerror(ERR_GET_REASON(code))
		                                            : ERR_reason_error_string(code);
		char text[2 * sizeof(code) + 1];

		if (json_array_size(testimony->errors) == TESTIMONY_ERRORS_MAX)
			continue;
		snprintf(text, sizeof(text), "%08lX", code);
		json_array_append_new(testimony->errors,
		                      json_made(json_pack("{s:s, s:s, s:s}", "code", text, "reason",
		                                          reason != NULL ? reason : "", "function",
		                                          function != NULL ? function : "")));
	}
}

/* A text, or JSON's null. */
static json_t *text_or_null(const char *text)
{
	return text != NULL ? text_of_bytes(text, strlen(text)) : json_null();
}

static json_t *client_address(const struct testimony *testimony)
{
	const struct sockaddr *address = (const struct sockaddr *)&testimony->client;
	char host[NI_MAXHOST], port[NI_MAXSERV];

	if (address->sa_family == AF_UNSPEC ||
	    getnameinfo(address, sizeof(testimony->client), host, sizeof(host), port, sizeof(port),
	                NI_NUMERICHOST | NI_NUMERICSERV) != 0)
		return json_null();
	return json_pack("{s:s, s:i}", "address", host, "port", atoi(port));
}

static json_t *subject_name(SSL *ssl)
{
	X509 *certificate = SSL_get0_peer_certificate(ssl);
	BIO *memory;
	json_t *name;
	char *data;
	long len;

	if (certificate == NULL)
		return json_null();
	memory = BIO_new(BIO_s_mem());
	CHECK(memory != NULL);
	X509_NAME_print_ex(memory, X509_get_subject_name(certificate), 0,
	                   XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB);
	len = BIO_get_mem_data(memory, &data);
	name = text_of_bytes(data, len > 0 ? (size_t)len : 0);
	BIO_free(memory);
	return name;
}

static json_t *chosen_alpn(SSL *ssl)
{
	const unsigned char *name;
	unsigned len;

	SSL_get0_alpn_selected(ssl, &name, &len);
	return len > 0 ? text_of_bytes(name, len) : json_null();
}

/* What OpenSSL thought of the client's certificate, if it thought ill of it. */
static json_t *certificate_fault(SSL *ssl)
{
	long result = SSL_get_verify_result(ssl);

	return text_or_null(result != X509_V_OK ? X509_verify_cert_error_string(result) : NULL);
}

static void tell_negotiated(const struct testimony *testimony, SSL *ssl, json_t *told)
{
	const char *signature = testimony->signature_algorithm;

	json_object_set_new(told, "openssl_state", text_or_null(testimony->openssl_state));
	json_object_set_new(told, "version", text_or_null(settled_version(testimony->version)));
	json_object_set_new(told, "ciphersuite",
	                    text_or_null(ssl ? settled_ciphersuite(ssl) : NULL));
	json_object_set_new(told, "group", text_or_null(ssl ? settled_group(ssl) : NULL));
	json_object_set_new(told, "signature_algorithm",
	                    text_or_null(signature[0] != '\0' ? signature : NULL));
	json_object_set(told, "sni", testimony->sni);
	json_object_set_new(told, "alpn", ssl ? chosen_alpn(ssl) : json_null());
	json_object_set_new(told, "resumed", json_boolean(ssl != NULL && SSL_session_reused(ssl)));
	json_object_set_new(told, "client_certificate", ssl ? subject_name(ssl) : json_null());
	json_object_set_new(told, "client_certificate_error",
	                    ssl ? certificate_fault(ssl) : json_null());
}

/* Whether early data was taken; null if the client sent none. */
static json_t *early_data_taken(SSL *ssl)
{
	int status = ssl != NULL ? SSL_get_early_data_status(ssl) : SSL_EARLY_DATA_NOT_SENT;

	return status == SSL_EARLY_DATA_NOT_SENT ? json_null()
	                                         : json_boolean(status == SSL_EARLY_DATA_ACCEPTED);
}

static void tell_extras(const struct testimony *testimony, SSL *ssl, json_t *told)
{
	json_object_set_new(told, "early_data", early_data_taken(ssl));
	json_object_set_new(told, "key_update", text_or_null(testimony->key_update));
	json_object_set_new(told, "post_handshake_auth",
	                    text_or_null(testimony->post_handshake_auth));
}

/*
 * From `start_ns` to `end_ns` in milliseconds to the microsecond, or null if the end was not
 * reached.
 */
static json_t *span_ms(uint64_t start_ns, uint64_t end_ns)
{
	uint64_t us = (end_ns - start_ns) / 1000;

	return end_ns != 0 ? json_real((double)us / 1e3) : json_null();
}

static json_t *timings(const struct testimony *testimony)
{
	return json_pack("{s:o, s:o, s:o}",
	                 "accept", span_ms(testimony->listening_ns, testimony->accepted_ns),
	                 "handshake", span_ms(testimony->accepted_ns, testimony->shaken_ns),
	                 "total", span_ms(testimony->listening_ns, testimony->ended_ns));
}

/* When it began to listen, by the wall clock: the zero of its timings. */
static json_t *start_us(const struct testimony *testimony)
{
	uint64_t since_ns = clock_steady_ns() - testimony->listening_ns;

	return json_integer((json_int_t)((clock_wall_ns() - since_ns) / 1000));
}

json_t *testimony_tell(const struct testimony *testimony, SSL *ssl)
{
	int reached = *testimony->reached;
	json_t *told = json_made(json_object());

	json_object_set_new(told, "connected", json_boolean(reached >= REACHED_CONNECTED));
	json_object_set_new(told, "client", client_address(testimony));
	json_object_set_new(told, "state", json_string(reached_names[reached]));
	json_object_set_new(told, "handshake", json_boolean(testimony->handshake));
	tell_negotiated(testimony, ssl, told);
	tell_extras(testimony, ssl, told);
	json_object_set(told, "alerts", testimony->alerts);
	json_object_set(told, "errors", testimony->errors);
	json_object_set_new(told, "bytes_received",
	                    json_integer((json_int_t)testimony->bytes_received));
	json_object_set_new(told, "bytes_sent", json_integer((json_int_t)testimony->bytes_sent));
	json_object_set_new(told, "closed_by", text_or_null(closer_names[testimony->closed_by]));
	json_object_set_new(told, "close_notify",
	                    json_pack("{s:b, s:b}", "sent", testimony->close_notify_sent,
	                              "received", testimony->close_notify_received));
	json_object_set_new(told, "timings_ms", timings(testimony));
	json_object_set_new(told, "start_us", start_us(testimony));
	json_object_set_new(told, "ended", json_string(ended_names[testimony->ended]));
	return told;
}

json_t *testimony_shorten(const json_t *told)
{
	static const char *const keys[] = {"state",  "handshake", "version",   "resumed",
	                                   "alerts", "closed_by", "early_data", "ended"};
	json_t *shorter = json_made(json_object());

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		json_object_set(shorter, keys[i], json_object_get(told, keys[i]));
	return shorter;
}

json_t *testimony_of_crashed(enum reached reached, int signal)
{
	struct testimony testimony;
	atomic_int scratch;
	json_t *told;

	testimony_init(&testimony, &scratch);
	testimony_reach(&testimony, reached);
	testimony.handshake = reached >= REACHED_ESTABLISHED;
	testimony.ended = ENDED_CRASHED;
	told = testimony_tell(&testimony, NULL);
	json_object_set_new(told, "signal", signal != 0 ? json_integer(signal) : json_null());
	json_object_set_new(told, "signal_name",
	                    text_or_null(signal != 0 ? strsignal(signal) : NULL));
	testimony_fini(&testimony);
	return told;
}
