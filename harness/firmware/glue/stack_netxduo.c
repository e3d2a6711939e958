#include "firmware/glue/stack_netxduo.h"

#include "firmware/glue/port.h"

#include <nx_secure_tls_api.h>
#include <stdio.h>
#include <string.h>

#if defined(NX_SECURE_TLS_ENABLE_TLS_1_3)
#define HIGHEST "1.3"
#else
#define HIGHEST "1.2"
#endif

/* The tables of nx_crypto_generic_ciphersuites.c: all that NetX Crypto has. */
extern const NX_SECURE_TLS_CRYPTO nx_crypto_tls_ciphers_ecc;
extern const USHORT nx_crypto_ecc_supported_groups[];
extern const UINT nx_crypto_ecc_supported_groups_size;
extern const NX_CRYPTO_METHOD *nx_crypto_ecc_curves[];

/* Metadata that is not aligned ends in NX_CRYPTO_PTR_ERROR. */
static struct {
	struct stack_job job;
	NX_SECURE_TLS_SESSION tls;
	ULONG metadata[NETXDUO_METADATA_SIZE / sizeof(ULONG)];
	UCHAR record[NETXDUO_RECORD_SIZE];
	NX_SECURE_X509_CERT remote[NETXDUO_CHAIN];
	UCHAR remote_der[NETXDUO_CHAIN][NETXDUO_CERTIFICATE_SIZE];
	NX_SECURE_X509_CERT roots[NETXDUO_ROOTS], own;
	NX_SECURE_X509_DNS_NAME name;
	NX_PACKET *packet;   /* received, and not all read yet */
	ULONG n_read;        /* bytes of it that have been */
	bool created, ended; /* the session exists; it has been closed in order */
} session;

static const char *version(void)
{
	static char text[32];

	snprintf(text, sizeof(text), "NetXDuo/%d.%d.%d", NETXDUO_MAJOR_VERSION,
	         NETXDUO_MINOR_VERSION, NETXDUO_PATCH_VERSION);
	return text;
}

static void set_status(struct stack_report *report, UINT status)
{
	snprintf(report->status, sizeof(report->status), "0x%X", status);
}

static void link_status(enum link_end end, struct stack_report *report)
{
	(void)end;
	set_status(report, netxduo_status());
}

/* Notes an alert that was received: of those sent the API does not tell. */
static void note_alert(UINT status)
{
	UINT level, number;

	if (status == NX_SECURE_TLS_ALERT_RECEIVED &&
	    nx_secure_tls_session_alert_value_get(&session.tls, &level, &number) == NX_SUCCESS)
		stack_note_alert(session.job.report, 'r', (int)number);
}

/* True if the status is good; else it stands in the report. */
static bool is_good(UINT status)
{
	if (netxduo_note(session.job.link, status))
		return true;
	note_alert(status);
	set_status(session.job.report, status);
	port_log("netxduo: status 0x%X", status);
	return false;
}

/* ---- Making the session ---- */

static ULONG board_time(VOID)
{
	return (ULONG)(port_unix_s() + session.job.run->clock_offset_s);
}

/* NetX Duo checks the chain, and leaves the name to the application. */
static ULONG check_name(NX_SECURE_TLS_SESSION *tls, NX_SECURE_X509_CERT *certificate)
{
	const char *sni = session.job.run->sni;

	(void)tls;
	return nx_secure_x509_common_name_dns_check(certificate, (const UCHAR *)sni,
	                                            (UINT)strlen(sni));
}

static UINT set_name(void)
{
	const char *sni = session.job.run->sni;
	UINT status;

	if (sni[0] == '\0')
		return NX_SUCCESS;
	status = nx_secure_x509_dns_name_initialize(&session.name, (const UCHAR *)sni,
	                                            (USHORT)strlen(sni));
	if (status == NX_SUCCESS)
		status = nx_secure_tls_session_sni_extension_set(&session.tls, &session.name);
	if (status == NX_SUCCESS)
		status = nx_secure_tls_session_certificate_callback_set(&session.tls, check_name);
	return status;
}

/* Without room for the server's certificates TLS 1.3 ends in NX_CRYPTO_PTR_ERROR, 0x20007. */
static UINT make_room(void)
{
	UINT status = nx_secure_tls_session_packet_buffer_set(&session.tls, session.record,
	                                                      sizeof(session.record));

	for (int i = 0; status == NX_SUCCESS && i < NETXDUO_CHAIN; i++)
		status = nx_secure_tls_remote_certificate_allocate(
			&session.tls, &session.remote[i], session.remote_der[i],
			sizeof(session.remote_der[i]));
	return status;
}

static UINT read_certificate(NX_SECURE_X509_CERT *certificate, struct agent_blob der,
                             struct agent_blob key, UINT key_type)
{
	return nx_secure_x509_certificate_initialize(certificate, (UCHAR *)der.data, der.len,
	                                             NX_NULL, 0, key.data, key.len, key_type);
}

/* NX_SUCCESS if at least one certificate can be read, else the status of the last. */
static UINT trust(struct agent_blob ca)
{
	struct agent_blob one, none = {NX_NULL, 0};
	UINT last = NX_SUCCESS;
	int n = 0;

	if (ca.len == 0)
		port_log("netxduo: no ca, which NetX Duo takes for: trust nobody");
	while (n < NETXDUO_ROOTS && (one = stack_next_der(&ca)).len > 0) {
		last = read_certificate(&session.roots[n], one, none,
		                        NX_SECURE_X509_KEY_TYPE_NONE);
		if (last == NX_SUCCESS)
			last = nx_secure_tls_trusted_certificate_add(&session.tls,
			                                             &session.roots[n]);
		n += last == NX_SUCCESS;
	}
	return n > 0 ? NX_SUCCESS : last;
}

/*
 * The key of an elliptic curve begins with version 1 (RFC 5915 section 3), that of RSA with 0 (RFC
 * 8017 appendix A.1.2). NetX Duo sends the first certificate of `cert` alone.
 */
static UINT present(void)
{
	struct agent_blob cert = session.job.run->cert, key = session.job.run->key;
	size_t header = key.len < 2 ? 0 : key.data[1] < 0x80 ? 2 : 2 + (key.data[1] & 0x7Fu);
	bool ec = key.len > header + 2 && key.data[header + 2] == 1;
	UINT status;

	if (cert.len == 0 || key.len == 0)
		return NX_SUCCESS;
	status = read_certificate(&session.own, stack_next_der(&cert), key,
	                          ec ? NX_SECURE_X509_KEY_TYPE_EC_DER
	                             : NX_SECURE_X509_KEY_TYPE_RSA_PKCS1_DER);
	if (status == NX_SUCCESS)
		status = nx_secure_tls_local_certificate_add(&session.tls, &session.own);
	return status;
}

static UINT set_up(void)
{
	const struct stack_run *run = session.job.run;
	UINT status = nx_secure_tls_session_create(&session.tls, &nx_crypto_tls_ciphers_ecc,
	                                           session.metadata, sizeof(session.metadata));

	session.created = status == NX_SUCCESS;
	if (status == NX_SUCCESS)
		status = nx_secure_tls_ecc_initialize(&session.tls, nx_crypto_ecc_supported_groups,
		                                      (USHORT)nx_crypto_ecc_supported_groups_size,
		                                      nx_crypto_ecc_curves);
	if (status == NX_SUCCESS)
		status = make_room();
	if (status == NX_SUCCESS)
		status = nx_secure_tls_session_time_function_set(&session.tls, board_time);
	if (status == NX_SUCCESS && strcmp(run->min, run->max) == 0)
		status = nx_secure_tls_session_protocol_version_override(
			&session.tls, (USHORT)(0x0301 + run->max[2] - '0')); /* 1.2 is 0x0303 */
	if (status == NX_SUCCESS)
		status = set_name();
	if (status == NX_SUCCESS)
		status = trust(run->ca);
	if (status == NX_SUCCESS)
		status = present();
	return status;
}

static void free_session(void *context)
{
	(void)context;
	if (session.packet != NX_NULL)
		(void)nx_packet_release(session.packet);
	if (session.created)
		(void)nx_secure_tls_session_delete(&session.tls);
}

static bool open_session(void *context)
{
	(void)context;
	return is_good(set_up());
}

/* ---- Using it ---- */

static bool handshake(void *context)
{
	(void)context;
	return is_good(nx_secure_tls_session_start(&session.tls, netxduo_socket(),
	                                           netxduo_wait(session.job.link)));
}

static bool write_all(void *context, const void *data, size_t len)
{
	ULONG wait = netxduo_wait(session.job.link);
	NX_PACKET *packet;
	UINT status =
		nx_secure_tls_packet_allocate(&session.tls, netxduo_pool(), &packet, wait);

	(void)context;
	if (!is_good(status))
		return false;
	status = nx_packet_data_append(packet, (VOID *)data, (ULONG)len, netxduo_pool(), wait);
	if (status == NX_SUCCESS)
		status = nx_secure_tls_session_send(&session.tls, packet, wait);
	if (status != NX_SUCCESS)
		(void)nx_packet_release(packet);
	return is_good(status);
}

/* Takes what fits from the packet that was received last. */
static int read_packet(void *data, size_t size)
{
	ULONG n = 0;
	UINT status = nx_packet_data_extract_offset(session.packet, session.n_read, data,
	                                            (ULONG)size, &n);

	if (!is_good(status))
		return -1;
	session.n_read += n;
	if (session.n_read >= session.packet->nx_packet_length) {
		(void)nx_packet_release(session.packet);
		session.packet = NX_NULL;
	}
	return (int)n;
}

static int read_some(void *context, void *data, size_t size)
{
	UINT status;

	(void)context;
	if (session.ended)
		return 0;
	while (session.packet == NX_NULL || session.packet->nx_packet_length == 0) {
		if (session.packet != NX_NULL)
			(void)nx_packet_release(session.packet);
		session.packet = NX_NULL;
		session.n_read = 0;
		status = nx_secure_tls_session_receive(&session.tls, &session.packet,
		                                       netxduo_wait(session.job.link));
		if (status == NX_SECURE_TLS_CLOSE_NOTIFY_RECEIVED) {
			set_status(session.job.report, status);
			return 0;
		}
		if (!is_good(status))
			return -1;
	}
	return read_packet(data, size);
}

/* It sends close_notify and waits for the server's, which may not come (RFC 8446 section 6.1). */
static bool close_session(void *context)
{
	UINT status;

	(void)context;
	link_hurry(session.job.link, STACK_CLOSE_MS);
	status = nx_secure_tls_session_end(&session.tls, netxduo_wait(session.job.link));
	session.ended = status == NX_SUCCESS || status == NX_SECURE_TLS_NO_CLOSE_RESPONSE;
	return session.ended || is_good(status);
}

/* What was negotiated is private to NetX Duo. */
static void describe(void *context)
{
	(void)context;
}

const struct stack stack_netxduo = {
	.name = "netxduo",
	.caps = "ca,cert,key,sni,min,max",
	.lowest = "1.2",
	.highest = HIGHEST,
	.help = "  NetX Duo Secure on ThreadX, with all that NetX Crypto has.\n",
	.version = version,
	.link_status = link_status,
	.session = &session,
	.session_size = sizeof(session),
	.open = open_session,
	.handshake = handshake,
	.write = write_all,
	.read = read_some,
	.close = close_session,
	.describe = describe,
	.free = free_session,
	.abort = netxduo_abort,
};
