/*
 * stack_bearssl.c: BearSSL 0.6 with its "full" profile, TLS 1.0 to 1.2.
 */
#include "firmware/glue/stack.h"

#include "base/assert.h"
#include "decode/registry.h"
#include "firmware/glue/port.h"

#include <bearssl.h>
#include <stdio.h>
#include <string.h>

#define ROOTS_MAX 32 /* certificates of the ca blob; those beyond are not trusted */
#define NAME_MAX 512 /* bytes of a root's distinguished name */
#define CHAIN_MAX 10 /* certificates of the client; those beyond are not sent */
#define ALPN_MAX 8   /* protocol names; those beyond are not offered */

#define DAYS_TO_1970 719528 /* of the calendar that BearSSL counts in, which begins with year 0 */
#define SECONDS_A_DAY 86400

/* A root that was read: its anchor points into the rest. */
struct root {
	br_x509_decoder_context decoder;
	unsigned char name[NAME_MAX];
	size_t name_len; /* more than NAME_MAX: the name was cut */
};

/*
 * An X.509 engine that takes the key of the first certificate and looks at nothing else: for a
 * board without a ca. BearSSL has none, and hands the handshake's certificates to one.
 */
struct no_verification {
	const br_x509_class *vtable;
	br_x509_decoder_context decoder;
	unsigned n_certificates;
};

struct session {
	struct stack_job job;
	br_ssl_client_context client;
	br_sslio_context io;
	br_x509_minimal_context verification;
	struct no_verification no_verification;
	struct root roots[ROOTS_MAX];
	br_x509_trust_anchor anchors[ROOTS_MAX];
	size_t n_anchors;
	br_x509_certificate chain[CHAIN_MAX];
	size_t n_chain;
	br_skey_decoder_context key;
	char alpn[AGENT_LINE_MAX];
	const char *alpn_names[ALPN_MAX];
	bool resuming;
	bool shaken; /* the handshake was completed */
	unsigned char buffer[BR_SSL_BUFSIZE_BIDI];
};

static struct session the_session;

/* What outlives a run: the session of the last one, for the next. */
static br_ssl_session_parameters last_session; /* session_id_len is 0: there is none */

static void forget(void)
{
	last_session = (br_ssl_session_parameters){0};
}

/* The library does not tell its version, and has had no release since this one. */
static const char *version(void)
{
	return "BearSSL/0.6";
}

static void set_status(struct stack_report *report, int code)
{
	snprintf(report->status, sizeof(report->status), "%d", code);
}

/* The library knows a link by its callbacks alone, and has one code for all that they fail at. */
static void link_status(enum link_end end, struct stack_report *report)
{
	(void)end;
	set_status(report, BR_ERR_IO);
}

/* Writes the status, and whose alert it was. Returns false. */
static bool fail_with(struct session *session, int code)
{
	set_status(session->job.report, code);
	if (code >= BR_ERR_SEND_FATAL_ALERT)
		stack_note_alert(session->job.report, 's', code - BR_ERR_SEND_FATAL_ALERT);
	else if (code >= BR_ERR_RECV_FATAL_ALERT)
		stack_note_alert(session->job.report, 'r', code - BR_ERR_RECV_FATAL_ALERT);
	port_log("bearssl: error %d", code);
	return false;
}

/* Without an error the server has ended the connection in good order. */
static bool fail(struct session *session)
{
	int code = br_ssl_engine_last_error(&session->client.eng);

	if (code != BR_ERR_OK)
		return fail_with(session, code);
	snprintf(session->job.report->status, sizeof(session->job.report->status), "BR_SSL_CLOSED");
	return false;
}

/* ---- The link ---- */

static int receive(void *context, unsigned char *data, size_t size)
{
	int n = link_read(context, data, size);

	return n > 0 ? (int)n : -1;
}

static int transmit(void *context, const unsigned char *data, size_t len)
{
	return (int)link_write(context, data, len);
}

/* ---- No verification ---- */

static void start_chain(const br_x509_class **context, const char *server_name)
{
	struct no_verification *engine = (struct no_verification *)context;

	(void)server_name;
	engine->n_certificates = 0;
}

static void start_certificate(const br_x509_class **context, uint32_t len)
{
	struct no_verification *engine = (struct no_verification *)context;

	(void)len;
	if (engine->n_certificates == 0)
		br_x509_decoder_init(&engine->decoder, NULL, NULL);
}

static void append(const br_x509_class **context, const unsigned char *data, size_t len)
{
	struct no_verification *engine = (struct no_verification *)context;

	if (engine->n_certificates == 0)
		br_x509_decoder_push(&engine->decoder, data, len);
}

static void end_certificate(const br_x509_class **context)
{
	struct no_verification *engine = (struct no_verification *)context;

	engine->n_certificates++;
}

static unsigned end_chain(const br_x509_class **context)
{
	struct no_verification *engine = (struct no_verification *)context;

	if (engine->n_certificates == 0)
		return BR_ERR_X509_EMPTY_CHAIN;
	return (unsigned)br_x509_decoder_last_error(&engine->decoder);
}

static const br_x509_pkey *key_of_server(const br_x509_class *const *context, unsigned *usages)
{
	struct no_verification *engine = (struct no_verification *)context;

	if (usages != NULL)
		*usages = BR_KEYTYPE_KEYX | BR_KEYTYPE_SIGN;
	return br_x509_decoder_get_pkey(&engine->decoder);
}

static const br_x509_class NO_VERIFICATION = {
	.context_size = sizeof(struct no_verification),
	.start_chain = start_chain,
	.start_cert = start_certificate,
	.append = append,
	.end_cert = end_certificate,
	.end_chain = end_chain,
	.get_pkey = key_of_server,
};

/* ---- Making the session ---- */

static void append_name(void *context, const void *data, size_t len)
{
	struct root *root = context;

	if (root->name_len + len <= sizeof(root->name))
		memcpy(root->name + root->name_len, data, len);
	root->name_len += len;
}

/* BR_ERR_OK with one more anchor, or why the certificate cannot be one. */
static int add_root(struct session *session, struct agent_blob der)
{
	struct root *root = &session->roots[session->n_anchors];
	br_x509_trust_anchor *anchor = &session->anchors[session->n_anchors];
	const br_x509_pkey *key;

	root->name_len = 0;
	br_x509_decoder_init(&root->decoder, append_name, root);
	br_x509_decoder_push(&root->decoder, der.data, der.len);
	key = br_x509_decoder_get_pkey(&root->decoder);
	if (key == NULL)
		return br_x509_decoder_last_error(&root->decoder);
	if (root->name_len > sizeof(root->name))
		return BR_ERR_X509_LIMIT_EXCEEDED;
	*anchor = (br_x509_trust_anchor){
		.dn = {root->name, root->name_len},
		.flags = br_x509_decoder_isCA(&root->decoder) ? BR_X509_TA_CA : 0,
		.pkey = *key,
	};
	session->n_anchors++;
	return BR_ERR_OK;
}

/* BR_ERR_OK if at least one certificate can be read, else the library's code for the last. */
static int add_roots(struct session *session, struct agent_blob ca)
{
	int last = BR_ERR_X509_EMPTY_CHAIN;
	struct agent_blob one;

	while (session->n_anchors < ROOTS_MAX && (one = stack_next_der(&ca)).len > 0)
		last = add_root(session, one);
	return session->n_anchors > 0 ? BR_ERR_OK : last;
}

static void set_time(struct session *session)
{
	int64_t now_s = session->job.run->now_s;

	br_x509_minimal_set_time(&session->verification,
	                         (uint32_t)(now_s / SECONDS_A_DAY + DAYS_TO_1970),
	                         (uint32_t)(now_s % SECONDS_A_DAY));
}

/* All that BearSSL has, with its own limits; the anchors are in place before. */
static int start_client(struct session *session)
{
	int rc = add_roots(session, session->job.run->ca);

	br_ssl_client_init_full(&session->client, &session->verification, session->anchors,
	                        session->n_anchors);
	set_time(session);
	if (session->job.run->ca.len > 0)
		return rc;
	session->no_verification.vtable = &NO_VERIFICATION;
	br_ssl_engine_set_x509(&session->client.eng, &session->no_verification.vtable);
	port_log("bearssl: no ca, the server is not verified");
	return BR_ERR_OK;
}

static void set_key(struct session *session)
{
	if (br_skey_decoder_key_type(&session->key) == BR_KEYTYPE_RSA)
		br_ssl_client_set_single_rsa(&session->client, session->chain, session->n_chain,
		                             br_skey_decoder_get_rsa(&session->key),
		                             br_rsa_pkcs1_sign_get_default());
	else
		br_ssl_client_set_single_ec(&session->client, session->chain, session->n_chain,
		                            br_skey_decoder_get_ec(&session->key), BR_KEYTYPE_SIGN,
		                            0, br_ec_get_default(),
		                            br_ecdsa_sign_asn1_get_default());
}

static int present(struct session *session)
{
	const struct stack_run *run = session->job.run;
	struct agent_blob rest = run->cert, one;

	if (run->cert.len == 0 || run->key.len == 0)
		return BR_ERR_OK;

	while (session->n_chain < CHAIN_MAX && (one = stack_next_der(&rest)).len > 0)
		session->chain[session->n_chain++] =
			(br_x509_certificate){(unsigned char *)one.data, one.len};
	br_skey_decoder_init(&session->key);
	br_skey_decoder_push(&session->key, run->key.data, run->key.len);
	if (session->n_chain == 0)
		return BR_ERR_X509_EMPTY_CHAIN;
	if (br_skey_decoder_last_error(&session->key) == BR_ERR_OK)
		set_key(session);
	return br_skey_decoder_last_error(&session->key);
}

static void set_alpn(struct session *session)
{
	char *rest;
	size_t n = 0;

	snprintf(session->alpn, sizeof(session->alpn), "%s", session->job.run->alpn);
	for (char *name = strtok_r(session->alpn, ",", &rest); name != NULL && n < ALPN_MAX;
	     name = strtok_r(NULL, ",", &rest))
		session->alpn_names[n++] = name;
	br_ssl_engine_set_protocol_names(&session->client.eng, session->alpn_names, n);
}

/* "1.2" is 0x0303. */
static unsigned wire_version(const char *text)
{
	return 0x0301u + (unsigned)(text[2] - '0');
}

static int set_up(struct session *session)
{
	const struct stack_run *run = session->job.run;
	br_ssl_engine_context *engine = &session->client.eng;
	int rc = start_client(session);

	if (rc == BR_ERR_OK)
		rc = present(session);
	if (rc != BR_ERR_OK)
		return rc;
	br_ssl_engine_set_versions(engine, wire_version(run->min), wire_version(run->max));
	br_ssl_engine_set_buffer(engine, session->buffer, sizeof(session->buffer), 1);
	set_alpn(session);
	session->resuming = run->resume && last_session.session_id_len > 0;
	if (session->resuming)
		br_ssl_engine_set_session_parameters(engine, &last_session);
	if (!br_ssl_client_reset(&session->client, run->sni[0] != '\0' ? run->sni : NULL,
	                         session->resuming))
		return br_ssl_engine_last_error(engine);
	br_sslio_init(&session->io, engine, receive, session->job.link, transmit,
	              session->job.link);
	return BR_ERR_OK;
}

static void free_session(void *context)
{
	struct session *session = context;

	if (session->shaken)
		br_ssl_engine_get_session_parameters(&session->client.eng, &last_session);
}

static bool open_session(void *context)
{
	struct session *session = context;
	int rc = set_up(session);

	return rc == BR_ERR_OK || fail_with(session, rc);
}

/* ---- Using it ---- */

static bool handshake(void *context)
{
	struct session *session = context;

	session->shaken = br_sslio_flush(&session->io) == 0;
	return session->shaken || fail(session);
}

static bool write_all(void *context, const void *data, size_t len)
{
	struct session *session = context;

	return (br_sslio_write_all(&session->io, data, len) == 0 &&
	        br_sslio_flush(&session->io) == 0) ||
	       fail(session);
}

static int read_some(void *context, void *data, size_t size)
{
	struct session *session = context;
	int n = br_sslio_read(&session->io, data, size);

	if (n >= 0)
		return n;
	fail(session);
	return br_ssl_engine_last_error(&session->client.eng) == BR_ERR_OK ? 0 : -1;
}

/* br_sslio_close() would wait for the server's close_notify too. */
static bool close_session(void *context)
{
	struct session *session = context;
	br_ssl_engine_context *engine = &session->client.eng;

	br_ssl_engine_close(engine);
	while ((br_ssl_engine_current_state(engine) & BR_SSL_SENDREC) != 0) {
		size_t len;
		const unsigned char *record = br_ssl_engine_sendrec_buf(engine, &len);

		if (link_write(session->job.link, record, len) < 0)
			return fail_with(session, BR_ERR_IO);
		br_ssl_engine_sendrec_ack(engine, len);
	}
	return true;
}

/* ---- What was negotiated ---- */

/*
 * The library keeps the signature algorithm to itself, and a curve only means something in ECDHE.
 */
static void describe(void *context)
{
	struct session *session = context;
	struct stack_report *report = session->job.report;
	br_ssl_engine_context *engine = &session->client.eng;
	int curve = br_ssl_engine_get_ecdhe_curve(engine);
	br_ssl_session_parameters parameters;
	char label[REGISTRY_LABEL_MAX];

	br_ssl_engine_get_session_parameters(engine, &parameters);
	if (parameters.cipher_suite == 0 || (session->resuming && !session->shaken))
		return; /* no ServerHello came, as far as can be told */
	stack_note_version(report, parameters.version);
	snprintf(report->ciphersuite, sizeof(report->ciphersuite), "%s",
	         registry_label(REGISTRY_CIPHER_SUITE, parameters.cipher_suite, label));
	if (strncmp(report->ciphersuite, "TLS_ECDHE_", 10) == 0 && curve > 0)
		snprintf(report->group, sizeof(report->group), "%s",
		         registry_label(REGISTRY_NAMED_GROUP, (uint32_t)curve, label));
}

const struct stack stack_bearssl = {
	.name = "bearssl",
	.caps = "ca,cert,key,sni,min,max,alpn,resume",
	.lowest = "1.0",
	.highest = "1.2",
	.help = "  BearSSL with all that it has, TLS 1.0 to 1.2.\n",
	.version = version,
	.link_status = link_status,
	.session = &the_session,
	.session_size = sizeof(the_session),
	.open = open_session,
	.handshake = handshake,
	.write = write_all,
	.read = read_some,
	.close = close_session,
	.describe = describe,
	.free = free_session,
	.forget = forget,
};
