#include "peer/settled.h"

#include <stdio.h>

enum { HANDSHAKE_SERVER_KEY_EXCHANGE = 12, HANDSHAKE_CERTIFICATE_VERIFY = 15 };

const char *settled_version(int version)
{
	switch (version) {
	case TLS1_VERSION:
		return "1.0";
	case TLS1_1_VERSION:
		return "1.1";
	case TLS1_2_VERSION:
		return "1.2";
	case TLS1_3_VERSION:
		return "1.3";
	default:
		return NULL;
	}
}

const char *settled_ciphersuite(SSL *ssl)
{
	const SSL_CIPHER *cipher = SSL_get_current_cipher(ssl);

	if (cipher == NULL)
		cipher = SSL_get_pending_cipher(ssl);
	return cipher != NULL ? SSL_CIPHER_standard_name(cipher) : NULL;
}

/* libssl looks for the group in the session, without looking whether there is one. */
const char *settled_group(SSL *ssl)
{
	int group = SSL_get_session(ssl) != NULL ? (int)SSL_get_negotiated_group(ssl) : 0;

	return group > 0 ? SSL_group_to_name(ssl, group) : NULL;
}

/* Passes over the parameters that are signed: RFC 8422 section 5.4, RFC 5246 section 7.4.3. */
static void skip_key_exchange_params(struct reader *body, int key_exchange)
{
	if (key_exchange == NID_kx_ecdhe) {
		reader_u8(body, "curve_type");
		reader_u16(body, "namedcurve");
		reader_vec8(body, "public");
		return;
	}
	reader_vec16(body, "dh_p");
	reader_vec16(body, "dh_g");
	reader_vec16(body, "dh_Ys");
}

static void take_scheme(struct reader *body, char algorithm[REGISTRY_LABEL_MAX])
{
	uint16_t scheme = reader_u16(body, "algorithm");

	if (reader_ok(body))
		registry_label(REGISTRY_SIGNATURE_SCHEME, scheme, algorithm);
}

static void take_key_exchange(SSL *ssl, struct reader *body, char algorithm[REGISTRY_LABEL_MAX])
{
	const SSL_CIPHER *cipher = SSL_get_pending_cipher(ssl);
	int authentication = cipher != NULL ? SSL_CIPHER_get_auth_nid(cipher) : NID_auth_null;

	if (authentication == NID_auth_null || authentication == NID_auth_psk)
		return;
	if (SSL_version(ssl) < TLS1_2_VERSION) {
		snprintf(algorithm, REGISTRY_LABEL_MAX, "%s",
		         authentication == NID_auth_ecdsa ? "ecdsa_sha1" : "rsa_pkcs1_md5_sha1");
		return;
	}
	skip_key_exchange_params(body, SSL_CIPHER_get_kx_nid(cipher));
	take_scheme(body, algorithm);
}

void settled_signature(SSL *ssl, struct bytes message, char algorithm[REGISTRY_LABEL_MAX])
{
	struct fault fault;
	struct reader reader, body;
	uint8_t type;

	reader_init(&reader, message.data, message.len, &fault);
	type = reader_u8(&reader, "msg_type");
	body = reader_vec24(&reader, "body");
	if (type == HANDSHAKE_SERVER_KEY_EXCHANGE)
		take_key_exchange(ssl, &body, algorithm);
	else if (type == HANDSHAKE_CERTIFICATE_VERIFY)
		take_scheme(&body, algorithm);
}
