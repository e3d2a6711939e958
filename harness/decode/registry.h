/*
 * registry.h: the names of TLS code points. Layer: decode. Pure: no I/O, no clock, no globals.
 *
 * One .def file per registry of IANA's, sorted by value, each row with the RFC that defines it.
 * Rows that IANA does not have but peers send (drafts, private use) name their source. Numbers
 * stay on the wire's width, so that unknown ones are shown as such and never dropped.
 */
#ifndef SHAKEDOWN_DECODE_REGISTRY_H
#define SHAKEDOWN_DECODE_REGISTRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum registry {
	REGISTRY_ALERT_DESCRIPTION,
	REGISTRY_ALERT_LEVEL,
	REGISTRY_AUTHORIZATION_DATA_FORMAT,
	REGISTRY_CACHED_INFORMATION_TYPE,
	REGISTRY_CERT_CHAIN_TYPE,
	REGISTRY_CERTIFICATE_COMPRESSION,
	REGISTRY_CERTIFICATE_STATUS_TYPE,
	REGISTRY_CERTIFICATE_TYPE,
	REGISTRY_CIPHER_SUITE,
	REGISTRY_CLIENT_CERTIFICATE_TYPE,
	REGISTRY_COMPRESSION_METHOD,
	REGISTRY_CONTENT_TYPE,
	REGISTRY_EC_CURVE_TYPE,
	REGISTRY_EC_POINT_FORMAT,
	REGISTRY_ECH_CLIENT_HELLO_TYPE,
	REGISTRY_EKT_CIPHER_TYPE,
	REGISTRY_EXTENSION_TYPE,
	REGISTRY_HANDSHAKE_TYPE,
	REGISTRY_HEARTBEAT_MODE,
	REGISTRY_HPKE_AEAD,
	REGISTRY_HPKE_KDF,
	REGISTRY_HPKE_KEM,
	REGISTRY_KEY_UPDATE_REQUEST,
	REGISTRY_MAX_FRAGMENT_LENGTH,
	REGISTRY_NAME_TYPE,
	REGISTRY_NAMED_GROUP,
	REGISTRY_PROTOCOL_VERSION,
	REGISTRY_PSK_KEY_EXCHANGE_MODE,
	REGISTRY_QUIC_TRANSPORT_PARAMETER,
	REGISTRY_SIGNATURE_SCHEME,
	REGISTRY_SRTP_PROTECTION_PROFILE,
	REGISTRY_SUPPLEMENTAL_DATA_TYPE,
	REGISTRY_TLS_FLAG,
	REGISTRY_TOKEN_BINDING_KEY_PARAMETER,
	REGISTRY_TRUSTED_CA_IDENTIFIER_TYPE,
	REGISTRY_USER_MAPPING_TYPE,
	REGISTRY_VERSIONED_TRANS_TYPE,
	REGISTRY_MAX,
};

/*
 * The values that code needs by name: EXTENSION_key_share, HANDSHAKE_client_hello, CONTENT_alert,
 * ALERT_decode_error.
 */
#define ROW(value, name, source) EXTENSION_##name = value,
enum extension_type {
#include "decode/registry/extension_type.def"
};
#undef ROW
#define ROW(value, name, source) HANDSHAKE_##name = value,
enum handshake_type {
#include "decode/registry/handshake_type.def"
};
#undef ROW
#define ROW(value, name, source) CONTENT_##name = value,
enum content_type {
#include "decode/registry/content_type.def"
};
#undef ROW
#define ROW(value, name, source) ALERT_##name = value,
enum alert_description {
#include "decode/registry/alert_description.def"
};
#undef ROW

enum protocol_version {
	VERSION_SSL_2_0 = 0x0002,
	VERSION_SSL_3_0 = 0x0300,
	VERSION_TLS_1_0 = 0x0301,
	VERSION_TLS_1_1 = 0x0302,
	VERSION_TLS_1_2 = 0x0303,
	VERSION_TLS_1_3 = 0x0304,
	VERSION_TLS_1_3_DRAFT_21 = 0x7f15,
};

/* Static text, or NULL if no row has the value. */
const char *registry_name(enum registry registry, uint32_t value);

/* The document that defines the value ("RFC 8446"), or NULL. */
const char *registry_source(enum registry registry, uint32_t value);

/* What one code point of this registry is called in the text tree: "Cipher Suite". Static text. */
const char *registry_title(enum registry registry);

/* Bytes of one code point on the wire (1 or 2), and whether people write it in hexadecimal. */
unsigned registry_width(enum registry registry);
bool registry_in_hex(enum registry registry);

/*
 * True for the values that clients send to keep servers tolerant (RFC 8701): 0x0a0a, 0x1a1a, ... in
 * the two-byte registries that have them, 0x0b, 0x2a, ... among the PSK key exchange modes.
 */
bool registry_is_grease(enum registry registry, uint32_t value);

/* The same for a bare two-byte value. */
bool grease16(uint32_t value);

/* Longest text that registry_label writes, with the final zero. */
#define REGISTRY_LABEL_MAX 96

/* "secp256r1", "GREASE (0x0a0a)", or "0x1234" if unknown, into `text`. Returns `text`. */
char *registry_label(enum registry registry, uint32_t value, char text[REGISTRY_LABEL_MAX]);

#endif
