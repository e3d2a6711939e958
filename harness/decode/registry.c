#include "decode/registry.h"

#include "base/assert.h"

#include <stdio.h>
#include <string.h>

struct row {
	uint32_t value;
	const char *name;
	const char *source;
};

#define ROW(value, name, source) {value, #name, source},
static const struct row alert_description[] = {
#include "decode/registry/alert_description.def"
};
static const struct row alert_level[] = {
#include "decode/registry/alert_level.def"
};
static const struct row authorization_data_format[] = {
#include "decode/registry/authorization_data_format.def"
};
static const struct row cached_information_type[] = {
#include "decode/registry/cached_information_type.def"
};
static const struct row cert_chain_type[] = {
#include "decode/registry/cert_chain_type.def"
};
static const struct row certificate_compression[] = {
#include "decode/registry/certificate_compression.def"
};
static const struct row certificate_status_type[] = {
#include "decode/registry/certificate_status_type.def"
};
static const struct row certificate_type[] = {
#include "decode/registry/certificate_type.def"
};
static const struct row cipher_suite[] = {
#include "decode/registry/cipher_suite.def"
};
static const struct row client_certificate_type[] = {
#include "decode/registry/client_certificate_type.def"
};
static const struct row compression_method[] = {
#include "decode/registry/compression_method.def"
};
static const struct row content_type[] = {
#include "decode/registry/content_type.def"
};
static const struct row ec_curve_type[] = {
#include "decode/registry/ec_curve_type.def"
};
static const struct row ec_point_format[] = {
#include "decode/registry/ec_point_format.def"
};
static const struct row ech_client_hello_type[] = {
#include "decode/registry/ech_client_hello_type.def"
};
static const struct row ekt_cipher_type[] = {
#include "decode/registry/ekt_cipher_type.def"
};
static const struct row extension_type[] = {
#include "decode/registry/extension_type.def"
};
static const struct row handshake_type[] = {
#include "decode/registry/handshake_type.def"
};
static const struct row heartbeat_mode[] = {
#include "decode/registry/heartbeat_mode.def"
};
static const struct row hpke_aead[] = {
#include "decode/registry/hpke_aead.def"
};
static const struct row hpke_kdf[] = {
#include "decode/registry/hpke_kdf.def"
};
static const struct row hpke_kem[] = {
#include "decode/registry/hpke_kem.def"
};
static const struct row key_update_request[] = {
#include "decode/registry/key_update_request.def"
};
static const struct row max_fragment_length[] = {
#include "decode/registry/max_fragment_length.def"
};
static const struct row name_type[] = {
#include "decode/registry/name_type.def"
};
static const struct row named_group[] = {
#include "decode/registry/named_group.def"
};
static const struct row protocol_version[] = {
#include "decode/registry/protocol_version.def"
};
static const struct row psk_key_exchange_mode[] = {
#include "decode/registry/psk_key_exchange_mode.def"
};
static const struct row quic_transport_parameter[] = {
#include "decode/registry/quic_transport_parameter.def"
};
static const struct row signature_scheme[] = {
#include "decode/registry/signature_scheme.def"
};
static const struct row srtp_protection_profile[] = {
#include "decode/registry/srtp_protection_profile.def"
};
static const struct row supplemental_data_type[] = {
#include "decode/registry/supplemental_data_type.def"
};
static const struct row tls_flag[] = {
#include "decode/registry/tls_flag.def"
};
static const struct row token_binding_key_parameter[] = {
#include "decode/registry/token_binding_key_parameter.def"
};
static const struct row trusted_ca_identifier_type[] = {
#include "decode/registry/trusted_ca_identifier_type.def"
};
static const struct row user_mapping_type[] = {
#include "decode/registry/user_mapping_type.def"
};
static const struct row versioned_trans_type[] = {
#include "decode/registry/versioned_trans_type.def"
};
#undef ROW

struct table {
	const struct row *rows;
	size_t n_rows;
	const char *title;
	unsigned width; /* bytes on the wire */
	bool hex;       /* people write its values in hexadecimal */
	bool grease;    /* clients send RFC 8701's values here */
};

#define ROWS(array) .rows = (array), .n_rows = sizeof(array) / sizeof((array)[0])

static const struct table tables[REGISTRY_MAX] = {
	[REGISTRY_ALERT_DESCRIPTION] = {ROWS(alert_description), "Description", 1},
	[REGISTRY_ALERT_LEVEL] = {ROWS(alert_level), "Level", 1},
	[REGISTRY_AUTHORIZATION_DATA_FORMAT] = {ROWS(authorization_data_format),
		"Authorization Data Format", 1},
	[REGISTRY_CACHED_INFORMATION_TYPE] = {ROWS(cached_information_type),
		"Cached Information Type", 1},
	[REGISTRY_CERTIFICATE_COMPRESSION] = {ROWS(certificate_compression), "Algorithm", 2},
	[REGISTRY_CERTIFICATE_STATUS_TYPE] = {ROWS(certificate_status_type), "Status Type", 1},
	[REGISTRY_CERTIFICATE_TYPE] = {ROWS(certificate_type), "Certificate Type", 1},
	[REGISTRY_CERT_CHAIN_TYPE] = {ROWS(cert_chain_type), "Chain Type", 1},
	[REGISTRY_CIPHER_SUITE] = {ROWS(cipher_suite), "Cipher Suite", 2, .hex = true,
                                   .grease = true},
	[REGISTRY_CLIENT_CERTIFICATE_TYPE] = {ROWS(client_certificate_type), "Certificate Type", 1},
	[REGISTRY_COMPRESSION_METHOD] = {ROWS(compression_method), "Compression Method", 1},
	[REGISTRY_CONTENT_TYPE] = {ROWS(content_type), "Content Type", 1},
	[REGISTRY_ECH_CLIENT_HELLO_TYPE] = {ROWS(ech_client_hello_type), "ECH Type", 1},
	[REGISTRY_EC_CURVE_TYPE] = {ROWS(ec_curve_type), "Curve Type", 1},
	[REGISTRY_EC_POINT_FORMAT] = {ROWS(ec_point_format), "EC Point Format", 1},
	[REGISTRY_EKT_CIPHER_TYPE] = {ROWS(ekt_cipher_type), "EKT Cipher Type", 1},
	[REGISTRY_EXTENSION_TYPE] = {ROWS(extension_type), "Type", 2, .grease = true},
	[REGISTRY_HANDSHAKE_TYPE] = {ROWS(handshake_type), "Handshake Type", 1},
	[REGISTRY_HEARTBEAT_MODE] = {ROWS(heartbeat_mode), "Mode", 1},
	[REGISTRY_HPKE_AEAD] = {ROWS(hpke_aead), "AEAD", 2, .hex = true},
	[REGISTRY_HPKE_KDF] = {ROWS(hpke_kdf), "KDF", 2, .hex = true},
	[REGISTRY_HPKE_KEM] = {ROWS(hpke_kem), "KEM", 2, .hex = true},
	[REGISTRY_KEY_UPDATE_REQUEST] = {ROWS(key_update_request), "Key Update Request", 1},
	[REGISTRY_MAX_FRAGMENT_LENGTH] = {ROWS(max_fragment_length), "Maximum Fragment Length", 1},
	[REGISTRY_NAME_TYPE] = {ROWS(name_type), "Server Name Type", 1},
	[REGISTRY_NAMED_GROUP] = {ROWS(named_group), "Supported Group", 2, .hex = true,
                                  .grease = true},
	[REGISTRY_PROTOCOL_VERSION] = {ROWS(protocol_version), "Supported Version", 2, .hex = true,
                                       .grease = true},
	[REGISTRY_PSK_KEY_EXCHANGE_MODE] = {ROWS(psk_key_exchange_mode), "PSK Key Exchange Mode", 1,
                                            .grease = true},
	[REGISTRY_QUIC_TRANSPORT_PARAMETER] = {ROWS(quic_transport_parameter),
		"QUIC Transport Parameter", 2, .hex = true},
	[REGISTRY_SIGNATURE_SCHEME] = {ROWS(signature_scheme), "Signature Algorithm", 2,
                                       .hex = true, .grease = true},
	[REGISTRY_SRTP_PROTECTION_PROFILE] = {ROWS(srtp_protection_profile),
                                              "SRTP Protection Profile", 2, .hex = true},
	[REGISTRY_SUPPLEMENTAL_DATA_TYPE] = {ROWS(supplemental_data_type),
		"Supplemental Data Type", 2},
	[REGISTRY_TLS_FLAG] = {ROWS(tls_flag), "Flag", 1},
	[REGISTRY_TOKEN_BINDING_KEY_PARAMETER] = {ROWS(token_binding_key_parameter),
                                                  "Key Parameter", 1},
	[REGISTRY_TRUSTED_CA_IDENTIFIER_TYPE] = {ROWS(trusted_ca_identifier_type),
                                                 "Identifier Type", 1},
	[REGISTRY_USER_MAPPING_TYPE] = {ROWS(user_mapping_type), "User Mapping Type", 1},
	[REGISTRY_VERSIONED_TRANS_TYPE] = {ROWS(versioned_trans_type),
		"Versioned Type", 2, .hex = true},
};

static const struct table *table_of(enum registry registry)
{
	CHECK(registry < REGISTRY_MAX);
	return &tables[registry];
}

/* The row of `value`, or NULL: the rows are sorted. */
static const struct row *find(enum registry registry, uint32_t value)
{
	const struct table *table = table_of(registry);
	size_t low = 0;
	size_t high = table->n_rows;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (table->rows[middle].value < value)
			low = middle + 1;
		else
			high = middle;
	}
	return low < table->n_rows && table->rows[low].value == value ? &table->rows[low] : NULL;
}

const char *registry_name(enum registry registry, uint32_t value)
{
	const struct row *row = find(registry, value);

	return row != NULL ? row->name : NULL;
}

const char *registry_source(enum registry registry, uint32_t value)
{
	const struct row *row = find(registry, value);

	return row != NULL ? row->source : NULL;
}

const char *registry_title(enum registry registry)
{
	return table_of(registry)->title;
}

unsigned registry_width(enum registry registry)
{
	return table_of(registry)->width;
}

bool registry_in_hex(enum registry registry)
{
	return table_of(registry)->hex;
}

bool grease16(uint32_t value)
{
	return (value & 0x0f0f) == 0x0a0a && value >> 8 == (value & 0xff);
}

/* RFC 8701 section 2: 0x0b, 0x2a, 0x49, ... 0xe4. */
static bool grease8(uint32_t value)
{
	return value >= 0x0b && value <= 0xe4 && (value - 0x0b) % 0x1f == 0;
}

bool registry_is_grease(enum registry registry, uint32_t value)
{
	const struct table *table = table_of(registry);

	return table->grease && (table->width == 2 ? grease16(value) : grease8(value));
}

char *registry_label(enum registry registry, uint32_t value, char text[REGISTRY_LABEL_MAX])
{
	const struct row *row = find(registry, value);
	size_t len = row != NULL ? strlen(row->name) : 0;
	int digits = (int)registry_width(registry) * 2;

	CHECK(len < REGISTRY_LABEL_MAX);
	if (row != NULL)
		memcpy(text, row->name, len + 1);
	else if (registry_is_grease(registry, value))
		snprintf(text, REGISTRY_LABEL_MAX, "GREASE (0x%0*x)", digits, value);
	else
		snprintf(text, REGISTRY_LABEL_MAX, "0x%0*x", digits, value);
	return text;
}
