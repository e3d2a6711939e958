#include "decode/lint.h"

#include "decode/extension.h"
#include "decode/hello.h"
#include "decode/suite.h"

#include <openssl/ec.h>
#include <openssl/obj_mac.h>
#include <stdlib.h>
#include <string.h>

#define RANDOM_LEN 32
#define UPTIME_MAX 100000000u /* seconds: a clock that was set says more */
#define LIST_MAX 512          /* elements of a list that are looked at */
#define SHARES_MAX 32

enum { HASH_MD5 = 1, HASH_SHA1 = 2 };
enum { SECP256R1 = 23, SECP384R1 = 24, SECP521R1 = 25, X25519 = 29, X448 = 30 };
enum { AES_128_GCM_SHA256 = 0x1301, RENEGOTIATION_SCSV = 0x00ff, FALLBACK_SCSV = 0x5600 };

struct one_extension {
	uint16_t type;
	struct bytes body;
};

struct share {
	uint16_t group;
	struct bytes key;
};

/* A ClientHello, read once for all findings. All is borrowed from the message. */
struct subject {
	struct bytes message;
	struct client_hello hello;
	struct fault fault; /* the first of the hello and its extensions */
	bool tls13;
	uint16_t min_old, max_old; /* versions up to TLS 1.2; 0: none */
	uint16_t versions[LIST_MAX], suites[LIST_MAX], groups[LIST_MAX], schemes[LIST_MAX];
	size_t n_versions, n_suites, n_groups, n_schemes;
	struct one_extension extensions[LIST_MAX];
	size_t n_extensions;
	struct share shares[SHARES_MAX];
	size_t n_shares;
};

/* --- reading ---------------------------------------------------------------------------------- */

static const struct one_extension *find(const struct subject *s, uint16_t type)
{
	for (size_t i = 0; i < s->n_extensions; i++)
		if (s->extensions[i].type == type)
			return &s->extensions[i];
	return NULL;
}

static bool has(const struct subject *s, uint16_t type)
{
	return find(s, type) != NULL;
}

/* Empty if there is no such extension. */
static struct bytes body(const struct subject *s, uint16_t type)
{
	const struct one_extension *extension = find(s, type);

	return extension != NULL ? extension->body : (struct bytes){0};
}

static size_t read_u16s(struct reader list, uint16_t *values)
{
	struct fault fault;
	struct reader own = reader_isolate(&list, &fault);
	size_t n = 0;

	while (n < LIST_MAX && reader_left(&own) >= 2)
		values[n++] = reader_u16(&own, "value");
	return n;
}

/* The list in an extension, behind a length of one or two bytes. */
static size_t read_list(const struct subject *s, uint16_t type, unsigned width, uint16_t *values)
{
	struct bytes bytes = body(s, type);
	struct reader reader;
	struct fault fault;

	reader_init(&reader, bytes.data, bytes.len, &fault);
	return read_u16s(width == 1 ? reader_vec8(&reader, "list") : reader_vec16(&reader, "list"),
	                 values);
}

static void read_extensions(struct subject *s)
{
	struct reader block = reader_isolate(&s->hello.extensions, &s->fault);
	struct extension extension;

	while (s->n_extensions < LIST_MAX && extension_next(&block, &extension))
		s->extensions[s->n_extensions++] =
			(struct one_extension){extension.type, reader_rest(&extension.body)};
}

static void read_shares(struct subject *s)
{
	struct bytes bytes = body(s, EXTENSION_key_share);
	struct reader reader, list;
	struct fault fault;

	reader_init(&reader, bytes.data, bytes.len, &fault);
	list = reader_vec16(&reader, "client_shares");
	while (s->n_shares < SHARES_MAX && reader_left(&list) > 0 && reader_ok(&list)) {
		struct share *share = &s->shares[s->n_shares];
		struct reader key;

		share->group = reader_u16(&list, "group");
		key = reader_vec16(&list, "key_exchange");
		share->key = reader_rest(&key);
		if (reader_ok(&list) && !grease16(share->group))
			s->n_shares++;
	}
}

/* Without supported_versions, legacy_version stands for all up to it. */
static void read_versions(struct subject *s)
{
	uint16_t legacy = s->hello.legacy_version;

	s->n_versions = read_list(s, EXTENSION_supported_versions, 1, s->versions);
	if (!has(s, EXTENSION_supported_versions) && s->hello.has_version) {
		s->max_old = legacy < VERSION_TLS_1_2 ? legacy : VERSION_TLS_1_2;
		s->min_old = s->max_old;
	}
	for (size_t i = 0; i < s->n_versions; i++) {
		uint16_t version = s->versions[i];

		if (version_is_tls13(version))
			s->tls13 = true;
		else if (!grease16(version) && version > s->max_old)
			s->max_old = version;
		if (version <= VERSION_TLS_1_2 && (s->min_old == 0 || version < s->min_old))
			s->min_old = version;
	}
}

static void subject_read(struct subject *s, struct bytes message)
{
	s->message = message;
	client_hello_read(&s->hello, message);
	s->fault = s->hello.fault;
	if (s->hello.extensions.data != NULL && s->fault.kind == FAULT_NONE)
		read_extensions(s);
	s->n_suites = read_u16s(s->hello.cipher_suites, s->suites);
	s->n_groups = read_list(s, EXTENSION_supported_groups, 2, s->groups);
	s->n_schemes = read_list(s, EXTENSION_signature_algorithms, 2, s->schemes);
	read_versions(s);
	read_shares(s);
}

/* --- lists ------------------------------------------------------------------------------------ */

static size_t place_of(const uint16_t *values, size_t n, uint16_t value)
{
	size_t i = 0;

	while (i < n && values[i] != value)
		i++;
	return i;
}

static size_t group_place(const struct subject *s, uint16_t group)
{
	return place_of(s->groups, s->n_groups, group);
}

static bool has_group(const struct subject *s, uint16_t group)
{
	return group_place(s, group) < s->n_groups;
}

static bool has_scheme(const struct subject *s, uint16_t scheme)
{
	return place_of(s->schemes, s->n_schemes, scheme) < s->n_schemes;
}

static bool has_scheme_between(const struct subject *s, uint16_t first, uint16_t last)
{
	for (size_t i = 0; i < s->n_schemes; i++)
		if (s->schemes[i] >= first && s->schemes[i] <= last &&
		    ((s->schemes[i] & 0xff) == (first & 0xff) || first == 0x0804))
			return true;
	return false;
}

static bool has_suite(const struct subject *s, uint16_t suite)
{
	return place_of(s->suites, s->n_suites, suite) < s->n_suites;
}

static bool has_compression(const struct subject *s, uint8_t method)
{
	const struct reader *methods = &s->hello.legacy_compression_methods;

	return methods->data != NULL && methods->len > 0 &&
	       memchr(methods->data, method, methods->len) != NULL;
}

static bool vec8_has(struct bytes vector, uint8_t value)
{
	return vector.len > 1 && memchr(vector.data + 1, value, vector.len - 1) != NULL;
}

static uint16_t u16_of(struct bytes bytes)
{
	return bytes.len == 2 ? (uint16_t)(bytes.data[0] << 8 | bytes.data[1]) : 0;
}

/* --- cipher suites ---------------------------------------------------------------------------- */

static bool any_suite(const struct subject *s, bool (*is)(uint16_t suite))
{
	for (size_t i = 0; i < s->n_suites; i++)
		if (registry_name(REGISTRY_CIPHER_SUITE, s->suites[i]) != NULL && is(s->suites[i]))
			return true;
	return false;
}

static bool named_with(uint16_t suite, const char *word)
{
	return strstr(registry_name(REGISTRY_CIPHER_SUITE, suite), word) != NULL;
}

static bool is_signal(uint16_t suite)
{
	return named_with(suite, "SCSV");
}

static bool is_old_suite(uint16_t suite)
{
	return named_with(suite, "_WITH_");
}

static bool is_tls13_suite(uint16_t suite)
{
	return !is_old_suite(suite) && !is_signal(suite);
}

static bool is_signed(uint16_t suite)
{
	return suite_exchange(suite).is_signed;
}

static bool is_ecdhe(uint16_t suite)
{
	return named_with(suite, "TLS_ECDHE_");
}

static bool is_forward_secret(uint16_t suite)
{
	return named_with(suite, "TLS_ECDHE_") || named_with(suite, "TLS_DHE_");
}

static bool is_cbc(uint16_t suite)
{
	return named_with(suite, "_CBC_");
}

static bool is_ccm8(uint16_t suite)
{
	return named_with(suite, "_CCM_8");
}

static bool is_aead(uint16_t suite)
{
	return is_tls13_suite(suite) || named_with(suite, "_GCM_") || named_with(suite, "_CCM") ||
	       named_with(suite, "_POLY1305_");
}

static bool is_weak(uint16_t suite)
{
	static const char *const words[] = {"_NULL_", "_EXPORT_", "_RC4_", "_DES_", "_DES40_",
	                                    "_3DES_", "_RC2_",    "_anon_"};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (named_with(suite, words[i]))
			return is_old_suite(suite);
	return false;
}

/* --- random and keys -------------------------------------------------------------------------- */

static size_t n_different(struct bytes bytes)
{
	bool seen[256] = {false};
	size_t n = 0;

	for (size_t i = 0; i < bytes.len; i++) {
		n += !seen[bytes.data[i]];
		seen[bytes.data[i]] = true;
	}
	return n;
}

/* What was a time until TLS 1.2 (RFC 5246 section 7.4.1.2); UINT32_MAX if there is no random. */
static uint32_t random_start(const struct subject *s)
{
	struct reader reader;
	struct fault fault;

	if (s->hello.random.len != RANDOM_LEN)
		return UINT32_MAX;
	reader_init(&reader, s->hello.random.data, s->hello.random.len, &fault);
	return reader_u32(&reader, "random");
}

static const struct group_form {
	uint16_t group;
	size_t len; /* bytes of a share */
	int curve;  /* libcrypto's number; 0: no point with two coordinates */
} forms[] = {
	{SECP256R1, 65, NID_X9_62_prime256v1}, {SECP384R1, 97, NID_secp384r1},
	{SECP521R1, 133, NID_secp521r1},       {X25519, 32, 0},
	{X448, 56, 0},
};

static const struct group_form *form_of(const struct share *share)
{
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++)
		if (forms[i].group == share->group)
			return &forms[i];
	return NULL;
}

/* True also for groups that are not known here. */
static bool share_has_form(const struct share *share)
{
	const struct group_form *form = form_of(share);

	return form == NULL || (share->key.len == form->len &&
	                        (form->curve == 0 || share->key.data[0] == 4 /* uncompressed */));
}

static bool is_on_curve(int curve, struct bytes point)
{
	EC_GROUP *group = EC_GROUP_new_by_curve_name(curve);
	EC_POINT *decoded = group != NULL ? EC_POINT_new(group) : NULL;
	bool on_curve = decoded == NULL ||
	                EC_POINT_oct2point(group, decoded, point.data, point.len, NULL) == 1;

	EC_POINT_free(decoded);
	EC_GROUP_free(group);
	return on_curve;
}

/* Of a share that has its form. RFC 7748 section 6 forbids what makes an all-zero secret. */
static bool share_is_key(const struct share *share)
{
	const struct group_form *form = form_of(share);

	if (form == NULL)
		return true;
	if (form->curve != 0)
		return is_on_curve(form->curve, share->key);
	return n_different(share->key) > 1 || share->key.data[0] != 0;
}

/* As many binders as identities, and none shorter than a hash (RFC 8446 section 4.2.11). */
static bool psk_fits(const struct subject *s)
{
	struct bytes bytes = body(s, EXTENSION_pre_shared_key);
	struct reader reader, identities, binders;
	struct fault fault;
	size_t n = 0;

	reader_init(&reader, bytes.data, bytes.len, &fault);
	identities = reader_vec16(&reader, "identities");
	binders = reader_vec16(&reader, "binders");
	for (; reader_left(&identities) > 0 && reader_ok(&identities); n++) {
		reader_vec16(&identities, "identity");
		reader_u32(&identities, "obfuscated_ticket_age");
	}
	for (; n > 0 && reader_left(&binders) > 0 && reader_ok(&binders); n--) {
		struct reader binder = reader_vec8(&binders, "binder");

		if (binder.len < 32)
			return false;
	}
	return n == 0 && reader_left(&binders) == 0 && fault.kind == FAULT_NONE;
}

/* --- names ------------------------------------------------------------------------------------ */

/* The first name in server_name; empty if there is none (RFC 6066 section 3). */
static struct bytes host_name(const struct subject *s)
{
	struct bytes bytes = body(s, EXTENSION_server_name);
	struct reader reader, list, name;
	struct fault fault;

	reader_init(&reader, bytes.data, bytes.len, &fault);
	list = reader_vec16(&reader, "server_name_list");
	reader_u8(&list, "name_type");
	name = reader_vec16(&list, "host_name");
	return reader_ok(&list) ? reader_rest(&name) : (struct bytes){0};
}

static bool is_address(struct bytes name)
{
	bool digits_and_dots = name.len > 0;

	for (size_t i = 0; i < name.len; i++) {
		if (name.data[i] == ':')
			return true;
		digits_and_dots = digits_and_dots && strchr("0123456789.", name.data[i]) != NULL &&
		                  name.data[i] != '\0';
	}
	return digits_and_dots;
}

static bool has_bad_bytes(struct bytes name)
{
	for (size_t i = 0; i < name.len; i++)
		if (name.data[i] <= ' ' || name.data[i] > '~')
			return true;
	return name.len > 0 && name.data[name.len - 1] == '.';
}

static bool alpn_has_names(const struct subject *s)
{
	struct bytes bytes = body(s, EXTENSION_application_layer_protocol_negotiation);
	struct reader reader, list;
	struct fault fault;
	size_t n = 0;

	reader_init(&reader, bytes.data, bytes.len, &fault);
	list = reader_vec16(&reader, "protocol_name_list");
	for (; reader_left(&list) > 0 && reader_ok(&list); n++)
		if (reader_vec8(&list, "protocol_name").len == 0)
			return false;
	return n > 0;
}

/* --- the findings, in the order of lint.def --------------------------------------------------- */

static bool fails_to_end(const struct subject *s)
{
	return s->fault.kind != FAULT_NONE;
}

static bool has_odd_suites(const struct subject *s)
{
	return s->hello.cipher_suites.data != NULL &&
	       (s->hello.cipher_suites.len == 0 || s->hello.cipher_suites.len % 2 != 0);
}

static bool has_long_session_id(const struct subject *s)
{
	return s->hello.legacy_session_id.len > 32;
}

static bool has_no_extensions(const struct subject *s)
{
	return s->hello.has_version && s->hello.extensions.data == NULL;
}

static bool repeats_extension(const struct subject *s)
{
	for (size_t i = 0; i < s->n_extensions; i++)
		if (find(s, s->extensions[i].type) != &s->extensions[i])
			return true;
	return false;
}

static bool is_large(const struct subject *s)
{
	return s->message.len > 1400;
}

static bool lacks_null_compression(const struct subject *s)
{
	return s->hello.legacy_compression_methods.data != NULL && !has_compression(s, 0);
}

static bool compresses_in_13(const struct subject *s)
{
	return s->tls13 && s->hello.legacy_compression_methods.len > 1;
}

static bool compresses(const struct subject *s)
{
	return has_compression(s, 1);
}

static bool random_is_no_random(const struct subject *s)
{
	return s->hello.random.len == RANDOM_LEN && n_different(s->hello.random) < 8;
}

static bool random_begins_with_zero(const struct subject *s)
{
	return random_start(s) == 0;
}

static bool random_begins_with_uptime(const struct subject *s)
{
	return random_start(s) > 0 && random_start(s) < UPTIME_MAX;
}

static bool legacy_version_is_new(const struct subject *s)
{
	return s->tls13 && s->hello.legacy_version != VERSION_TLS_1_2;
}

static bool offers_13_alone(const struct subject *s)
{
	return s->tls13 && s->max_old == 0;
}

static bool versions_rise(const struct subject *s)
{
	for (size_t i = 1; i < s->n_versions; i++)
		if (!grease16(s->versions[i]) && !grease16(s->versions[i - 1]) &&
		    s->versions[i] > s->versions[i - 1])
			return true;
	return false;
}

static bool offers_old_version(const struct subject *s)
{
	return s->min_old != 0 && s->min_old < VERSION_TLS_1_2;
}

static bool versions_lack_suites(const struct subject *s)
{
	return s->n_suites > 0 && s->tls13 != any_suite(s, is_tls13_suite);
}

static bool lacks_schemes_in_13(const struct subject *s)
{
	return s->tls13 && !has(s, EXTENSION_signature_algorithms) &&
	       !has(s, EXTENSION_pre_shared_key);
}

static bool lacks_groups_in_13(const struct subject *s)
{
	return s->tls13 && has(s, EXTENSION_key_share) && !has(s, EXTENSION_supported_groups);
}

static bool lacks_key_share(const struct subject *s)
{
	return s->tls13 && has(s, EXTENSION_supported_groups) && !has(s, EXTENSION_key_share);
}

static bool share_is_outside(const struct subject *s)
{
	for (size_t i = 0; i < s->n_shares; i++)
		if (!has_group(s, s->shares[i].group))
			return has(s, EXTENSION_supported_groups);
	return false;
}

static bool repeats_share(const struct subject *s)
{
	for (size_t i = 1; i < s->n_shares; i++)
		for (size_t k = 0; k < i; k++)
			if (s->shares[i].group == s->shares[k].group)
				return true;
	return false;
}

static bool shares_are_in_disorder(const struct subject *s)
{
	for (size_t i = 1; i < s->n_shares; i++)
		if (group_place(s, s->shares[i].group) < group_place(s, s->shares[i - 1].group))
			return true;
	return false;
}

static bool share_has_wrong_length(const struct subject *s)
{
	for (size_t i = 0; i < s->n_shares; i++)
		if (!share_has_form(&s->shares[i]))
			return true;
	return false;
}

static bool share_is_no_key(const struct subject *s)
{
	for (size_t i = 0; i < s->n_shares; i++)
		if (share_has_form(&s->shares[i]) && !share_is_key(&s->shares[i]))
			return true;
	return false;
}

static bool sends_no_share(const struct subject *s)
{
	return s->tls13 && has(s, EXTENSION_key_share) && s->n_shares == 0;
}

static bool psk_is_not_last(const struct subject *s)
{
	return has(s, EXTENSION_pre_shared_key) &&
	       s->extensions[s->n_extensions - 1].type != EXTENSION_pre_shared_key;
}

static bool psk_has_no_modes(const struct subject *s)
{
	return has(s, EXTENSION_pre_shared_key) && !has(s, EXTENSION_psk_key_exchange_modes);
}

static bool binders_do_not_fit(const struct subject *s)
{
	return has(s, EXTENSION_pre_shared_key) && !psk_fits(s);
}

static bool early_data_has_no_psk(const struct subject *s)
{
	return has(s, EXTENSION_early_data) && !has(s, EXTENSION_pre_shared_key);
}

static bool lacks_pss(const struct subject *s)
{
	return s->tls13 && has_scheme_between(s, 0x0401, 0x0601) &&
	       !has_scheme_between(s, 0x0804, 0x0806);
}

static bool lacks_mandatory_schemes(const struct subject *s)
{
	return s->tls13 && has(s, EXTENSION_signature_algorithms) &&
	       !(has_scheme(s, 0x0401) && has_scheme(s, 0x0804) && has_scheme(s, 0x0403));
}

static bool lacks_pkcs1(const struct subject *s)
{
	return s->max_old >= VERSION_TLS_1_2 && has_scheme_between(s, 0x0804, 0x0806) &&
	       !has_scheme(s, 0x0401) && !has_scheme(s, 0x0501) && !has_scheme(s, 0x0601);
}

static bool takes_weak_signatures(const struct subject *s)
{
	for (size_t i = 0; i < s->n_schemes; i++)
		if (s->schemes[i] >> 8 == HASH_MD5 || s->schemes[i] >> 8 == HASH_SHA1)
			return true;
	return false;
}

static bool lacks_schemes_in_12(const struct subject *s)
{
	return !s->tls13 && s->max_old == VERSION_TLS_1_2 &&
	       !has(s, EXTENSION_signature_algorithms) && any_suite(s, is_signed);
}

static bool has_schemes_for_certificates_alone(const struct subject *s)
{
	return has(s, EXTENSION_signature_algorithms_cert) &&
	       !has(s, EXTENSION_signature_algorithms);
}

static bool schemes_and_curves_differ(const struct subject *s)
{
	return s->max_old >= VERSION_TLS_1_2 && has(s, EXTENSION_supported_groups) &&
	       ((has_scheme(s, 0x0403) && !has_group(s, SECP256R1)) ||
	        (has_scheme(s, 0x0503) && !has_group(s, SECP384R1)) ||
	        (has_scheme(s, 0x0603) && !has_group(s, SECP521R1)));
}

static bool lacks_groups(const struct subject *s)
{
	return !s->tls13 && any_suite(s, is_ecdhe) && !has(s, EXTENSION_supported_groups);
}

static bool lacks_p256(const struct subject *s)
{
	return has(s, EXTENSION_supported_groups) && !has_group(s, SECP256R1);
}

static bool offers_weak_groups(const struct subject *s)
{
	for (size_t i = 0; i < s->n_groups; i++)
		if ((s->groups[i] >= 1 && s->groups[i] <= 20) || s->groups[i] >> 8 == 0xff)
			return true;
	return false;
}

static bool lacks_uncompressed(const struct subject *s)
{
	return has(s, EXTENSION_ec_point_formats) &&
	       !vec8_has(body(s, EXTENSION_ec_point_formats), 0);
}

static bool lacks_point_formats(const struct subject *s)
{
	return s->max_old != 0 && any_suite(s, is_ecdhe) && !has(s, EXTENSION_ec_point_formats);
}

static bool lacks_extended_master_secret(const struct subject *s)
{
	return s->max_old != 0 && !has(s, EXTENSION_extended_master_secret);
}

static bool lacks_renegotiation_info(const struct subject *s)
{
	return s->max_old != 0 && !has(s, EXTENSION_renegotiation_info) &&
	       !has_suite(s, RENEGOTIATION_SCSV);
}

/* The one byte that the extension's body is; -1 if it is longer, or empty. */
static int only_byte(const struct subject *s, uint16_t type)
{
	struct bytes bytes = body(s, type);

	return bytes.len == 1 ? bytes_u8(bytes, 0) : -1;
}

static bool renegotiates(const struct subject *s)
{
	return has(s, EXTENSION_renegotiation_info) &&
	       only_byte(s, EXTENSION_renegotiation_info) != 0;
}

static bool lacks_encrypt_then_mac(const struct subject *s)
{
	return any_suite(s, is_cbc) && !has(s, EXTENSION_encrypt_then_mac);
}

static bool lacks_forward_secrecy(const struct subject *s)
{
	return any_suite(s, is_old_suite) && !any_suite(s, is_forward_secret);
}

static bool offers_weak_suites(const struct subject *s)
{
	return any_suite(s, is_weak);
}

static bool offers_ccm8(const struct subject *s)
{
	return any_suite(s, is_ccm8);
}

static bool lacks_aead(const struct subject *s)
{
	return s->n_suites > 0 && !any_suite(s, is_aead);
}

static bool lacks_mandatory_suite(const struct subject *s)
{
	return s->tls13 && !has_suite(s, AES_128_GCM_SHA256);
}

static bool falls_back(const struct subject *s)
{
	return has_suite(s, FALLBACK_SCSV);
}

static bool lacks_name(const struct subject *s)
{
	return host_name(s).len == 0;
}

static bool name_is_address(const struct subject *s)
{
	return is_address(host_name(s));
}

static bool name_has_bad_bytes(const struct subject *s)
{
	return has_bad_bytes(host_name(s));
}

static bool protocols_are_empty(const struct subject *s)
{
	return has(s, EXTENSION_application_layer_protocol_negotiation) && !alpn_has_names(s);
}

static bool fragment_length_is_unknown(const struct subject *s)
{
	int code = only_byte(s, EXTENSION_max_fragment_length);

	return has(s, EXTENSION_max_fragment_length) && (code < 1 || code > 4);
}

static bool limits_fragments_in_13(const struct subject *s)
{
	return s->tls13 && has(s, EXTENSION_max_fragment_length);
}

static bool limits_twice(const struct subject *s)
{
	return has(s, EXTENSION_max_fragment_length) && has(s, EXTENSION_record_size_limit);
}

static bool limit_is_small(const struct subject *s)
{
	return has(s, EXTENSION_record_size_limit) &&
	       u16_of(body(s, EXTENSION_record_size_limit)) < 64;
}

static bool has_no_session_id(const struct subject *s)
{
	return s->tls13 && s->hello.legacy_session_id.data != NULL &&
	       s->hello.legacy_session_id.len == 0;
}

static bool has_heartbeat(const struct subject *s)
{
	return has(s, EXTENSION_heartbeat);
}

static bool has_ticket_extension(const struct subject *s)
{
	return s->tls13 && s->max_old == 0 && has(s, EXTENSION_session_ticket);
}

static bool offers_post_handshake_auth(const struct subject *s)
{
	return has(s, EXTENSION_post_handshake_auth);
}

static bool has_grease(const struct subject *s)
{
	for (size_t i = 0; i < s->n_suites; i++)
		if (grease16(s->suites[i]))
			return true;
	for (size_t i = 0; i < s->n_extensions; i++)
		if (grease16(s->extensions[i].type))
			return true;
	return false;
}

enum severity { ERROR, WARNING, NOTE };

static const struct finding {
	bool (*is_so)(const struct subject *s);
	const char *id;
	enum severity severity;
	const char *rfc, *text;
} findings[] = {
#define LINT(is_so, id, severity, rfc, text) {is_so, id, severity, rfc, text},
#include "decode/lint.def"
#undef LINT
};

static void tell_finding(struct emit *emit, const struct finding *finding)
{
	static const char *const names[] = {
		[ERROR] = "error", [WARNING] = "warning", [NOTE] = "note"};

	emit_item(emit, "%s", finding->id);
	emit_text(emit, "id", finding->id);
	emit_text(emit, "severity", names[finding->severity]);
	emit_text(emit, "rfc", finding->rfc);
	emit_text(emit, "text", finding->text);
	emit_close(emit);
}

void lint_tell(struct emit *emit, struct bytes message)
{
	struct subject *s = message.len > 0 ? calloc(1, sizeof(*s)) : NULL;

	emit_list(emit, "lint");
	if (s != NULL) {
		subject_read(s, message);
		for (size_t i = 0; i < sizeof(findings) / sizeof(findings[0]); i++)
			if (findings[i].is_so(s))
				tell_finding(emit, &findings[i]);
	}
	emit_close(emit);
	free(s);
}
