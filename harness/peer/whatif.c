#include "peer/whatif.h"

#include "base/assert.h"
#include "base/json.h"
#include "decode/extension.h"
#include "decode/hello.h"
#include "peer/cookie.h"
#include "peer/settled.h"

#include <openssl/err.h>
#include <stdio.h>

#define FRAGMENT_MAX 16384 /* bytes of a record's content: RFC 8446 section 5.1 */

/* What a connection is asked for; its SSL's application data. */
struct question {
	struct whatif *whatif;
	bool has_hello; /* the server has sent a ServerHello or a HelloRetryRequest */
};

/* RFC 8446 section 4.2.8: in a HelloRetryRequest the extension holds the group alone. */
static void note_hello(struct question *question, struct bytes message)
{
	struct whatif *whatif = question->whatif;
	struct server_hello hello;
	struct bytes body = {0};
	struct fault fault;
	struct reader reader;

	server_hello_read(&hello, message);
	question->has_hello = true;
	if (!hello.is_retry)
		return;
	whatif->answer = WHATIF_HELLO_RETRY_REQUEST;
	if (hello.extensions.data == NULL ||
	    !extension_find(&hello.extensions, EXTENSION_key_share, &body))
		return;
	reader_init(&reader, body.data, body.len, &fault);
	registry_label(REGISTRY_NAMED_GROUP, reader_u16(&reader, "selected_group"), whatif->group);
}

static void note_alert(struct whatif *whatif, struct bytes alert)
{
	struct fault fault;
	struct reader reader;

	reader_init(&reader, alert.data, alert.len, &fault);
	whatif->alerted = true;
	whatif->alert_level = reader_u8(&reader, "level");
	whatif->alert_description = reader_u8(&reader, "description");
}

static void on_message(int sent, int version, int content_type, const void *data, size_t len,
                       SSL *ssl, void *argument)
{
	struct question *question = argument;
	struct bytes message = {data, len};

	(void)version;
	if (!sent || len == 0)
		return;
	if (content_type == SSL3_RT_ALERT)
		note_alert(question->whatif, message);
	if (content_type != SSL3_RT_HANDSHAKE)
		return;
	if (message.data[0] == HANDSHAKE_server_hello)
		note_hello(question, message);
	settled_signature(ssl, message, question->whatif->signature_algorithm);
}

/* libssl calls this right after it has settled on a version, name or not. */
static int on_server_name(SSL *ssl, int *alert, void *argument)
{
	struct question *question = SSL_get_app_data(ssl);

	(void)argument;
	question->whatif->version = settled_version(SSL_version(ssl));
	return context_answer_name(ssl, SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name), alert);
}

/* The hello as it comes to a server, in records, with none after it. */
static BIO *records_of(struct bytes hello)
{
	BIO *records = BIO_new(BIO_s_mem());
	struct fault fault;
	struct reader reader;
	size_t left;

	CHECK(records != NULL);
	reader_init(&reader, hello.data, hello.len, &fault);
	while ((left = reader_left(&reader)) > 0) {
		size_t len = left < FRAGMENT_MAX ? left : FRAGMENT_MAX;
		struct bytes fragment = reader_bytes(&reader, len, "fragment");
		const uint8_t header[] = {SSL3_RT_HANDSHAKE, 3, 1, (uint8_t)(len >> 8),
		                          (uint8_t)len};

		CHECK(BIO_write(records, header, sizeof(header)) == (int)sizeof(header));
		CHECK(BIO_write(records, fragment.data, (int)len) == (int)len);
	}
	BIO_set_mem_eof_return(records, -1);
	return records;
}

static SSL *open_connection(struct question *question, struct context *context, struct bytes hello)
{
	BIO *nowhere = BIO_new(BIO_s_null());
	SSL *ssl = SSL_new(context->ssl);

	CHECK(nowhere != NULL && ssl != NULL);
	SSL_set_app_data(ssl, question);
	SSL_set_msg_callback(ssl, on_message);
	SSL_set_msg_callback_arg(ssl, question);
	SSL_set_bio(ssl, records_of(hello), nowhere);
	return ssl;
}

static void note_settled(struct whatif *whatif, SSL *ssl)
{
	const char *group = settled_group(ssl);

	whatif->ciphersuite = settled_ciphersuite(ssl);
	if (group != NULL && whatif->group[0] == '\0')
		snprintf(whatif->group, sizeof(whatif->group), "%s", group);
}

/* True if the server waits for more of the client's. */
static bool ask(SSL *ssl, struct bytes hello)
{
	int rc;

	ERR_clear_error();
	if (cookie_is_due(ssl, hello))
		return SSL_stateless(ssl) == 0;
	rc = SSL_accept(ssl);
	return SSL_get_error(ssl, rc) == SSL_ERROR_WANT_READ;
}

void whatif_ask(struct whatif *whatif, struct context *context, struct bytes hello)
{
	struct question question = {.whatif = whatif};
	SSL *ssl;

	*whatif = (struct whatif){.answer = WHATIF_SERVER_HELLO};
	SSL_CTX_set_tlsext_servername_callback(context->ssl, on_server_name);
	ssl = open_connection(&question, context, hello);
	if (!ask(ssl, hello))
		whatif->answer = whatif->alerted ? WHATIF_ALERT : WHATIF_SILENCE;
	else if (!question.has_hello)
		whatif->answer = WHATIF_SILENCE;
	note_settled(whatif, ssl);
	whatif->error = ERR_peek_error();
	ERR_clear_error();
	SSL_free(ssl);
}

static const char *word_of(enum whatif_answer answer)
{
	static const char *const words[] = {
		[WHATIF_SERVER_HELLO] = "server_hello",
		[WHATIF_HELLO_RETRY_REQUEST] = "hello_retry_request",
		[WHATIF_ALERT] = "alert",
		[WHATIF_SILENCE] = "silence",
	};

	return words[answer];
}

static void tell_text(json_t *told, const char *key, const char *text)
{
	if (text != NULL && text[0] != '\0')
		json_object_set_new(told, key, json_made(json_string(text)));
}

static json_t *alert_told(const struct whatif *whatif)
{
	char level[REGISTRY_LABEL_MAX], description[REGISTRY_LABEL_MAX];

	registry_label(REGISTRY_ALERT_LEVEL, whatif->alert_level, level);
	registry_label(REGISTRY_ALERT_DESCRIPTION, whatif->alert_description, description);
	return json_made(json_pack("{s:s, s:s, s:s, s:i}", "from", "server", "level", level,
	                           "description", description, "number",
	                           (int)whatif->alert_description));
}

static json_t *error_told(unsigned long error)
{
	const char *reason = ERR_reason_error_string(error);
	char code[2 * sizeof(error) + 1];

	snprintf(code, sizeof(code), "%08lX", error);
	return json_made(json_pack("{s:s, s:s}", "code", code, "reason",
	                           reason != NULL ? reason : ""));
}

json_t *whatif_tell(const struct whatif *whatif)
{
	json_t *told = json_made(json_object());

	tell_text(told, "answer", word_of(whatif->answer));
	tell_text(told, "version", whatif->version);
	tell_text(told, "ciphersuite", whatif->ciphersuite);
	tell_text(told, "group", whatif->group);
	tell_text(told, "signature_algorithm", whatif->signature_algorithm);
	if (whatif->alerted)
		json_object_set_new(told, "alert", alert_told(whatif));
	if (whatif->error != 0)
		json_object_set_new(told, "error", error_told(whatif->error));
	return told;
}
