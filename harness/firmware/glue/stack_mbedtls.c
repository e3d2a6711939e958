/*
 * stack_mbedtls.c: Mbed TLS 2.28 (TLS 1.2) or 3.x (TLS 1.3 too, where it was built with it).
 * Firmware.
 */
#include "firmware/glue/stack.h"

#include "firmware/glue/port.h"

#include <mbedtls/ctr_drbg.h>
#if defined(MBEDTLS_DEBUG_C)
#include <mbedtls/debug.h>
#endif
#include <mbedtls/entropy.h>
#if defined(MBEDTLS_ERROR_C)
#include <mbedtls/error.h>
#endif
#include <mbedtls/net_sockets.h>
#include <mbedtls/ssl.h>
#include <mbedtls/version.h>
#if defined(MBEDTLS_SSL_PROTO_TLS1_3) || defined(MBEDTLS_USE_PSA_CRYPTO)
#define NEEDS_PSA
#include <psa/crypto.h>
#endif
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* What the library was built with. A RUN that asks for more is refused, by the key's name. */
#if defined(MBEDTLS_SSL_PROTO_TLS1_3)
#define HIGHEST "1.3"
#else
#define HIGHEST "1.2"
#endif
#if defined(MBEDTLS_SSL_PROTO_TLS1_2)
#define LOWEST "1.2"
#else
#define LOWEST "1.3"
#endif
#if defined(MBEDTLS_SSL_ALPN)
#define CAP_ALPN ",alpn"
#else
#define CAP_ALPN ""
#endif
/* Mbed TLS 3 has a word for the keys of both versions, 2.28 for those of TLS 1.2. */
#if defined(MBEDTLS_SSL_HANDSHAKE_WITH_PSK_ENABLED) || \
	(MBEDTLS_VERSION_MAJOR < 3 && defined(MBEDTLS_KEY_EXCHANGE_SOME_PSK_ENABLED))
#define HAS_PSK
#define CAP_PSK ",psk"
#else
#define CAP_PSK ""
#endif
/* TLS 1.3 resumes by tickets alone, TLS 1.2 by the session's number, too. */
#if defined(MBEDTLS_SSL_SESSION_TICKETS) || defined(MBEDTLS_SSL_PROTO_TLS1_2)
#define CAP_RESUME ",resume"
#else
#define CAP_RESUME ""
#endif

#define ALPN_MAX 8          /* protocol names; those beyond are not offered */
#define ALERT_DEBUG_LEVEL 3 /* the library tells of alerts from this level on */

struct session {
	struct stack_job job;
	mbedtls_entropy_context entropy;
	mbedtls_ctr_drbg_context random;
	mbedtls_x509_crt ca, cert;
	mbedtls_pk_context key;
	mbedtls_ssl_config config;
	mbedtls_ssl_context ssl;
	bool shaken; /* the handshake was completed */
	char alpn[AGENT_LINE_MAX];
	const char *alpn_names[ALPN_MAX + 1];
};

static struct session the_session;

/* What outlives a run: the session of the last one, for the next. */
static mbedtls_ssl_session last_session;
static bool has_session;

static void forget(void)
{
	if (has_session)
		mbedtls_ssl_session_free(&last_session);
	has_session = false;
}

static void keep_session(const struct session *session)
{
	forget();
	mbedtls_ssl_session_init(&last_session);
	has_session = mbedtls_ssl_get_session(&session->ssl, &last_session) == 0;
	if (!has_session)
		mbedtls_ssl_session_free(&last_session);
}

static const char *version(void)
{
#if defined(MBEDTLS_VERSION_C) /* of the library, not of its headers */
	static char text[32];
	char number[16];

	mbedtls_version_get_string(number);
	snprintf(text, sizeof(text), "MbedTLS/%s", number);
	return text;
#else
	return "MbedTLS/" MBEDTLS_VERSION_STRING;
#endif
}

static void set_status(struct stack_report *report, int code)
{
	snprintf(report->status, sizeof(report->status), "-0x%04X", (unsigned)-code);
}

static void link_status(enum link_end end, struct stack_report *report)
{
	static const int codes[LINK_N_ENDS] = {
		[LINK_NO_NAME] = MBEDTLS_ERR_NET_UNKNOWN_HOST,
		[LINK_REFUSED] = MBEDTLS_ERR_NET_CONNECT_FAILED,
		[LINK_UNREACHABLE] = MBEDTLS_ERR_NET_CONNECT_FAILED,
		[LINK_CLOSED] = MBEDTLS_ERR_SSL_CONN_EOF,
		[LINK_RESET] = MBEDTLS_ERR_NET_CONN_RESET,
		[LINK_TIMEOUT] = MBEDTLS_ERR_SSL_TIMEOUT,
		/* What a task sees whose socket another one closes. */
		[LINK_ABORTED] = MBEDTLS_ERR_NET_INVALID_CONTEXT,
	};

	set_status(report, codes[end]);
}

/* Writes the status, and the library's words for it into the log. Returns false. */
static bool fail(struct session *session, int code)
{
	char text[160] = "";

	if (session->job.link->end > LINK_CLOSED)
		link_status(session->job.link->end, session->job.report);
	else
		set_status(session->job.report, code);
#if defined(MBEDTLS_ERROR_C)
	mbedtls_strerror(code, text, sizeof(text));
#endif
	port_log("mbedtls: -0x%04X %s", (unsigned)-code, text);
	return false;
}

/* ---- Callbacks ---- */

static int receive(void *context, unsigned char *data, size_t size)
{
	struct session *session = context;
	int n = link_read(session->job.link, data, size);

	return n >= 0 ? (int)n : MBEDTLS_ERR_NET_RECV_FAILED;
}

static int transmit(void *context, const unsigned char *data, size_t len)
{
	struct session *session = context;
	int n = link_write(session->job.link, data, len);

	return n >= 0 ? (int)n : MBEDTLS_ERR_NET_SEND_FAILED;
}

#if defined(MBEDTLS_DEBUG_C)
/* A text that ends in "<level><between><number>" after `opening`: the alert's number, or 0. */
static int alert_in(const char *text, const char *opening, const char *between)
{
	const char *at = strstr(text, opening);

	at = at != NULL ? strstr(at, between) : NULL;
	return at != NULL ? atoi(at + strlen(between)) : 0;
}

/* Alerts show in the debug output alone, which may begin with the session's address. */
static void on_debug(void *context, int level, const char *file, int line, const char *text)
{
	const struct session *session = context;
	struct stack_report *report = session->job.report;

	(void)level, (void)file, (void)line;
	stack_note_alert(report, 'r', alert_in(text, "got an alert message", "[2:"));
	stack_note_alert(report, 's', alert_in(text, "send alert level=", " message="));
}

static void hear_alerts(struct session *session)
{
	mbedtls_ssl_conf_dbg(&session->config, on_debug, session);
	mbedtls_debug_set_threshold(ALERT_DEBUG_LEVEL);
}
#else
static void hear_alerts(struct session *session)
{
	(void)session;
}
#endif

/* Years to seconds as one number that grows with time: only its order matters. */
static int64_t order_of_time(int year, int month, int day, int hour, int minute, int second)
{
	return ((((year * 13LL + month) * 32 + day) * 24 + hour) * 60 + minute) * 61 + second;
}

static int64_t order_of_x509_time(const mbedtls_x509_time *time)
{
	return order_of_time(time->year, time->mon, time->day, time->hour, time->min, time->sec);
}

/* The library asks the machine's clock; a board whose clock was set looks again. */
static int on_certificate(void *context, mbedtls_x509_crt *certificate, int depth, uint32_t *flags)
{
	const struct session *session = context;
	time_t now = (time_t)session->job.run->now_s;
	struct tm t;
	int64_t order;

	(void)depth;
	if (gmtime_r(&now, &t) == NULL)
		return 0;
	order = order_of_time(t.tm_year + 1900, t.tm_mon + 1, t.tm_mday, t.tm_hour, t.tm_min,
	                      t.tm_sec);
	*flags &= ~(uint32_t)(MBEDTLS_X509_BADCERT_EXPIRED | MBEDTLS_X509_BADCERT_FUTURE);
	if (order > order_of_x509_time(&certificate->valid_to))
		*flags |= MBEDTLS_X509_BADCERT_EXPIRED;
	if (order < order_of_x509_time(&certificate->valid_from))
		*flags |= MBEDTLS_X509_BADCERT_FUTURE;
	return 0;
}

/* ---- Making the session ---- */

/* 0 if at least one certificate can be read, else the library's code for the last. */
static int read_certificates(mbedtls_x509_crt *chain, struct agent_blob der)
{
	int last = MBEDTLS_ERR_X509_INVALID_FORMAT;
	bool any = false;
	struct agent_blob one;

	while ((one = stack_next_der(&der)).len > 0) {
		int rc = mbedtls_x509_crt_parse_der(chain, one.data, one.len);

		any = any || rc == 0;
		last = rc;
	}
	return any ? 0 : last;
}

static int read_key(struct session *session, struct agent_blob der)
{
#if MBEDTLS_VERSION_MAJOR >= 3
	return mbedtls_pk_parse_key(&session->key, der.data, der.len, NULL, 0,
	                            mbedtls_ctr_drbg_random, &session->random);
#else
	return mbedtls_pk_parse_key(&session->key, der.data, der.len, NULL, 0);
#endif
}

static void set_versions(struct session *session)
{
	mbedtls_ssl_config *config = &session->config;
	const struct stack_run *run = session->job.run;
	/* TLS 1.2 is 3.3 on the wire. */
	int min = run->min[2] - '0' + 1, max = run->max[2] - '0' + 1;

#if MBEDTLS_VERSION_NUMBER >= 0x03020000
	mbedtls_ssl_conf_min_tls_version(config, (mbedtls_ssl_protocol_version)(0x300 | min));
	mbedtls_ssl_conf_max_tls_version(config, (mbedtls_ssl_protocol_version)(0x300 | max));
#else
	mbedtls_ssl_conf_min_version(config, MBEDTLS_SSL_MAJOR_VERSION_3, min);
	mbedtls_ssl_conf_max_version(config, MBEDTLS_SSL_MAJOR_VERSION_3, max);
#endif
}

static int set_alpn(struct session *session)
{
#if defined(MBEDTLS_SSL_ALPN)
	char *rest;
	size_t n = 0;

	snprintf(session->alpn, sizeof(session->alpn), "%s", session->job.run->alpn);
	for (char *name = strtok_r(session->alpn, ",", &rest); name != NULL && n < ALPN_MAX;
	     name = strtok_r(NULL, ",", &rest))
		session->alpn_names[n++] = name;
	return n > 0 ? mbedtls_ssl_conf_alpn_protocols(&session->config, session->alpn_names) : 0;
#else
	(void)session;
	return 0;
#endif
}

static int set_certificates(struct session *session)
{
	const struct stack_run *run = session->job.run;
	int rc = 0;

	if (run->ca.len > 0) {
		rc = read_certificates(&session->ca, run->ca);
		mbedtls_ssl_conf_ca_chain(&session->config, &session->ca, NULL);
		mbedtls_ssl_conf_verify(&session->config, on_certificate, session);
	} else {
		mbedtls_ssl_conf_authmode(&session->config, MBEDTLS_SSL_VERIFY_NONE);
		port_log("mbedtls: no ca, the server is not verified");
	}
	if (rc != 0 || run->cert.len == 0 || run->key.len == 0)
		return rc;
	rc = read_certificates(&session->cert, run->cert);
	if (rc == 0)
		rc = read_key(session, run->key);
	if (rc == 0)
		rc = mbedtls_ssl_conf_own_cert(&session->config, &session->cert, &session->key);
	return rc;
}

static int set_psk(struct session *session)
{
#if defined(HAS_PSK)
	const struct stack_run *run = session->job.run;

	return run->psk_len == 0
	               ? 0
	               : mbedtls_ssl_conf_psk(&session->config, run->psk, run->psk_len,
	                                      (const unsigned char *)run->psk_identity,
	                                      strlen(run->psk_identity));
#else
	(void)session;
	return 0;
#endif
}

static int set_up(struct session *session)
{
	int rc = 0;

#if defined(NEEDS_PSA)
	if (psa_crypto_init() != PSA_SUCCESS)
		rc = MBEDTLS_ERR_SSL_HW_ACCEL_FAILED;
#endif
	if (rc == 0)
		rc = mbedtls_ctr_drbg_seed(&session->random, mbedtls_entropy_func,
		                           &session->entropy, NULL, 0);
	if (rc == 0)
		rc = mbedtls_ssl_config_defaults(&session->config, MBEDTLS_SSL_IS_CLIENT,
		                                 MBEDTLS_SSL_TRANSPORT_STREAM,
		                                 MBEDTLS_SSL_PRESET_DEFAULT);
	if (rc != 0)
		return rc;
	mbedtls_ssl_conf_rng(&session->config, mbedtls_ctr_drbg_random, &session->random);
	hear_alerts(session);
#if defined(MBEDTLS_SSL_PROTO_TLS1_3) && defined(MBEDTLS_SSL_SESSION_TICKETS) && \
	MBEDTLS_VERSION_NUMBER >= 0x03060100
	/* Else tickets of TLS 1.3 are ignored. */
	mbedtls_ssl_conf_tls13_enable_signal_new_session_tickets(
		&session->config, MBEDTLS_SSL_TLS1_3_SIGNAL_NEW_SESSION_TICKETS_ENABLED);
#endif
	set_versions(session);
	rc = set_alpn(session);
	if (rc == 0)
		rc = set_certificates(session);
	if (rc == 0)
		rc = set_psk(session);
	if (rc == 0)
		rc = mbedtls_ssl_setup(&session->ssl, &session->config);
	if (rc == 0)
		rc = mbedtls_ssl_set_hostname(
			&session->ssl, session->job.run->sni[0] != '\0' ? session->job.run->sni : NULL);
	if (rc == 0 && session->job.run->resume && has_session)
		rc = mbedtls_ssl_set_session(&session->ssl, &last_session);
	mbedtls_ssl_set_bio(&session->ssl, session, transmit, receive, NULL);
	return rc;
}

static void free_session(void *context)
{
	struct session *session = context;

	if (session->shaken)
		keep_session(session);
	mbedtls_ssl_free(&session->ssl);
	mbedtls_ssl_config_free(&session->config);
	mbedtls_pk_free(&session->key);
	mbedtls_x509_crt_free(&session->cert);
	mbedtls_x509_crt_free(&session->ca);
	mbedtls_ctr_drbg_free(&session->random);
	mbedtls_entropy_free(&session->entropy);
}

static bool open_session(void *context)
{
	struct session *session = context;
	int rc;

	mbedtls_entropy_init(&session->entropy);
	mbedtls_ctr_drbg_init(&session->random);
	mbedtls_x509_crt_init(&session->ca);
	mbedtls_x509_crt_init(&session->cert);
	mbedtls_pk_init(&session->key);
	mbedtls_ssl_config_init(&session->config);
	mbedtls_ssl_init(&session->ssl);
	rc = set_up(session);
	return rc == 0 || fail(session, rc);
}

/* ---- Using it ---- */

static bool handshake(void *context)
{
	struct session *session = context;
	int rc = mbedtls_ssl_handshake(&session->ssl);
	uint32_t flags = mbedtls_ssl_get_verify_result(&session->ssl);

	session->shaken = rc == 0;
	if (rc == 0)
		return true;
	if (flags != 0 && flags != UINT32_MAX)
		port_log("mbedtls: verify flags 0x%X", (unsigned)flags);
	return fail(session, rc);
}

static bool write_all(void *context, const void *data, size_t len)
{
	struct session *session = context;
	const unsigned char *bytes = data;
	size_t done = 0;

	while (done < len) {
		int rc = mbedtls_ssl_write(&session->ssl, bytes + done, len - done);

		if (rc < 0)
			return fail(session, rc);
		done += (size_t)rc;
	}
	return true;
}

static bool is_no_failure(int rc)
{
#if defined(MBEDTLS_ERR_SSL_RECEIVED_NEW_SESSION_TICKET)
	if (rc == MBEDTLS_ERR_SSL_RECEIVED_NEW_SESSION_TICKET)
		return true;
#endif
	return rc == MBEDTLS_ERR_SSL_WANT_READ || rc == MBEDTLS_ERR_SSL_WANT_WRITE;
}

static int read_some(void *context, void *data, size_t size)
{
	struct session *session = context;
	int rc;

	do {
		rc = mbedtls_ssl_read(&session->ssl, data, size);
	} while (is_no_failure(rc));
	if (rc > 0)
		return rc;
	if (rc == MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY) {
		set_status(session->job.report, rc);
		return 0;
	}
	fail(session, rc == 0 ? MBEDTLS_ERR_SSL_CONN_EOF : rc);
	return -1;
}

static bool close_session(void *context)
{
	struct session *session = context;
	int rc = mbedtls_ssl_close_notify(&session->ssl);

	return rc == 0 || fail(session, rc);
}

/* "TLS-RSA-WITH-AES-128-CCM" and "TLS1-3-AES-128-CCM-SHA256" to IANA's names. */
static void copy_suite(char *out, size_t size, const char *name)
{
	bool tls13 = strncmp(name, "TLS1-3-", 7) == 0;

	snprintf(out, size, "%s%s", tls13 ? "TLS-" : "", tls13 ? name + 7 : name);
	for (; *out != '\0'; out++) {
		if (*out == '-')
			*out = '_';
	}
}

/* The library keeps the group and the signature algorithm to itself. */
static void describe(void *context)
{
	struct session *session = context;
	struct stack_report *report = session->job.report;
	const char *suite = mbedtls_ssl_get_ciphersuite(&session->ssl);
	const char *name = mbedtls_ssl_get_version(&session->ssl);

	if (suite == NULL)
		return;
	copy_suite(report->ciphersuite, sizeof(report->ciphersuite), suite);
	if (strncmp(name, "TLSv", 4) == 0)
		snprintf(report->version, sizeof(report->version), "%.3s", name + 4);
}

const struct stack stack_mbedtls = {
	.name = "mbedtls",
	.caps = "ca,cert,key,sni,min,max" CAP_ALPN CAP_PSK CAP_RESUME,
	.lowest = LOWEST,
	.highest = HIGHEST,
	.help = "  Mbed TLS as it was built, TLS " LOWEST " to " HIGHEST ".\n",
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
