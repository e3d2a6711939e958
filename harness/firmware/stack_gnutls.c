/*
 * stack_gnutls.c: GnuTLS 3 with its NORMAL priorities, TLS 1.0 to 1.3.
 */
#include "firmware/glue/stack.h"

#include "base/assert.h"
#include "decode/registry.h"
#include "firmware/glue/port.h"

#include <errno.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define ALPN_MAX 8   /* protocol names; those beyond are not offered */
#define CHAIN_MAX 10 /* certificates of the client; those beyond are not sent */

struct session {
	struct stack_job job;
	gnutls_certificate_credentials_t certificates;
	gnutls_psk_client_credentials_t psk;
	gnutls_session_t tls;
	bool shaken;           /* the handshake was completed */
	bool early_data_taken; /* the server has read `send` already */
};

static struct session the_session;

/* What outlives a run: the session of the last one, for the next. */
static gnutls_datum_t last_session;

static void forget(void)
{
	gnutls_free(last_session.data);
	last_session = (gnutls_datum_t){0};
}

/* In TLS 1.3 a session can be resumed once a ticket has come; GnuTLS would wait for one. */
static void keep_session(gnutls_session_t tls)
{
	bool tls13 = gnutls_protocol_get_version(tls) == GNUTLS_TLS1_3;
	gnutls_datum_t data;

	if (tls13 && (gnutls_session_get_flags(tls) & GNUTLS_SFLAGS_SESSION_TICKET) == 0)
		return;
	if (gnutls_session_get_data2(tls, &data) != GNUTLS_E_SUCCESS)
		return;
	forget();
	last_session = data;
}

/* GnuTLS asks one clock for the whole program. */
static int64_t clock_offset_s;

static time_t board_time(time_t *out)
{
	time_t now = time(NULL) + (time_t)clock_offset_s;

	if (out != NULL)
		*out = now;
	return now;
}

static const char *version(void)
{
	static char text[32];

	snprintf(text, sizeof(text), "GnuTLS/%s", gnutls_check_version(NULL));
	return text;
}

static void set_status(struct stack_report *report, int code)
{
	snprintf(report->status, sizeof(report->status), "%d", code);
}

/* GnuTLS knows a link by its callbacks alone: what they failed at is what it tells. */
static void link_status(enum link_end end, struct stack_report *report)
{
	static const int codes[LINK_N_ENDS] = {
		[LINK_NO_NAME] = GNUTLS_E_PUSH_ERROR,
		[LINK_REFUSED] = GNUTLS_E_PUSH_ERROR,
		[LINK_UNREACHABLE] = GNUTLS_E_PUSH_ERROR,
		[LINK_CLOSED] = GNUTLS_E_PREMATURE_TERMINATION,
		[LINK_RESET] = GNUTLS_E_PULL_ERROR,
		[LINK_TIMEOUT] = GNUTLS_E_TIMEDOUT,
		[LINK_ABORTED] = GNUTLS_E_INTERRUPTED,
	};

	set_status(report, codes[end]);
}

static void note_received_alert(struct session *session, int code)
{
	if (code == GNUTLS_E_FATAL_ALERT_RECEIVED || code == GNUTLS_E_WARNING_ALERT_RECEIVED)
		stack_note_alert(session->job.report, 'r', (int)gnutls_alert_get(session->tls));
}

/* Writes the status, and the library's words for it into the log. Returns false. */
static bool fail(struct session *session, int code)
{
	if (session->job.link->end > LINK_CLOSED)
		link_status(session->job.link->end, session->job.report);
	else
		set_status(session->job.report, code);
	port_log("gnutls: %d %s", code, gnutls_strerror(code));
	return false;
}

/* ---- The link ---- */

static ssize_t pull(gnutls_transport_ptr_t context, void *data, size_t size)
{
	struct session *session = context;
	int n = link_read(session->job.link, data, size);

	if (n < 0)
		gnutls_transport_set_errno(session->tls, EIO);
	return n;
}

static ssize_t push(gnutls_transport_ptr_t context, const void *data, size_t len)
{
	struct session *session = context;
	int n = link_write(session->job.link, data, len);

	if (n < 0)
		gnutls_transport_set_errno(session->tls, EIO);
	return n;
}

/* ---- Making the session ---- */

static gnutls_datum_t datum_of(struct agent_blob bytes)
{
	return (gnutls_datum_t){(unsigned char *)bytes.data, (unsigned)bytes.len};
}

/* The next certificate that GnuTLS can read, which the caller frees, or NULL at the end. */
static gnutls_x509_crt_t next_certificate(struct agent_blob *rest)
{
	struct agent_blob one;

	while ((one = stack_next_der(rest)).len > 0) {
		gnutls_datum_t der = datum_of(one);
		gnutls_x509_crt_t certificate;

		CHECK(gnutls_x509_crt_init(&certificate) == GNUTLS_E_SUCCESS);
		if (gnutls_x509_crt_import(certificate, &der, GNUTLS_X509_FMT_DER) ==
		    GNUTLS_E_SUCCESS)
			return certificate;
		gnutls_x509_crt_deinit(certificate);
	}
	return NULL;
}

static int trust(struct session *session, struct agent_blob ca)
{
	gnutls_x509_crt_t root;
	int rc = GNUTLS_E_NO_CERTIFICATE_FOUND;

	while ((root = next_certificate(&ca)) != NULL) {
		rc = gnutls_certificate_set_x509_trust(session->certificates, &root, 1);
		gnutls_x509_crt_deinit(root);
		if (rc < 0)
			return rc;
	}
	return rc < 0 ? rc : GNUTLS_E_SUCCESS;
}

static int set_key(struct session *session, gnutls_x509_crt_t *chain, int n)
{
	gnutls_datum_t der = datum_of(session->job.run->key);
	gnutls_x509_privkey_t key;
	int rc;

	CHECK(gnutls_x509_privkey_init(&key) == GNUTLS_E_SUCCESS);
	rc = gnutls_x509_privkey_import2(key, &der, GNUTLS_X509_FMT_DER, NULL, 0);
	if (rc == GNUTLS_E_SUCCESS)
		rc = gnutls_certificate_set_x509_key(session->certificates, chain, n, key);
	gnutls_x509_privkey_deinit(key);
	return rc < 0 ? rc : GNUTLS_E_SUCCESS;
}

static int present(struct session *session)
{
	gnutls_x509_crt_t chain[CHAIN_MAX];
	struct agent_blob rest = session->job.run->cert;
	int n = 0, rc;

	while (n < CHAIN_MAX && (chain[n] = next_certificate(&rest)) != NULL)
		n++;
	rc = n > 0 ? set_key(session, chain, n) : GNUTLS_E_NO_CERTIFICATE_FOUND;
	for (int i = 0; i < n; i++)
		gnutls_x509_crt_deinit(chain[i]);
	return rc;
}

/* Any certificate of the ca blob is an anchor, as GnuTLS always has it, be it a root or not. */
static int set_certificates(struct session *session)
{
	const struct stack_run *run = session->job.run;
	int rc = GNUTLS_E_SUCCESS;

	CHECK(gnutls_certificate_allocate_credentials(&session->certificates) == GNUTLS_E_SUCCESS);
	if (run->ca.len > 0) {
		rc = trust(session, run->ca);
		gnutls_session_set_verify_cert(session->tls, run->sni[0] != '\0' ? run->sni : NULL,
		                               0);
	} else {
		port_log("gnutls: no ca, the server is not verified");
	}
	if (rc == GNUTLS_E_SUCCESS && run->cert.len > 0 && run->key.len > 0)
		rc = present(session);
	return rc == GNUTLS_E_SUCCESS
	               ? gnutls_credentials_set(session->tls, GNUTLS_CRD_CERTIFICATE,
	                                        session->certificates)
	               : rc;
}

static int set_psk(struct session *session)
{
	const struct stack_run *run = session->job.run;
	gnutls_datum_t key = {(unsigned char *)run->psk, (unsigned)run->psk_len};
	int rc;

	if (run->psk_len == 0)
		return GNUTLS_E_SUCCESS;
	CHECK(gnutls_psk_allocate_client_credentials(&session->psk) == GNUTLS_E_SUCCESS);
	rc = gnutls_psk_set_client_credentials(session->psk, run->psk_identity, &key,
	                                       GNUTLS_PSK_KEY_RAW);
	if (rc == GNUTLS_E_SUCCESS)
		rc = gnutls_credentials_set(session->tls, GNUTLS_CRD_PSK, session->psk);
	return rc;
}

/* NORMAL has no key exchange with pre-shared keys, as few clients have such a key. */
static int set_priority(struct session *session)
{
	const struct stack_run *run = session->job.run;
	char text[160];
	size_t len = (size_t)snprintf(text, sizeof(text), "NORMAL:-VERS-TLS-ALL");

	for (char minor = run->max[2]; minor >= run->min[2]; minor--)
		len += (size_t)snprintf(text + len, sizeof(text) - len, ":+VERS-TLS1.%c", minor);
	if (run->psk_len > 0)
		snprintf(text + len, sizeof(text) - len, ":+ECDHE-PSK:+DHE-PSK:+PSK");
	return gnutls_priority_set_direct(session->tls, text, NULL);
}

static int set_alpn(struct session *session)
{
	gnutls_datum_t names[ALPN_MAX];
	char text[AGENT_LINE_MAX], *rest;
	unsigned n = 0;

	snprintf(text, sizeof(text), "%s", session->job.run->alpn);
	for (char *name = strtok_r(text, ",", &rest); name != NULL && n < ALPN_MAX;
	     name = strtok_r(NULL, ",", &rest))
		names[n++] = (gnutls_datum_t){(unsigned char *)name, (unsigned)strlen(name)};
	return n > 0 ? gnutls_alpn_set_protocols(session->tls, names, n, 0) : GNUTLS_E_SUCCESS;
}

static int set_up(struct session *session)
{
	const struct stack_run *run = session->job.run;
	int rc = set_priority(session);

	gnutls_transport_set_ptr(session->tls, session);
	gnutls_transport_set_pull_function(session->tls, pull);
	gnutls_transport_set_push_function(session->tls, push);
	if (rc == GNUTLS_E_SUCCESS)
		rc = set_certificates(session);
	if (rc == GNUTLS_E_SUCCESS)
		rc = set_psk(session);
	if (rc == GNUTLS_E_SUCCESS)
		rc = set_alpn(session);
	if (rc == GNUTLS_E_SUCCESS && run->sni[0] != '\0')
		rc = gnutls_server_name_set(session->tls, GNUTLS_NAME_DNS, run->sni,
		                            strlen(run->sni));
	if (rc == GNUTLS_E_SUCCESS && run->resume && last_session.size > 0)
		rc = gnutls_session_set_data(session->tls, last_session.data, last_session.size);
	return rc;
}

static void free_session(void *context)
{
	struct session *session = context;

	if (session->shaken)
		keep_session(session->tls);
	gnutls_deinit(session->tls);
	if (session->certificates != NULL)
		gnutls_certificate_free_credentials(session->certificates);
	if (session->psk != NULL)
		gnutls_psk_free_client_credentials(session->psk);
}

static bool open_session(void *context)
{
	struct session *session = context;
	int rc;

	clock_offset_s = session->job.run->clock_offset_s;
	gnutls_global_set_time_function(board_time);
	CHECK(gnutls_init(&session->tls, GNUTLS_CLIENT) == GNUTLS_E_SUCCESS);
	rc = set_up(session);
	return rc == GNUTLS_E_SUCCESS || fail(session, rc);
}

/* ---- Using it ---- */

/*
 * GnuTLS leaves alerts about its own findings to the application, as its manual shows. What came
 * from the peer, and what the link failed at, has none.
 */
static void send_alert(struct session *session, int code)
{
	int level, alert = gnutls_error_to_alert(code, &level);

	if (session->job.link->end != LINK_UP || code == GNUTLS_E_FATAL_ALERT_RECEIVED)
		return;
	stack_note_alert(session->job.report, 's', alert);
	(void)gnutls_alert_send_appropriate(session->tls, code);
}

static void log_verification(struct session *session)
{
	unsigned status = gnutls_session_get_verify_cert_status(session->tls);
	gnutls_datum_t text;

	if (gnutls_certificate_verification_status_print(status, GNUTLS_CRT_X509, &text, 0) !=
	    GNUTLS_E_SUCCESS)
		return;
	port_log("gnutls: verify status 0x%X: %s", status, text.data);
	gnutls_free(text.data);
}

/* What the run has to send goes along with the ClientHello, if the session allows. */
static bool send_early(struct session *session)
{
	const struct stack_run *run = session->job.run;
	size_t len = strlen(run->send);

	if (!run->early || !run->resume || last_session.size == 0 ||
	    gnutls_record_get_max_early_data_size(session->tls) < len)
		return true;
	return gnutls_record_send_early_data(session->tls, run->send, len) >= 0;
}

static bool handshake(void *context)
{
	struct session *session = context;
	int rc;

	if (!send_early(session))
		return fail(session, GNUTLS_E_INVALID_REQUEST);
	do {
		rc = gnutls_handshake(session->tls);
		note_received_alert(session, rc);
	} while (rc < 0 && !gnutls_error_is_fatal(rc));
	session->shaken = rc == GNUTLS_E_SUCCESS;
	session->early_data_taken =
		(gnutls_session_get_flags(session->tls) & GNUTLS_SFLAGS_EARLY_DATA) != 0;
	if (session->shaken)
		return true;
	if (rc == GNUTLS_E_CERTIFICATE_VERIFICATION_ERROR)
		log_verification(session);
	send_alert(session, rc);
	return fail(session, rc);
}

static bool write_all(void *context, const void *data, size_t len)
{
	struct session *session = context;
	ssize_t rc;

	if (session->early_data_taken) {
		session->early_data_taken = false;
		return true;
	}
	rc = gnutls_record_send(session->tls, data, len);
	return rc == (ssize_t)len || fail(session, (int)rc);
}

static int read_some(void *context, void *data, size_t size)
{
	struct session *session = context;
	ssize_t rc;

	do {
		rc = gnutls_record_recv(session->tls, data, size);
		note_received_alert(session, (int)rc);
	} while (rc < 0 && !gnutls_error_is_fatal((int)rc));
	if (rc > 0)
		return (int)rc;
	if (rc == 0) {
		set_status(session->job.report, GNUTLS_E_SESSION_EOF);
		return 0;
	}
	send_alert(session, (int)rc);
	fail(session, (int)rc);
	return -1;
}

static bool close_session(void *context)
{
	struct session *session = context;
	int rc = gnutls_bye(session->tls, GNUTLS_SHUT_WR);

	return rc == GNUTLS_E_SUCCESS || fail(session, rc);
}

/* ---- What was negotiated ---- */

/*
 * IANA's names; what stands for a hash and a key type in TLS 1.2 has the name of the same number.
 */
static const struct {
	gnutls_sign_algorithm_t algorithm;
	const char *name;
} SIGNATURES[] = {
	{GNUTLS_SIGN_RSA_SHA1, "rsa_pkcs1_sha1"},
	{GNUTLS_SIGN_RSA_SHA224, "rsa_sha224"},
	{GNUTLS_SIGN_RSA_SHA256, "rsa_pkcs1_sha256"},
	{GNUTLS_SIGN_RSA_SHA384, "rsa_pkcs1_sha384"},
	{GNUTLS_SIGN_RSA_SHA512, "rsa_pkcs1_sha512"},
	{GNUTLS_SIGN_ECDSA_SHA1, "ecdsa_sha1"},
	{GNUTLS_SIGN_ECDSA_SHA224, "ecdsa_sha224"},
	{GNUTLS_SIGN_ECDSA_SHA256, "ecdsa_secp256r1_sha256"},
	{GNUTLS_SIGN_ECDSA_SHA384, "ecdsa_secp384r1_sha384"},
	{GNUTLS_SIGN_ECDSA_SHA512, "ecdsa_secp521r1_sha512"},
	{GNUTLS_SIGN_ECDSA_SECP256R1_SHA256, "ecdsa_secp256r1_sha256"},
	{GNUTLS_SIGN_ECDSA_SECP384R1_SHA384, "ecdsa_secp384r1_sha384"},
	{GNUTLS_SIGN_ECDSA_SECP521R1_SHA512, "ecdsa_secp521r1_sha512"},
	{GNUTLS_SIGN_RSA_PSS_SHA256, "rsa_pss_pss_sha256"},
	{GNUTLS_SIGN_RSA_PSS_SHA384, "rsa_pss_pss_sha384"},
	{GNUTLS_SIGN_RSA_PSS_SHA512, "rsa_pss_pss_sha512"},
	{GNUTLS_SIGN_RSA_PSS_RSAE_SHA256, "rsa_pss_rsae_sha256"},
	{GNUTLS_SIGN_RSA_PSS_RSAE_SHA384, "rsa_pss_rsae_sha384"},
	{GNUTLS_SIGN_RSA_PSS_RSAE_SHA512, "rsa_pss_rsae_sha512"},
	{GNUTLS_SIGN_EDDSA_ED25519, "ed25519"},
	{GNUTLS_SIGN_EDDSA_ED448, "ed448"},
};

static void describe_signature(struct session *session)
{
	gnutls_sign_algorithm_t algorithm =
		(gnutls_sign_algorithm_t)gnutls_sign_algorithm_get(session->tls);
	struct stack_report *report = session->job.report;

	for (size_t i = 0; i < sizeof(SIGNATURES) / sizeof(SIGNATURES[0]); i++) {
		if (SIGNATURES[i].algorithm == algorithm)
			snprintf(report->signature, sizeof(report->signature), "%s",
			         SIGNATURES[i].name);
	}
}

/*
 * The number of the suite of these parts. GnuTLS before 3.7.4 does not tell it of a session. A
 * suite of TLS 1.3 has no key exchange of its own.
 */
static bool find_suite(gnutls_session_t tls, uint16_t *number)
{
	bool tls13 = gnutls_protocol_get_version(tls) == GNUTLS_TLS1_3;
	gnutls_kx_algorithm_t kx, wanted_kx = gnutls_kx_get(tls);
	gnutls_cipher_algorithm_t cipher, wanted_cipher = gnutls_cipher_get(tls);
	gnutls_mac_algorithm_t mac, wanted_mac = gnutls_mac_get(tls);
	gnutls_protocol_t least;
	unsigned char id[2];

	for (size_t i = 0; gnutls_cipher_suite_info(i, id, &kx, &cipher, &mac, &least) != NULL;
	     i++) {
		*number = (uint16_t)(id[0] << 8 | id[1]);
		if (cipher == wanted_cipher && (least == GNUTLS_TLS1_3) == tls13 &&
		    (tls13 || (kx == wanted_kx && mac == wanted_mac)))
			return true;
	}
	return false;
}

static void describe(void *context)
{
	struct session *session = context;
	struct stack_report *report = session->job.report;
	gnutls_group_t group = gnutls_group_get(session->tls);
	const char *name = gnutls_group_get_name(group);
	char label[REGISTRY_LABEL_MAX];
	uint16_t suite;

	if (gnutls_cipher_get(session->tls) == GNUTLS_CIPHER_NULL ||
	    !find_suite(session->tls, &suite))
		return; /* no keys were agreed on */
	snprintf(report->ciphersuite, sizeof(report->ciphersuite), "%s",
	         registry_label(REGISTRY_CIPHER_SUITE, suite, label));
	stack_note_version(report, 0x0301 + (int)gnutls_protocol_get_version(session->tls) -
	                                   GNUTLS_TLS1_0);
	stack_note_group(report, name);
	describe_signature(session);
}

const struct stack stack_gnutls = {
	.name = "gnutls",
	.caps = "ca,cert,key,sni,min,max,alpn,psk,resume,early",
	.lowest = "1.0",
	.highest = "1.3",
	.help = "  GnuTLS with the priority string NORMAL, TLS 1.0 to 1.3.\n",
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
