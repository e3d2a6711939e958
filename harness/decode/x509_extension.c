#include "decode/x509_extension.h"

#include "decode/der.h"
#include "decode/sct.h"

#include <string.h>

/* Writes the fields of one extension; `value` is the content of extnValue. */
typedef void show_x509_extension(struct emit *emit, struct reader *value);

/* Writes one element of a container. */
typedef void show_element(struct emit *emit, struct reader *elements);

/* A list `key` of what a SEQUENCE, whose content `list` is, holds. */
static void show_each(struct emit *emit, const char *key, const char *field, struct reader *list,
                      show_element *show)
{
	struct fault own;
	struct reader elements = reader_isolate(list, &own);

	emit_list(emit, key);
	while (reader_left(&elements) > 0)
		show(emit, &elements);
	emit_close(emit);
	tell_end(list, &elements, field);
	list->pos = list->len;
}

static void show_sequence_of(struct emit *emit, const char *key, const char *field,
                             struct reader *value, show_element *show)
{
	struct reader list = der_take(value, DER_SEQUENCE, field);

	show_each(emit, key, field, &list, show);
}

/* The names of the bits that are set; a bit without a name shows its number. */
static void show_bits(struct emit *emit, const char *key, struct reader *value, uint8_t tag,
                      const char *const *names, size_t n_names)
{
	unsigned n_unused;
	struct bytes bits = der_bits(value, tag, key, &n_unused);
	size_t n = bits.len * 8;

	emit_list(emit, key);
	for (size_t i = 0; i + n_unused < n; i++) {
		if ((bits.data[i / 8] & 0x80 >> i % 8) == 0)
			continue;
		if (i < n_names)
			emit_text(emit, NULL, names[i]);
		else
			emit_printf(emit, NULL, "%zu", i);
	}
	emit_close(emit);
}

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void show_key_usage(struct emit *emit, struct reader *value)
{
	static const char *const names[] = {
		"digitalSignature", "nonRepudiation", "keyEncipherment",
		"dataEncipherment", "keyAgreement",   "keyCertSign",
		"cRLSign",          "encipherOnly",   "decipherOnly",
	};

	show_bits(emit, "key_usage", value, DER_BIT_STRING, names, COUNT(names));
}

static void show_netscape_type(struct emit *emit, struct reader *value)
{
	static const char *const names[] = {"sslClient", "sslServer", "email",   "objectSigning",
	                                    "reserved",  "sslCA",     "emailCA", "objectSigningCA"};

	show_bits(emit, "certificate_types", value, DER_BIT_STRING, names, COUNT(names));
}

static void show_oid(struct emit *emit, struct reader *elements)
{
	der_tell_oid(emit, NULL, elements, "identifier");
}

static void show_ext_key_usage(struct emit *emit, struct reader *value)
{
	show_sequence_of(emit, "key_purposes", "extKeyUsage", value, show_oid);
}

static void show_basic_constraints(struct emit *emit, struct reader *value)
{
	struct reader constraints = der_take(value, DER_SEQUENCE, "basicConstraints");
	struct reader flag;
	bool is_ca = der_option(&constraints, DER_BOOLEAN, "cA", &flag) &&
	             reader_u8(&flag, "cA") != 0;

	emit_bool(emit, "ca", is_ca);
	if (der_peek(&constraints) == DER_INTEGER) {
		uint32_t n = der_number(&constraints, DER_INTEGER, "pathLenConstraint");

		if (reader_ok(&constraints))
			emit_uint(emit, "path_len_constraint", n);
	}
	reader_end(&constraints, "basicConstraints");
}

static void show_key_identifier(struct emit *emit, struct reader *value)
{
	struct reader identifier = der_take(value, DER_OCTET_STRING, "keyIdentifier");

	emit_hex(emit, "key_identifier", reader_rest(&identifier));
}

static void show_authority_key(struct emit *emit, struct reader *value)
{
	struct reader authority = der_take(value, DER_SEQUENCE, "authorityKeyIdentifier");
	struct reader field;

	if (der_option(&authority, DER_IMPLICIT(0), "keyIdentifier", &field))
		emit_hex(emit, "key_identifier", reader_rest(&field));
	if (der_option(&authority, DER_EXPLICIT(1), "authorityCertIssuer", &field))
		der_tell_general_names(emit, "authority_cert_issuer", &field);
	if (der_peek(&authority) == DER_IMPLICIT(2))
		der_tell_integer(emit, "authority_cert_serial_number", &authority, DER_IMPLICIT(2),
		                 "authorityCertSerialNumber");
	reader_end(&authority, "authorityKeyIdentifier");
}

static void show_names(struct emit *emit, struct reader *value)
{
	struct reader names = der_take(value, DER_SEQUENCE, "GeneralNames");

	der_tell_general_names(emit, "names", &names);
}

/* The names are told with the certificate. */
static void show_subject_names(struct emit *emit, struct reader *value)
{
	(void)emit;
	der_take(value, DER_SEQUENCE, "subjectAltName");
}

/* GeneralSubtree; minimum and maximum are not used (RFC 5280 section 4.2.1.10). */
static void show_subtree(struct emit *emit, struct reader *subtrees)
{
	struct reader subtree = der_take(subtrees, DER_SEQUENCE, "GeneralSubtree");

	der_tell_general_name(emit, NULL, &subtree);
}

static void show_name_constraints(struct emit *emit, struct reader *value)
{
	struct reader constraints = der_take(value, DER_SEQUENCE, "nameConstraints");
	struct reader subtrees;

	if (der_option(&constraints, DER_EXPLICIT(0), "permittedSubtrees", &subtrees))
		show_each(emit, "permitted_subtrees", "permittedSubtrees", &subtrees, show_subtree);
	if (der_option(&constraints, DER_EXPLICIT(1), "excludedSubtrees", &subtrees))
		show_each(emit, "excluded_subtrees", "excludedSubtrees", &subtrees, show_subtree);
	reader_end(&constraints, "nameConstraints");
}

/* PolicyQualifierInfo: the URI of a statement; a notice for users as its bytes. */
static void show_qualifier(struct emit *emit, struct reader *qualifiers)
{
	struct reader info = der_take(qualifiers, DER_SEQUENCE, "PolicyQualifierInfo");
	char text[OID_TEXT_MAX];
	const char *type = der_oid(&info, "policyQualifierId", text);
	struct bytes whole = reader_rest(&info);
	struct reader qualifier;
	uint8_t tag;

	qualifier = der_next(&info, &tag, "qualifier");
	if (strcmp(type, "cps") == 0)
		emit_string(emit, NULL, reader_rest(&qualifier));
	else
		emit_hex(emit, NULL, whole);
}

static void show_policy(struct emit *emit, struct reader *policies)
{
	struct reader policy = der_take(policies, DER_SEQUENCE, "PolicyInformation");
	struct reader qualifiers;

	emit_item(emit, "Policy");
	der_tell_oid(emit, "policy_identifier", &policy, "policyIdentifier");
	if (der_option(&policy, DER_SEQUENCE, "policyQualifiers", &qualifiers))
		show_each(emit, "policy_qualifiers", "policyQualifiers", &qualifiers,
		          show_qualifier);
	emit_close(emit);
	reader_end(&policy, "PolicyInformation");
}

static void show_policies(struct emit *emit, struct reader *value)
{
	show_sequence_of(emit, "policies", "certificatePolicies", value, show_policy);
}

static void show_mapping(struct emit *emit, struct reader *mappings)
{
	struct reader mapping = der_take(mappings, DER_SEQUENCE, "policyMapping");

	emit_item(emit, "Policy Mapping");
	der_tell_oid(emit, "issuer_domain_policy", &mapping, "issuerDomainPolicy");
	der_tell_oid(emit, "subject_domain_policy", &mapping, "subjectDomainPolicy");
	emit_close(emit);
}

static void show_mappings(struct emit *emit, struct reader *value)
{
	show_sequence_of(emit, "policy_mappings", "policyMappings", value, show_mapping);
}

static void show_policy_constraints(struct emit *emit, struct reader *value)
{
	struct reader constraints = der_take(value, DER_SEQUENCE, "policyConstraints");

	if (der_peek(&constraints) == DER_IMPLICIT(0))
		emit_uint(emit, "require_explicit_policy",
		          der_number(&constraints, DER_IMPLICIT(0), "requireExplicitPolicy"));
	if (der_peek(&constraints) == DER_IMPLICIT(1))
		emit_uint(emit, "inhibit_policy_mapping",
		          der_number(&constraints, DER_IMPLICIT(1), "inhibitPolicyMapping"));
	reader_end(&constraints, "policyConstraints");
}

static void show_skip_certs(struct emit *emit, struct reader *value)
{
	emit_uint(emit, "skip_certs", der_number(value, DER_INTEGER, "SkipCerts"));
}

static void show_access(struct emit *emit, struct reader *accesses)
{
	struct reader access = der_take(accesses, DER_SEQUENCE, "AccessDescription");

	emit_item(emit, "Access Description");
	der_tell_oid(emit, "access_method", &access, "accessMethod");
	if (reader_left(&access) > 0)
		der_tell_general_name(emit, "access_location", &access);
	emit_close(emit);
}

static void show_accesses(struct emit *emit, struct reader *value)
{
	show_sequence_of(emit, "access_descriptions", "AccessDescriptions", value, show_access);
}

/* DistributionPointName; a name relative to the issuer's is shown as its bytes. */
static void show_point_name(struct emit *emit, struct reader *name)
{
	struct reader names;

	if (der_option(name, DER_EXPLICIT(0), "fullName", &names))
		der_tell_general_names(emit, "full_name", &names);
	else if (der_option(name, DER_EXPLICIT(1), "nameRelativeToCRLIssuer", &names))
		emit_hex(emit, "name_relative_to_crl_issuer", reader_rest(&names));
}

static void show_point(struct emit *emit, struct reader *points)
{
	static const char *const reasons[] = {
		"unused",     "keyCompromise",        "cACompromise",    "affiliationChanged",
		"superseded", "cessationOfOperation", "certificateHold", "privilegeWithdrawn",
		"aACompromise"};
	struct reader point = der_take(points, DER_SEQUENCE, "DistributionPoint");
	struct reader field;

	emit_item(emit, "Distribution Point");
	if (der_option(&point, DER_EXPLICIT(0), "distributionPoint", &field))
		show_point_name(emit, &field);
	if (der_peek(&point) == DER_IMPLICIT(1))
		show_bits(emit, "reasons", &point, DER_IMPLICIT(1), reasons, COUNT(reasons));
	if (der_option(&point, DER_EXPLICIT(2), "cRLIssuer", &field))
		der_tell_general_names(emit, "crl_issuer", &field);
	emit_close(emit);
}

static void show_points(struct emit *emit, struct reader *value)
{
	show_sequence_of(emit, "distribution_points", "cRLDistributionPoints", value, show_point);
}

/* RFC 6962 section 3.3: the list of TLS, in an OCTET STRING. */
static void show_timestamps(struct emit *emit, struct reader *value)
{
	struct reader list = der_take(value, DER_OCTET_STRING, "SignedCertificateTimestampList");

	sct_list_tell(emit, &list);
	reader_end(&list, "SignedCertificateTimestampList");
}

static void show_feature(struct emit *emit, struct reader *features)
{
	uint32_t type = der_number(features, DER_INTEGER, "feature");

	if (reader_ok(features))
		emit_name(emit, NULL, REGISTRY_EXTENSION_TYPE, type & UINT16_MAX);
}

static void show_features(struct emit *emit, struct reader *value)
{
	show_sequence_of(emit, "features", "tlsfeature", value, show_feature);
}

static void show_null(struct emit *emit, struct reader *value)
{
	uint8_t tag;

	(void)emit;
	der_next(value, &tag, "NULL");
}

static void show_string(struct emit *emit, struct reader *value)
{
	struct reader text;
	uint8_t tag;

	text = der_next(value, &tag, "comment");
	emit_string(emit, "comment", reader_rest(&text));
}

static void show_nonce(struct emit *emit, struct reader *value)
{
	struct reader nonce = der_take(value, DER_OCTET_STRING, "nonce");

	emit_hex(emit, "nonce", reader_rest(&nonce));
}

static void show_cutoff(struct emit *emit, struct reader *value)
{
	der_tell_time(emit, "archive_cutoff", value, "archiveCutoff");
}

static void show_usage_period(struct emit *emit, struct reader *value)
{
	struct reader period = der_take(value, DER_SEQUENCE, "privateKeyUsagePeriod");
	struct reader time;

	if (der_option(&period, DER_IMPLICIT(0), "notBefore", &time))
		emit_string(emit, "not_before", reader_rest(&time));
	if (der_option(&period, DER_IMPLICIT(1), "notAfter", &time))
		emit_string(emit, "not_after", reader_rest(&time));
}

static const struct row {
	const char *name; /* in oid.def */
	show_x509_extension *show;
} rows[] = {
	{"authorityInfoAccess", show_accesses},
	{"authorityKeyIdentifier", show_authority_key},
	{"archiveCutoff", show_cutoff},
	{"basicConstraints", show_basic_constraints},
	{"certificatePolicies", show_policies},
	{"cRLDistributionPoints", show_points},
	{"DelegationUsage", show_null},
	{"extKeyUsage", show_ext_key_usage},
	{"freshestCRL", show_points},
	{"inhibitAnyPolicy", show_skip_certs},
	{"issuerAltName", show_names},
	{"keyUsage", show_key_usage},
	{"nameConstraints", show_name_constraints},
	{"netscapeCertType", show_netscape_type},
	{"netscapeComment", show_string},
	{"nocheck", show_null},
	{"nonce", show_nonce},
	{"ocspSignedCertificateTimestampList", show_timestamps},
	{"policyConstraints", show_policy_constraints},
	{"policyMappings", show_mappings},
	{"precertificatePoison", show_null},
	{"privateKeyUsagePeriod", show_usage_period},
	{"signedCertificateTimestampList", show_timestamps},
	{"subjectAltName", show_subject_names},
	{"subjectInfoAccess", show_accesses},
	{"subjectKeyIdentifier", show_key_identifier},
	{"tlsfeature", show_features},
};

static show_x509_extension *find_show(const char *name)
{
	for (size_t i = 0; i < COUNT(rows); i++)
		if (strcmp(rows[i].name, name) == 0)
			return rows[i].show;
	return NULL;
}

/* The members of one, after its name; a fault of the value is told here too. */
static void show_value(struct emit *emit, show_x509_extension *show, struct reader *value)
{
	struct fault own;
	struct reader fields = reader_isolate(value, &own);
	char text[FAULT_TEXT_MAX];

	if (show != NULL) {
		show(emit, &fields);
		reader_end(&fields, "extnValue");
	}
	if (own.kind != FAULT_NONE)
		emit_text(emit, "fault", fault_text(&own, text, sizeof(text)));
	if (show == NULL || own.kind != FAULT_NONE)
		emit_hex(emit, "data", reader_rest(value));
	if (reader_ok(value))
		*value->fault = own;
}

static bool read_critical(struct reader *extension)
{
	struct reader flag;

	return der_option(extension, DER_BOOLEAN, "critical", &flag) &&
	       reader_u8(&flag, "critical") != 0;
}

static void show_extension(struct emit *emit, struct reader *list, struct fault *first)
{
	struct fault own;
	struct reader extension = der_enter(list, DER_SEQUENCE, "Extension", &own);
	char text[OID_TEXT_MAX];
	const char *name = der_oid(&extension, "extnID", text);
	bool critical = read_critical(&extension);
	struct reader value = der_take(&extension, DER_OCTET_STRING, "extnValue");

	emit_item(emit, "Extension: %s%s", name, critical ? " (critical)" : "");
	emit_text(emit, "name", name);
	emit_bool(emit, "critical", critical);
	show_value(emit, find_show(name), &value);
	emit_close(emit);
	reader_end(&extension, "Extension");
	if (first->kind == FAULT_NONE)
		*first = own;
}

void x509_extensions_tell(struct emit *emit, struct reader *reader)
{
	struct fault own, first = {0};
	struct reader list = der_enter(reader, DER_SEQUENCE, "extensions", &own);

	emit_list(emit, "extensions");
	while (reader_left(&list) > 0)
		show_extension(emit, &list, &first);
	emit_close(emit);
	tell_end(reader, &list, "extensions");
	if (reader_ok(reader))
		*reader->fault = first;
}

bool x509_extension_find(const struct reader *reader, const char *name, struct reader *value)
{
	struct fault own;
	struct reader explicit = reader_isolate(reader, &own);
	struct reader list, extension;
	char text[OID_TEXT_MAX];
	uint8_t tag;

	explicit = der_next(&explicit, &tag, "extensions");
	list = der_take(&explicit, DER_SEQUENCE, "extensions");
	own = (struct fault){0};
	while (reader_left(&list) > 0) {
		extension = der_take(&list, DER_SEQUENCE, "Extension");
		if (strcmp(der_oid(&extension, "extnID", text), name) != 0)
			continue;
		read_critical(&extension);
		own = (struct fault){0};
		*value = der_take(&extension, DER_OCTET_STRING, "extnValue");
		value->fault = reader->fault;
		return true;
	}
	return false;
}
