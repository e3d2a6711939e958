/*
 * stack_openssl.c: OpenSSL as it comes, offering all that it has: the control among the boards.
 */
#include "firmware/libssl_session.h"

#include "firmware/glue/port.h"

#include <errno.h>
#include <openssl/err.h>
#include <stdio.h>
#include <string.h>

/* Suites are offered down to level 0, but keys and digests of certificates are as usual today. */
#define AUTH_LEVEL 2

static const char *version(void)
{
	static char text[32];

	snprintf(text, sizeof(text), "OpenSSL/%s", OpenSSL_version(OPENSSL_VERSION_STRING));
	return text;
}

/* "h2,http/1.1" as the list of RFC 7301 section 3.1. */
static bool offer_alpn(SSL *ssl, const char *names)
{
	uint8_t list[AGENT_LINE_MAX + 1];
	size_t len = strlen(names), start = 0;

	memcpy(list + 1, names, len);
	for (size_t i = 0; i <= len; i++) {
		if (i == len || names[i] == ',') {
			list[start] = (uint8_t)(i - start);
			start = i + 1;
		}
	}
	return SSL_set_alpn_protos(ssl, list, (unsigned)len + 1) == 0;
}

static bool offer(SSL_CTX *context)
{
	return SSL_CTX_set_cipher_list(context, "ALL:!aNULL:@SECLEVEL=0") == 1 &&
	       SSL_CTX_set_ciphersuites(context,
	                                "TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:"
	                                "TLS_AES_128_GCM_SHA256:TLS_AES_128_CCM_SHA256:"
	                                "TLS_AES_128_CCM_8_SHA256") == 1;
}

static int verify(X509_STORE_CTX *chain, void *context)
{
	int ok, error;

	(void)context;
	X509_VERIFY_PARAM_set_auth_level(X509_STORE_CTX_get0_param(chain), AUTH_LEVEL);
	ok = X509_verify_cert(chain);
	error = X509_STORE_CTX_get_error(chain);

	if (ok != 1)
		port_log("tls: verify error %d: %s", error, X509_verify_cert_error_string(error));
	return ok;
}

/* As OpenSSL packs errno into its error codes. */
static void link_status(enum link_end end, struct stack_report *report)
{
	static const int codes[LINK_N_ENDS] = {
		[LINK_NO_NAME] = ENOENT,           [LINK_REFUSED] = ECONNREFUSED,
		[LINK_UNREACHABLE] = EHOSTUNREACH, [LINK_CLOSED] = ECONNABORTED,
		[LINK_RESET] = ECONNRESET,         [LINK_TIMEOUT] = ETIMEDOUT,
		[LINK_ABORTED] = ECANCELED,
	};

	snprintf(report->status, sizeof(report->status), "0x%08lX",
	         0x80000000ul | (unsigned)codes[end]);
}

static void status(struct libssl_session *session, int ssl_error, unsigned long error)
{
	struct stack_report *report = session->job.report;

	if (error != 0)
		snprintf(report->status, sizeof(report->status), "0x%08lX", error);
	else if (ssl_error == SSL_ERROR_ZERO_RETURN)
		snprintf(report->status, sizeof(report->status), "SSL_ERROR_ZERO_RETURN");
	else
		link_status(session->job.link->end, report);
}

static const struct libssl_kind KIND = {.offer = offer, .verify = verify, .status = status};

static bool open_session(void *context)
{
	struct libssl_session *session = context;
	const struct stack_run *run = session->job.run;

	if (!libssl_open(&KIND, session))
		return false;
	if ((run->alpn[0] != '\0' && !offer_alpn(session->ssl, run->alpn)) ||
	    (run->sni[0] != '\0' && SSL_set_tlsext_host_name(session->ssl, run->sni) != 1)) {
		status(session, SSL_ERROR_SSL, ERR_peek_last_error());
		return false;
	}
	return true;
}

const struct stack stack_openssl = {
	.name = "openssl",
	.caps = "ca,cert,key,sni,min,max,alpn,psk,resume,early",
	.lowest = "1.0",
	.highest = "1.3",
	.help = "  OpenSSL, offering all versions, suites and groups that it has.\n",
	.version = version,
	.link_status = link_status,
	.session = &libssl_the_session,
	.session_size = sizeof(libssl_the_session),
	.open = open_session,
	.handshake = libssl_handshake,
	.write = libssl_write,
	.read = libssl_read,
	.close = libssl_close,
	.describe = libssl_describe,
	.free = libssl_free,
	.forget = libssl_forget,
};
