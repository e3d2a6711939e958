/* nx_secure_tls_api.h, with what it takes from nx_secure_x509.h: see tx_api.h. */
#ifndef TESTS_NETXDUO_NX_SECURE_TLS_API_H
#define TESTS_NETXDUO_NX_SECURE_TLS_API_H

#include "nx_api.h"

#define NX_SECURE_TLS_ENABLE_TLS_1_3
#define NX_SECURE_TLS_NO_CLOSE_RESPONSE 0x113
#define NX_SECURE_TLS_ALERT_RECEIVED 0x114
#define NX_SECURE_TLS_CLOSE_NOTIFY_RECEIVED 0x127
#define NX_SECURE_X509_KEY_TYPE_NONE 0x0
#define NX_SECURE_X509_KEY_TYPE_RSA_PKCS1_DER 0x1
#define NX_SECURE_X509_KEY_TYPE_EC_DER 0x2

typedef struct {
	UINT nx_crypto_algorithm;
} NX_CRYPTO_METHOD;

typedef struct {
	USHORT nx_secure_tls_ciphersuite_lookup_table_size;
} NX_SECURE_TLS_CRYPTO;

typedef struct {
	ULONG nx_secure_tls_id;
} NX_SECURE_TLS_SESSION;

typedef struct {
	UINT nx_secure_x509_cert_identifier;
} NX_SECURE_X509_CERT;

typedef struct {
	USHORT nx_secure_x509_dns_name_length;
} NX_SECURE_X509_DNS_NAME;

UINT nx_secure_tls_session_create(NX_SECURE_TLS_SESSION *session,
                                  const NX_SECURE_TLS_CRYPTO *ciphers, VOID *metadata,
                                  ULONG metadata_size);
UINT nx_secure_tls_session_delete(NX_SECURE_TLS_SESSION *session);
UINT nx_secure_tls_session_start(NX_SECURE_TLS_SESSION *session, NX_TCP_SOCKET *socket,
                                 UINT wait_option);
UINT nx_secure_tls_session_end(NX_SECURE_TLS_SESSION *session, UINT wait_option);
UINT nx_secure_tls_session_send(NX_SECURE_TLS_SESSION *session, NX_PACKET *packet,
                                ULONG wait_option);
UINT nx_secure_tls_session_receive(NX_SECURE_TLS_SESSION *session, NX_PACKET **packet,
                                   ULONG wait_option);
UINT nx_secure_tls_session_packet_buffer_set(NX_SECURE_TLS_SESSION *session, UCHAR *buffer,
                                             ULONG size);
UINT nx_secure_tls_session_protocol_version_override(NX_SECURE_TLS_SESSION *session,
                                                     USHORT version);
UINT nx_secure_tls_session_sni_extension_set(NX_SECURE_TLS_SESSION *session,
                                             NX_SECURE_X509_DNS_NAME *name);
UINT nx_secure_tls_session_time_function_set(NX_SECURE_TLS_SESSION *session, ULONG (*time)(VOID));
UINT nx_secure_tls_session_certificate_callback_set(
	NX_SECURE_TLS_SESSION *session,
	ULONG (*check)(NX_SECURE_TLS_SESSION *session, NX_SECURE_X509_CERT *certificate));
UINT nx_secure_tls_session_alert_value_get(NX_SECURE_TLS_SESSION *session, UINT *level,
                                           UINT *value);
UINT nx_secure_tls_ecc_initialize(NX_SECURE_TLS_SESSION *session, const USHORT *groups,
                                  USHORT n_groups, const NX_CRYPTO_METHOD **curves);
UINT nx_secure_tls_packet_allocate(NX_SECURE_TLS_SESSION *session, NX_PACKET_POOL *pool,
                                   NX_PACKET **packet, ULONG wait_option);
UINT nx_secure_tls_remote_certificate_allocate(NX_SECURE_TLS_SESSION *session,
                                               NX_SECURE_X509_CERT *certificate, UCHAR *buffer,
                                               UINT size);
UINT nx_secure_tls_local_certificate_add(NX_SECURE_TLS_SESSION *session,
                                         NX_SECURE_X509_CERT *certificate);
UINT nx_secure_tls_trusted_certificate_add(NX_SECURE_TLS_SESSION *session,
                                           NX_SECURE_X509_CERT *certificate);
UINT nx_secure_x509_certificate_initialize(NX_SECURE_X509_CERT *certificate, UCHAR *data,
                                           USHORT length, UCHAR *raw_data, USHORT raw_data_size,
                                           const UCHAR *private_key, USHORT private_key_length,
                                           UINT private_key_type);
UINT nx_secure_x509_dns_name_initialize(NX_SECURE_X509_DNS_NAME *name, const UCHAR *text,
                                        USHORT length);
UINT nx_secure_x509_common_name_dns_check(NX_SECURE_X509_CERT *certificate, const UCHAR *name,
                                          UINT length);

#endif
