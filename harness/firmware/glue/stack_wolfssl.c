/*
 * stack_wolfssl.c: wolfSSL 5 with TLS 1.2 and 1.3. Firmware. wolfSSL is under the GPL: of the
 * virtual boards, shakedown-board-wolfssl alone has it.
 */
#include <wolfssl/options.h>
#include <wolfssl/ssl.h>
#include <wolfssl/error-ssl.h>
#include <wolfssl/wolfcrypt/asn_public.h>
#include <wolfssl/wolfcrypt/ecc.h>

#include "firmware/glue/stack.h"

#include "firmware/glue/port.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

struct session {
	struct stack_job job;
	WOLFSSL_CTX *context;
	WOLFSSL *ssl;
};

static struct session the_session;

/* What the library was built with. A RUN that asks for more is refused, by the key's name. */
#if defined(HAVE_ALPN)
#define CAP_ALPN ",alpn"
#else
#define CAP_ALPN ""
#endif
#if defined(NO_PSK)
#define CAP_PSK ""
#else
#define CAP_PSK ",psk"
#endif
/* TLS 1.3 resumes by tickets alone, TLS 1.2 by the session's number, too. */
#if !defined(NO_SESSION_CACHE) && (defined(HAVE_SESSION_TICKET) || !defined(WOLFSSL_NO_TLS12))
#define CAN_RESUME
#define CAP_RESUME ",resume"
#else
#define CAP_RESUME ""
#endif

#if defined(WOLFSSL_NO_TLS12)
#define LOWEST "1.3"
#else
#define LOWEST "1.2"
#endif
#if defined(WOLFSSL_TLS13)
#define HIGHEST "1.3"
#else
#define HIGHEST "1.2"
#endif

/* What outlives a run: the session of the last one, for the next. */
#if defined(CAN_RESUME)
static WOLFSSL_SESSION *last_session;

static void forget(void)
{
	wolfSSL_SESSION_free(last_session);
	last_session = NULL;
}

/* A session that is of no use is no failure: the handshake is a full one. */
static void take_up_session(struct session *session)
{
	if (session->job.run->resume && last_session != NULL &&
	    wolfSSL_set_session(session->ssl, last_session) != WOLFSSL_SUCCESS)
		forget();
}

static void keep_session(struct session *session)
{
	if (session->ssl == NULL || !wolfSSL_is_init_finished(session->ssl))
		return;
	forget();
	last_session = wolfSSL_get1_session(session->ssl);
#if defined(OPENSSL_EXTRA) /* else the next connection finds out */
	if (last_session != NULL && !wolfSSL_SESSION_is_resumable(last_session))
		forget();
#endif
}
#endif

/* wolfSSL asks one clock for the whole program. */
static int64_t clock_offset_s;

static time_t board_time(time_t *out)
{
	time_t now = (time_t)(port_unix_s() + clock_offset_s);

	if (out != NULL)
		*out = now;
	return now;
}

static const char *version(void)
{
	static char text[32];

	snprintf(text, sizeof(text), "wolfSSL/%s", wolfSSL_lib_version());
	return text;
}

static void set_status(struct stack_report *report, int code)
{
	snprintf(report->status, sizeof(report->status), "%d", code);
}

/* What wolfSSL's own I/O layer returns for these. */
static void link_status(enum link_end end, struct stack_report *report)
{
	set_status(report, end == LINK_CLOSED ? SOCKET_PEER_CLOSED_E : SOCKET_ERROR_E);
}

/* Writes the status, and the library's words for it into the log. Returns false. */
static bool fail_with(struct session *session, int code)
{
	char text[WOLFSSL_MAX_ERROR_SZ];

	set_status(session->job.report, code);
	port_log("wolfssl: %d %s", code, wolfSSL_ERR_error_string((unsigned long)code, text));
	return false;
}

static bool fail(struct session *session, int rc)
{
	return fail_with(session, wolfSSL_get_error(session->ssl, rc));
}

/* ---- The link ---- */

static int io_error(const struct link *link)
{
	switch (link->end) {
	case LINK_CLOSED:
		return WOLFSSL_CBIO_ERR_CONN_CLOSE;
	case LINK_RESET:
		return WOLFSSL_CBIO_ERR_CONN_RST;
	default:
		return WOLFSSL_CBIO_ERR_GENERAL;
	}
}

static int receive(WOLFSSL *ssl, char *data, int size, void *context)
{
	int n = link_read(context, data, (size_t)size);

	(void)ssl;
	return n > 0 ? (int)n : io_error(context);
}

static int transmit(WOLFSSL *ssl, char *data, int len, void *context)
{
	int n = link_write(context, data, (size_t)len);

	(void)ssl;
	return n >= 0 ? (int)n : io_error(context);
}

/* ---- Making the session ---- */

static WOLFSSL_METHOD *method_for(const struct stack_run *run)
{
	(void)run;
#if !defined(WOLFSSL_NO_TLS12)
	if (strcmp(run->max, "1.2") == 0)
		return wolfTLSv1_2_client_method();
#endif
#if defined(WOLFSSL_TLS13)
	if (strcmp(run->min, "1.3") == 0)
		return wolfTLSv1_3_client_method();
#endif
	return wolfSSLv23_client_method();
}

/* WOLFSSL_SUCCESS if at least one certificate can be read, else the library's code for the last. */
static int load_roots(WOLFSSL_CTX *context, struct agent_blob ca)
{
	int last = WOLFSSL_BAD_FILE;
	bool any = false;
	struct agent_blob one;

	while ((one = stack_next_der(&ca)).len > 0) {
		last = wolfSSL_CTX_load_verify_buffer(context, one.data, (long)one.len,
		                                      WOLFSSL_FILETYPE_ASN1);
		any = any || last == WOLFSSL_SUCCESS;
	}
	return any ? WOLFSSL_SUCCESS : last;
}

static int load_client(WOLFSSL_CTX *context, const struct stack_run *run)
{
	int rc = wolfSSL_CTX_use_certificate_chain_buffer_format(
		context, run->cert.data, (long)run->cert.len, WOLFSSL_FILETYPE_ASN1);

	if (rc == WOLFSSL_SUCCESS)
		rc = wolfSSL_CTX_use_PrivateKey_buffer(context, run->key.data, (long)run->key.len,
		                                       WOLFSSL_FILETYPE_ASN1);
	return rc;
}

#if !defined(NO_PSK)
static unsigned give_psk(WOLFSSL *ssl, const char *hint, char *identity, unsigned identity_max,
                         unsigned char *key, unsigned key_max)
{
	(void)ssl, (void)hint;
	return stack_give_psk(the_session.job.run, identity, identity_max, key, key_max);
}
#endif

static int set_up_context(struct session *session)
{
	const struct stack_run *run = session->job.run;
	int rc = WOLFSSL_SUCCESS;

	wolfSSL_CTX_SetIORecv(session->context, receive);
	wolfSSL_CTX_SetIOSend(session->context, transmit);
#if !defined(NO_PSK)
	if (run->psk_len > 0)
		wolfSSL_CTX_set_psk_client_callback(session->context, give_psk);
#endif
	if (strcmp(run->min, run->max) != 0)
		rc = wolfSSL_CTX_SetMinVersion(session->context, WOLFSSL_TLSV1_2);
	if (rc == WOLFSSL_SUCCESS && run->ca.len > 0) {
		wolfSSL_CTX_set_verify(session->context, WOLFSSL_VERIFY_PEER, NULL);
		rc = load_roots(session->context, run->ca);
	} else if (run->ca.len == 0) {
		wolfSSL_CTX_set_verify(session->context, WOLFSSL_VERIFY_NONE, NULL);
		port_log("wolfssl: no ca, the server is not verified");
	}
	if (rc == WOLFSSL_SUCCESS && run->cert.len > 0 && run->key.len > 0)
		rc = load_client(session->context, run);
	return rc;
}

/* Texts that the run does not have are empty; so are those that it could not ask for. */
static int set_up_names(struct session *session)
{
	const struct stack_run *run = session->job.run;
	int rc = WOLFSSL_SUCCESS;

#if defined(HAVE_SNI)
	if (run->sni[0] != '\0')
		rc = wolfSSL_UseSNI(session->ssl, WOLFSSL_SNI_HOST_NAME, run->sni,
		                    (unsigned short)strlen(run->sni));
#endif
	if (rc == WOLFSSL_SUCCESS && run->sni[0] != '\0' && run->ca.len > 0)
		rc = wolfSSL_check_domain_name(session->ssl, run->sni);
#if defined(HAVE_ALPN)
	if (rc == WOLFSSL_SUCCESS && run->alpn[0] != '\0')
		rc = wolfSSL_UseALPN(session->ssl, (char *)run->alpn, (unsigned)strlen(run->alpn),
		                     WOLFSSL_ALPN_CONTINUE_ON_MISMATCH);
#endif
	return rc;
}

static int set_up_ssl(struct session *session)
{
	int rc;

	wolfSSL_SetIOReadCtx(session->ssl, session->job.link);
	wolfSSL_SetIOWriteCtx(session->ssl, session->job.link);
	rc = set_up_names(session);
#if defined(CAN_RESUME)
	take_up_session(session);
#endif
	return rc;
}

static void free_session(void *context)
{
	struct session *session = context;

#if defined(CAN_RESUME)
	keep_session(session);
#endif
	wolfSSL_free(session->ssl);
	wolfSSL_CTX_free(session->context);
}

static int start_library(void)
{
	static bool started;

	if (!started)
		started = wolfSSL_Init() == WOLFSSL_SUCCESS && wc_SetTimeCb(board_time) == 0;
	return started ? WOLFSSL_SUCCESS : BAD_STATE_E;
}

static bool open_session(void *context)
{
	struct session *session = context;
	int rc = start_library();

	clock_offset_s = session->job.run->clock_offset_s;
	if (rc == WOLFSSL_SUCCESS) {
		session->context = wolfSSL_CTX_new(method_for(session->job.run));
		rc = session->context != NULL ? set_up_context(session) : MEMORY_E;
	}
	if (rc == WOLFSSL_SUCCESS) {
		session->ssl = wolfSSL_new(session->context);
		rc = session->ssl != NULL ? set_up_ssl(session) : MEMORY_E;
	}
	if (rc == WOLFSSL_FAILURE) /* a name that the library does not take */
		rc = BAD_FUNC_ARG;
	return rc == WOLFSSL_SUCCESS || fail_with(session, rc);
}

/* ---- Using it ---- */

static bool handshake(void *context)
{
	struct session *session = context;
	int rc = wolfSSL_connect(session->ssl);

	return rc == WOLFSSL_SUCCESS || fail(session, rc);
}

static bool write_all(void *context, const void *data, size_t len)
{
	struct session *session = context;
	int rc = wolfSSL_write(session->ssl, data, (int)len);

	return rc == (int)len || fail(session, rc);
}

static int read_some(void *context, void *data, size_t size)
{
	struct session *session = context;
	int rc = wolfSSL_read(session->ssl, data, (int)size);
	int code;

	if (rc > 0)
		return rc;
	code = wolfSSL_get_error(session->ssl, rc);
	if (code == WOLFSSL_ERROR_ZERO_RETURN) {
		/* The library's own number, not the one that stands for it in OpenSSL. */
		set_status(session->job.report, ZERO_RETURN);
		return 0;
	}
	fail_with(session, code);
	return -1;
}

static bool close_session(void *context)
{
	struct session *session = context;
	int rc = wolfSSL_shutdown(session->ssl);

	return rc == WOLFSSL_SUCCESS || rc == WOLFSSL_SHUTDOWN_NOT_DONE || fail(session, rc);
}

/* ---- What was negotiated ---- */

static void note_alerts(struct session *session)
{
	WOLFSSL_ALERT_HISTORY history;

	if (wolfSSL_get_alert_history(session->ssl, &history) != WOLFSSL_SUCCESS)
		return;
	if (history.last_rx.code > 0)
		stack_note_alert(session->job.report, 'r', history.last_rx.code);
	if (history.last_tx.code > 0)
		stack_note_alert(session->job.report, 's', history.last_tx.code);
}

static void describe(void *context)
{
	struct session *session = context;
	struct stack_report *report = session->job.report;
	int suite = wolfSSL_get_current_cipher_suite(session->ssl);
	const char *name = wolfSSL_get_cipher_name_iana_from_suite((unsigned char)(suite >> 8),
	                                                           (unsigned char)suite);
	const char *group = wolfSSL_get_curve_name(session->ssl);

	note_alerts(session);
	if (suite == 0)
		return; /* no ServerHello came */
	if (name != NULL && strncmp(name, "TLS_", 4) == 0) /* else built without names */
		snprintf(report->ciphersuite, sizeof(report->ciphersuite), "%s", name);
	stack_note_version(report, wolfSSL_version(session->ssl));
	stack_note_group(report, group);
}

const struct stack stack_wolfssl = {
	.name = "wolfssl",
	.caps = "ca,cert,key,sni,min,max" CAP_ALPN CAP_PSK CAP_RESUME,
	.lowest = LOWEST,
	.highest = HIGHEST,
	.help = "  wolfSSL as it was built, TLS " LOWEST " to " HIGHEST ".\n",
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
#if defined(CAN_RESUME)
	.forget = forget,
#endif
};
