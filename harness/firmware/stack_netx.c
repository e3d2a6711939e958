/*
 * stack_netx.c: the offer and the status codes of NetX Duo Secure 6.2.0, imitated with OpenSSL.
 *
 * What goes over the wire is OpenSSL's work; what is offered, which alert answers a bad certificate
 * and which status the firmware sees are NetX Duo's. The help text names what libssl cannot leave
 * out.
 *
 * The state `unallocated` is firmware that gives TLS no room for the server's certificate
 * (nx_secure_tls_remote_certificate_allocate was not called). Up to 6.2.0 TLS 1.2 makes room by
 * itself, and TLS 1.3 ends with NX_CRYPTO_PTR_ERROR and the alert internal_error.
 */
#include "firmware/libssl_session.h"

#include "firmware/glue/port.h"

#include <openssl/err.h>
#include <openssl/sslerr.h>
#include <stdio.h>

enum { STATE_UNALLOCATED, STATE_FIXED };

static const char *const STATES[] = {
	[STATE_UNALLOCATED] = "unallocated",
	[STATE_FIXED] = "fixed",
	NULL,
};

static const char HELP[] =
	"  The offer, the alerts and the status codes of NetX Duo Secure 6.2.0, over OpenSSL. A\n"
	"  server name is compared with the certificate and never sent.\n"
	"  What libssl cannot leave out, and NetX Duo does not send: the suite 00ff\n"
	"  (TLS_EMPTY_RENEGOTIATION_INFO_SCSV), the extension psk_key_exchange_modes, two\n"
	"  compressed point formats, OpenSSL's order of extensions, and 0301 as the version of\n"
	"  the first record.\n"
	"  State unallocated: no room for the server's certificate in TLS 1.3, which ends with\n"
	"  status 0x20007 and the alert internal_error. State fixed: with room.\n";

/* Status codes of nx_api.h, nxd_dns.h, nx_secure_tls.h, nx_secure_x509.h and nx_crypto_const.h. */
enum {
	NX_NO_PACKET = 0x1,
	NX_WAIT_ABORTED = 0x1A,
	NX_NOT_CONNECTED = 0x38,
	NX_DNS_QUERY_FAILED = 0xA3,
	NX_SECURE_TLS_UNKNOWN_CIPHERSUITE = 0x105,
	NX_SECURE_TLS_HANDSHAKE_FAILURE = 0x107,
	NX_SECURE_TLS_INCORRECT_MESSAGE_LENGTH = 0x10A,
	NX_SECURE_TLS_UNSUPPORTED_TLS_VERSION = 0x110,
	NX_SECURE_TLS_ALERT_RECEIVED = 0x114,
	NX_SECURE_TLS_FINISHED_HASH_FAILURE = 0x115,
	NX_SECURE_TLS_BAD_SERVERHELLO_KEYSHARE = 0x13E,
	NX_SECURE_TLS_UNSUPPORTED_SIGNATURE_ALGORITHM = 0x14D,
	NX_SECURE_TLS_SIGNATURE_VERIFICATION_ERROR = 0x14E,
	NX_SECURE_TLS_UNEXPECTED_MESSAGE = 0x14F,
	NX_SECURE_TLS_AEAD_DECRYPT_FAIL = 0x150,
	NX_SECURE_TLS_RECORD_OVERFLOW = 0x151,
	NX_SECURE_X509_CHAIN_VERIFY_FAILURE = 0x18C,
	NX_SECURE_X509_CERTIFICATE_EXPIRED = 0x193,
	NX_SECURE_X509_CERTIFICATE_NOT_YET_VALID = 0x194,
	NX_SECURE_X509_CERTIFICATE_DNS_MISMATCH = 0x195,
	NX_SECURE_X509_INVALID_CERTIFICATE = 0x1A2,
	NX_SECURE_X509_CERTIFICATE_SIG_CHECK_FAILED = 0x1A4,
	NX_SECURE_X509_INVALID_SELF_SIGNED_CERT = 0x1A5,
	NX_SECURE_X509_NO_ISSUER = 0x1A6, /* ..._ISSUER_CERTIFICATE_NOT_FOUND */
	NX_CRYPTO_PTR_ERROR = 0x20007,
};

/* Verify errors, for the alerts that libssl sends for them. */
enum {
	SENDS_INTERNAL_ERROR = X509_V_ERR_OUT_OF_MEM,
	SENDS_EXPIRED = X509_V_ERR_CERT_HAS_EXPIRED,
	SENDS_UNKNOWN_CA = X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY,
};

/*
 * What verifying the chain found, as NetX Duo's status, and the X509_V_ERR_ value that makes libssl
 * send the alert that NetX Duo maps this status to. It maps most to internal_error, and so does 0.
 */
static const struct {
	int found, status, sends;
} CHAIN_FAULTS[] = {
	{X509_V_ERR_CERT_HAS_EXPIRED, NX_SECURE_X509_CERTIFICATE_EXPIRED, SENDS_EXPIRED},
	{X509_V_ERR_CERT_NOT_YET_VALID, NX_SECURE_X509_CERTIFICATE_NOT_YET_VALID, SENDS_EXPIRED},
	{X509_V_ERR_HOSTNAME_MISMATCH, NX_SECURE_X509_CERTIFICATE_DNS_MISMATCH, 0},
	{X509_V_ERR_CERT_SIGNATURE_FAILURE, NX_SECURE_X509_CERTIFICATE_SIG_CHECK_FAILED, 0},
	{X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, NX_SECURE_X509_INVALID_SELF_SIGNED_CERT, 0},
	{X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, NX_SECURE_X509_INVALID_SELF_SIGNED_CERT, 0},
	{X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, NX_SECURE_X509_NO_ISSUER, 0},
	{X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, NX_SECURE_X509_NO_ISSUER, 0},
	{X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, NX_SECURE_X509_NO_ISSUER, 0},
};

/* The reason of libssl's error as NetX Duo's status for the same finding. */
static const struct {
	int reason, status;
} FAULTS[] = {
	{SSL_R_UNKNOWN_CIPHER_RETURNED, NX_SECURE_TLS_UNKNOWN_CIPHERSUITE},
	{SSL_R_WRONG_CIPHER_RETURNED, NX_SECURE_TLS_UNKNOWN_CIPHERSUITE},
	{SSL_R_UNSUPPORTED_PROTOCOL, NX_SECURE_TLS_UNSUPPORTED_TLS_VERSION},
	{SSL_R_WRONG_SSL_VERSION, NX_SECURE_TLS_UNSUPPORTED_TLS_VERSION},
	{SSL_R_BAD_KEY_SHARE, NX_SECURE_TLS_BAD_SERVERHELLO_KEYSHARE},
	{SSL_R_WRONG_SIGNATURE_TYPE, NX_SECURE_TLS_UNSUPPORTED_SIGNATURE_ALGORITHM},
	{SSL_R_BAD_SIGNATURE, NX_SECURE_TLS_SIGNATURE_VERIFICATION_ERROR},
	{SSL_R_DIGEST_CHECK_FAILED, NX_SECURE_TLS_FINISHED_HASH_FAILURE},
	{SSL_R_UNEXPECTED_MESSAGE, NX_SECURE_TLS_UNEXPECTED_MESSAGE},
	{SSL_R_LENGTH_MISMATCH, NX_SECURE_TLS_INCORRECT_MESSAGE_LENGTH},
	{SSL_R_DECRYPTION_FAILED_OR_BAD_RECORD_MAC, NX_SECURE_TLS_AEAD_DECRYPT_FAIL},
	{SSL_R_BAD_RECORD_TYPE, NX_SECURE_TLS_UNEXPECTED_MESSAGE},
	{SSL_R_ENCRYPTED_LENGTH_TOO_LONG, NX_SECURE_TLS_RECORD_OVERFLOW},
	{SSL_R_PACKET_LENGTH_TOO_LONG, NX_SECURE_TLS_RECORD_OVERFLOW},
};

static const int LINK_FAULTS[LINK_N_ENDS] = {
	[LINK_NO_NAME] = NX_DNS_QUERY_FAILED,  [LINK_REFUSED] = NX_NOT_CONNECTED,
	[LINK_UNREACHABLE] = NX_NOT_CONNECTED, [LINK_CLOSED] = NX_NOT_CONNECTED,
	[LINK_RESET] = NX_NOT_CONNECTED,       [LINK_TIMEOUT] = NX_NO_PACKET,
	[LINK_ABORTED] = NX_WAIT_ABORTED,
};

static const char *version(void)
{
	static char text[48];

	snprintf(text, sizeof(text), "NetXDuo/6.2.0+OpenSSL-%s",
	         OpenSSL_version(OPENSSL_VERSION_STRING));
	return text;
}

/* A key to offer the PSK suites with, which needs one; this firmware has none. */
static unsigned no_psk(SSL *ssl, const char *hint, char *identity, unsigned identity_max,
                       unsigned char *key, unsigned key_max)
{
	(void)ssl, (void)hint, (void)identity, (void)identity_max, (void)key, (void)key_max;
	return 0;
}

static bool offer(SSL_CTX *context)
{
	SSL_CTX_set_options(context, SSL_OP_NO_EXTENDED_MASTER_SECRET | SSL_OP_NO_ENCRYPT_THEN_MAC |
	                                     SSL_OP_NO_TICKET);
	SSL_CTX_clear_options(context, SSL_OP_ENABLE_MIDDLEBOX_COMPAT);
	SSL_CTX_set_psk_client_callback(context, no_psk);
	return SSL_CTX_set_ciphersuites(context, "TLS_AES_128_GCM_SHA256:TLS_AES_128_CCM_SHA256:"
	                                         "TLS_AES_128_CCM_8_SHA256") == 1 &&
	       SSL_CTX_set_cipher_list(context,
	                               "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
	                               "ECDHE-ECDSA-AES128-SHA256:ECDHE-RSA-AES128-SHA256:"
	                               "AES128-GCM-SHA256:AES256-SHA256:AES128-SHA256:"
	                               "PSK-AES128-CBC-SHA256:PSK-AES128-CCM8:"
	                               "@SECLEVEL=0") == 1 &&
	       SSL_CTX_set1_groups_list(context, "P-256:P-384:P-521") == 1 &&
	       SSL_CTX_set1_sigalgs_list(context,
	                                 "ECDSA+SHA256:ECDSA+SHA384:ECDSA+SHA512:RSA+SHA256:"
	                                 "RSA+SHA384:RSA+SHA512:ECDSA+SHA224") == 1;
}

static int refuse_chain(struct libssl_session *session, X509_STORE_CTX *chain, int status,
                        int sends)
{
	session->verify_status = status;
	X509_STORE_CTX_set_error(chain, sends != 0 ? sends : SENDS_INTERNAL_ERROR);
	return 0;
}

static int verify(X509_STORE_CTX *chain, void *context)
{
	struct libssl_session *session = context;
	int error;

	if (session->job.run->state == STATE_UNALLOCATED &&
	    SSL_version(session->ssl) == TLS1_3_VERSION)
		return refuse_chain(session, chain, NX_CRYPTO_PTR_ERROR, SENDS_INTERNAL_ERROR);
	if (X509_verify_cert(chain) == 1)
		return 1;
	error = X509_STORE_CTX_get_error(chain);
	for (size_t i = 0; i < sizeof(CHAIN_FAULTS) / sizeof(CHAIN_FAULTS[0]); i++) {
		if (CHAIN_FAULTS[i].found == error)
			return refuse_chain(session, chain, CHAIN_FAULTS[i].status,
			                    CHAIN_FAULTS[i].sends);
	}
	return refuse_chain(session, chain, NX_SECURE_X509_CHAIN_VERIFY_FAILURE, SENDS_UNKNOWN_CA);
}

static int status_of_error(unsigned long error)
{
	for (size_t i = 0; i < sizeof(FAULTS) / sizeof(FAULTS[0]); i++) {
		if (FAULTS[i].reason == ERR_GET_REASON(error))
			return FAULTS[i].status;
	}
	return NX_SECURE_TLS_HANDSHAKE_FAILURE;
}

/* NetX Duo reports every alert as the same status, close_notify too. */
static void status(struct libssl_session *session, int ssl_error, unsigned long error)
{
	struct stack_report *report = session->job.report;
	int code = status_of_error(error);

	if (session->ssl == NULL)
		code = NX_SECURE_X509_INVALID_CERTIFICATE;
	else if (session->verify_status != 0)
		code = session->verify_status;
	else if (report->alert[0] == 'r' || ssl_error == SSL_ERROR_ZERO_RETURN)
		code = NX_SECURE_TLS_ALERT_RECEIVED;
	else if (session->job.link->end != LINK_UP)
		code = LINK_FAULTS[session->job.link->end];
	snprintf(report->status, sizeof(report->status), "0x%X", (unsigned)code);
}

static void link_status(enum link_end end, struct stack_report *report)
{
	snprintf(report->status, sizeof(report->status), "0x%X", (unsigned)LINK_FAULTS[end]);
}

static const struct libssl_kind KIND = {
	.offer = offer,
	.quiet_at_end = true,
	.verify = verify,
	.status = status,
};

static bool open_session(void *session)
{
	return libssl_open(&KIND, session);
}

const struct stack stack_netx = {
	.name = "netx",
	.states = STATES,
	.caps = "ca,cert,key,sni,min,max",
	.lowest = "1.2",
	.highest = "1.3",
	.help = HELP,
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
};
