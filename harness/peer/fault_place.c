#include "peer/fault_place.h"

#include "base/assert.h"
#include "base/json.h"
#include "base/words.h"
#include "decode/record.h"
#include "decode/registry.h"

#define OLD (FAULT_TLS_1_0 | FAULT_TLS_1_1)
#define UNTIL_12 (OLD | FAULT_TLS_1_2)
#define EVER (UNTIL_12 | FAULT_TLS_1_3)
#define NAME_MAX_LEN 64 /* bytes of one name in a place, with the final zero */

enum kind { FIXED, VECTOR, REST, EXTENSIONS, ITEM };

/* One field. Rows end with one without a name. */
struct field {
	const char *name;
	enum kind kind;
	size_t size;                /* FIXED: bytes; else bytes of the length */
	const struct field *inside; /* of what a vector holds first */
};

#define END {NULL, FIXED, 0, NULL}

static const struct field hello[] = {
	{"legacy_version", FIXED, 2, NULL},
	{"random", FIXED, 32, NULL},
	{"legacy_session_id_echo", VECTOR, 1, NULL},
	{"cipher_suite", FIXED, 2, NULL},
	{"legacy_compression_method", FIXED, 1, NULL},
	{"extensions", EXTENSIONS, 2, NULL},
	END,
};

static const struct field extensions_only[] = {{"extensions", EXTENSIONS, 2, NULL}, END};

static const struct field request_13[] = {
	{"certificate_request_context", VECTOR, 1, NULL},
	{"extensions", EXTENSIONS, 2, NULL},
	END,
};

static const struct field request_12[] = {
	{"certificate_types", VECTOR, 1, NULL},
	{"supported_signature_algorithms", VECTOR, 2, NULL},
	{"certificate_authorities", VECTOR, 2, NULL},
	END,
};

static const struct field request_old[] = {
	{"certificate_types", VECTOR, 1, NULL},
	{"certificate_authorities", VECTOR, 2, NULL},
	END,
};

static const struct field leaf_13[] = {
	{"cert_data", VECTOR, 3, NULL},
	{"extensions", EXTENSIONS, 2, NULL},
	END,
};

static const struct field leaf_12[] = {{"cert_data", VECTOR, 3, NULL}, END};

static const struct field certificate_13[] = {
	{"certificate_request_context", VECTOR, 1, NULL},
	{"certificate_list", VECTOR, 3, leaf_13},
	END,
};

static const struct field certificate_12[] = {{"certificate_list", VECTOR, 3, leaf_12}, END};

static const struct field verify[] = {
	{"algorithm", FIXED, 2, NULL},
	{"signature", VECTOR, 2, NULL},
	END,
};

static const struct field ecdhe_12[] = {
	{"curve_type", FIXED, 1, NULL}, {"named_curve", FIXED, 2, NULL},
	{"public", VECTOR, 1, NULL},    {"algorithm", FIXED, 2, NULL},
	{"signature", VECTOR, 2, NULL}, END,
};

static const struct field ecdhe_old[] = {
	{"curve_type", FIXED, 1, NULL}, {"named_curve", FIXED, 2, NULL},
	{"public", VECTOR, 1, NULL},    {"signature", VECTOR, 2, NULL},
	END,
};

static const struct field dhe_12[] = {
	{"dh_p", VECTOR, 2, NULL},   {"dh_g", VECTOR, 2, NULL},      {"public", VECTOR, 2, NULL},
	{"algorithm", FIXED, 2, NULL}, {"signature", VECTOR, 2, NULL}, END,
};

static const struct field dhe_old[] = {
	{"dh_p", VECTOR, 2, NULL},
	{"dh_g", VECTOR, 2, NULL},
	{"public", VECTOR, 2, NULL},
	{"signature", VECTOR, 2, NULL},
	END,
};

static const struct field status[] = {
	{"status_type", FIXED, 1, NULL},
	{"response", VECTOR, 3, NULL},
	END,
};

static const struct field ticket_13[] = {
	{"ticket_lifetime", FIXED, 4, NULL}, {"ticket_age_add", FIXED, 4, NULL},
	{"ticket_nonce", VECTOR, 1, NULL},   {"ticket", VECTOR, 2, NULL},
	{"extensions", EXTENSIONS, 2, NULL}, END,
};

static const struct field ticket_12[] = {
	{"ticket_lifetime_hint", FIXED, 4, NULL},
	{"ticket", VECTOR, 2, NULL},
	END,
};

static const struct field finished[] = {{"verify_data", REST, 0, NULL}, END};
static const struct field update[] = {{"request_update", FIXED, 1, NULL}, END};
static const struct field change[] = {{"type", FIXED, 1, NULL}, END};
static const struct field alert[] = {
	{"level", FIXED, 1, NULL},
	{"description", FIXED, 1, NULL},
	END,
};
static const struct field data[] = {{"data", REST, 0, NULL}, END};
static const struct field nothing[] = {END};

/*
 * The messages of a server. Of two rows with the same name the first that fits the version and the
 * message's first byte is meant; a ServerKeyExchange with DHE does not begin with `named_curve`.
 */
#define ANY (-1)
#define NAMED_CURVE 3

static const struct form {
	const char *name;
	uint8_t content_type, handshake_type;
	unsigned versions;
	int first;
	const struct field *fields;
} forms[] = {
	{"hello_request", 22, 0, UNTIL_12, ANY, nothing},
	{"server_hello", 22, 2, EVER, ANY, hello},
	{"hello_retry_request", 22, 2, FAULT_TLS_1_3, ANY, hello},
	{"encrypted_extensions", 22, 8, FAULT_TLS_1_3, ANY, extensions_only},
	{"certificate", 22, 11, FAULT_TLS_1_3, ANY, certificate_13},
	{"certificate", 22, 11, UNTIL_12, ANY, certificate_12},
	{"certificate_status", 22, 22, UNTIL_12, ANY, status},
	{"server_key_exchange", 22, 12, FAULT_TLS_1_2, NAMED_CURVE, ecdhe_12},
	{"server_key_exchange", 22, 12, FAULT_TLS_1_2, ANY, dhe_12},
	{"server_key_exchange", 22, 12, OLD, NAMED_CURVE, ecdhe_old},
	{"server_key_exchange", 22, 12, OLD, ANY, dhe_old},
	{"certificate_request", 22, 13, FAULT_TLS_1_3, ANY, request_13},
	{"certificate_request", 22, 13, FAULT_TLS_1_2, ANY, request_12},
	{"certificate_request", 22, 13, OLD, ANY, request_old},
	{"server_hello_done", 22, 14, UNTIL_12, ANY, nothing},
	{"certificate_verify", 22, 15, FAULT_TLS_1_3, ANY, verify},
	{"finished", 22, 20, EVER, ANY, finished},
	{"new_session_ticket", 22, 4, FAULT_TLS_1_3, ANY, ticket_13},
	{"new_session_ticket", 22, 4, UNTIL_12, ANY, ticket_12},
	{"key_update", 22, 24, FAULT_TLS_1_3, ANY, update},
	{"change_cipher_spec", 20, 0, EVER, ANY, change},
	{"alert", 21, 0, EVER, ANY, alert},
	{"application_data", 23, 0, EVER, ANY, data},
};

#define N_FORMS (sizeof(forms) / sizeof(forms[0]))

static const struct field share[] = {
	{"group", FIXED, 2, NULL},
	{"key_exchange", VECTOR, 2, NULL},
	END,
};
static const struct field selected_group[] = {{"selected_group", FIXED, 2, NULL}, END};
static const struct field selected_version[] = {{"selected_version", FIXED, 2, NULL}, END};
static const struct field selected_identity[] = {{"selected_identity", FIXED, 2, NULL}, END};
static const struct field protocols[] = {{"protocol_name_list", VECTOR, 2, NULL}, END};

/* What is inside of extensions. */
static const struct inside {
	const char *message;
	const char *extension;
	const struct field *fields;
} insides[] = {
	{"server_hello", "key_share", share},
	{"server_hello", "supported_versions", selected_version},
	{"server_hello", "pre_shared_key", selected_identity},
	{"server_hello", "application_layer_protocol_negotiation", protocols},
	{"hello_retry_request", "key_share", selected_group},
	{"hello_retry_request", "supported_versions", selected_version},
	{"encrypted_extensions", "application_layer_protocol_negotiation", protocols},
};

static const struct part {
	const char *name;
	size_t size;
	enum record_part part;
} parts[] = {
	{"type", 1, PART_TYPE},
	{"legacy_record_version", 2, PART_VERSION},
	{"length", 2, PART_LENGTH},
	{"body", 0, PART_BODY},
	{"tag", 0, PART_TAG},
};

/* The set that an enum protocol_version is in. */
static unsigned version_set(uint16_t version)
{
	if (version < VERSION_TLS_1_0 || version > VERSION_TLS_1_3)
		return 0;
	return 1u << (version - VERSION_TLS_1_0);
}

/* The random by which a ServerHello is a HelloRetryRequest, its first bytes: RFC 8446 4.1.3. */
static bool is_retry(struct bytes unit)
{
	static const uint8_t start[] = {0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11};

	return unit.len >= 6 + sizeof(start) && memcmp(unit.data + 6, start, sizeof(start)) == 0;
}

const char *fault_message_name(uint8_t content_type, struct bytes unit)
{
	if (content_type == CONTENT_handshake && unit.len == 0)
		return NULL;
	for (size_t i = 0; i < N_FORMS; i++) {
		if (forms[i].content_type != content_type)
			continue;
		if (content_type != CONTENT_handshake)
			return forms[i].name;
		if (forms[i].handshake_type == HANDSHAKE_server_hello && is_retry(unit))
			return "hello_retry_request";
		if (forms[i].handshake_type == unit.data[0])
			return forms[i].name;
	}
	return NULL;
}

bool fault_message_types(const char *name, uint8_t *content_type, uint8_t *handshake_type)
{
	for (size_t i = 0; i < N_FORMS; i++) {
		if (strcmp(forms[i].name, name) != 0)
			continue;
		*content_type = forms[i].content_type;
		*handshake_type = forms[i].handshake_type;
		return true;
	}
	return false;
}

/* Takes the first name off a way: "a.b" gives "a" and leaves "b". False at the way's end. */
static bool next_name(const char **way, char name[NAME_MAX_LEN])
{
	size_t len = strcspn(*way, ".");

	if (**way == '\0')
		return false;
	snprintf(name, NAME_MAX_LEN, "%.*s", (int)len, *way);
	*way += len + ((*way)[len] == '.' ? 1 : 0);
	return true;
}

static const struct field *find_field(const struct field *fields, const char *name)
{
	for (; fields != NULL && fields->name != NULL; fields++)
		if (strcmp(fields->name, name) == 0)
			return fields;
	return NULL;
}

static const struct field *inside_of(const char *message, const char *extension)
{
	for (size_t i = 0; i < sizeof(insides) / sizeof(insides[0]); i++)
		if (strcmp(insides[i].message, message) == 0 &&
		    strcmp(insides[i].extension, extension) == 0)
			return insides[i].fields;
	return NULL;
}

static bool is_extension(const char *name)
{
	for (uint32_t value = 0; value <= UINT16_MAX; value++) {
		const char *known = registry_name(REGISTRY_EXTENSION_TYPE, value);

		if (known != NULL && strcmp(known, name) == 0)
			return true;
	}
	return false;
}

/* Where a walk down a way stands. */
struct walk {
	const struct field *field; /* NULL: at a message or in an extension */
	const struct field *fields; /* that are below */
	bool extension;
};

static void set_target(struct fault_place *place, enum fault_target target, size_t size)
{
	place->target = target;
	place->size = size;
}

/*
 * One step of a place's way through the tables, to `name`. False if there is nothing of the name
 * below.
 */
static bool step(struct fault_place *place, struct walk *walk, const char *name)
{
	const struct field *field = find_field(walk->fields, name);
	bool in_block = walk->field != NULL && walk->field->kind == EXTENSIONS;

	if (field != NULL) {
		*walk = (struct walk){field, field->inside, false};
		set_target(place, field->kind == FIXED ? TARGET_FIXED : TARGET_VECTOR,
		           field->kind == FIXED ? field->size : 0);
	} else if (in_block && strcmp(name, "length") != 0 && is_extension(name)) {
		*walk = (struct walk){NULL, inside_of(place->message, name), true};
		set_target(place, TARGET_EXTENSION, 0);
	} else if (walk->extension && strcmp(name, "type") == 0) {
		*walk = (struct walk){0};
		set_target(place, TARGET_FIXED, 2);
	} else if (strcmp(name, "length") == 0 &&
	           (walk->extension || (walk->field != NULL && walk->field->size > 0 &&
	                                walk->field->kind != FIXED))) {
		set_target(place, TARGET_FIXED, walk->extension ? 2 : walk->field->size);
		*walk = (struct walk){0};
	} else {
		return false;
	}
	return true;
}

/* The header of a handshake message: RFC 8446 section 4. */
static bool is_header(const struct form *form, const char *way, size_t *size)
{
	if (form->content_type != CONTENT_handshake)
		return false;
	*size = strcmp(way, "type") == 0 ? 1 : 3;
	return strcmp(way, "type") == 0 || strcmp(way, "length") == 0;
}

/* Follows the way through the table of one form. */
static bool follow(struct fault_place *place, const struct form *form)
{
	struct walk walk = {NULL, form->fields, false};
	const char *way = place->way;
	char name[NAME_MAX_LEN];
	size_t size;

	set_target(place, TARGET_MESSAGE, 0);
	if (is_header(form, way, &size)) {
		set_target(place, TARGET_FIXED, size);
		return true;
	}
	while (next_name(&way, name))
		if (!step(place, &walk, name))
			return false;
	return true;
}

/* "record", "record.length": what is left of the way behind "record". */
static bool read_part(struct fault_place *place, const char *way)
{
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		if (strcmp(parts[i].name, way) != 0)
			continue;
		set_target(place, TARGET_RECORD, parts[i].size);
		place->part = parts[i].part;
		return true;
	}
	return false;
}

static void complain_of_names(struct buf *complaint, const char *what, const char *name,
                              json_t *known)
{
	words_unknown(complaint, what, name, known);
	json_decref(known);
}

static bool refuse_message(struct buf *complaint, const char *name)
{
	json_t *known = json_made(json_array());

	for (size_t i = 0; i < N_FORMS; i++)
		if (i == 0 || strcmp(forms[i].name, forms[i - 1].name) != 0)
			json_array_append_new(known, json_string(forms[i].name));
	json_array_append_new(known, json_string("record"));
	complain_of_names(complaint, "message", name, known);
	return false;
}

static bool refuse_part(struct buf *complaint, const char *name)
{
	json_t *known = json_made(json_array());

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		json_array_append_new(known, json_string(parts[i].name));
	complain_of_names(complaint, "part of a record", name, known);
	return false;
}

static bool refuse_way(struct buf *complaint, const char *message, const char *way)
{
	json_t *known = json_made(json_array());

	for (size_t i = 0; i < N_FORMS; i++)
		for (const struct field *field = forms[i].fields;
		     strcmp(forms[i].name, message) == 0 && field->name != NULL; field++)
			json_array_append_new(known, json_string(field->name));
	json_array_append_new(known, json_string("type"));
	json_array_append_new(known, json_string("length"));
	json_array_append_new(known, json_string("record"));
	complain_of_names(complaint, "place in this message", way, known);
	return false;
}

/* The fields of the forms that the way fits; the versions of all of them. */
static bool read_way(struct fault_place *place)
{
	struct fault_place found = {0};

	for (size_t i = 0; i < N_FORMS; i++) {
		struct fault_place tried = *place;

		if (strcmp(forms[i].name, place->message) != 0 || !follow(&tried, &forms[i]))
			continue;
		tried.versions = found.versions | forms[i].versions;
		found = tried;
	}
	if (found.versions == 0)
		return false;
	*place = found;
	return true;
}

static unsigned message_versions(const char *name)
{
	unsigned versions = 0;

	for (size_t i = 0; i < N_FORMS; i++)
		if (strcmp(forms[i].name, name) == 0)
			versions |= forms[i].versions;
	return versions;
}

static bool read_record(struct fault_place *place, const char *way, struct buf *complaint)
{
	place->versions = strcmp(place->message, "record") == 0 ? EVER
	                                                        : message_versions(place->message);
	return read_part(place, way) || refuse_part(complaint, way);
}

bool fault_place_read(struct fault_place *place, const char *text, struct buf *complaint)
{
	char name[NAME_MAX_LEN];
	const char *way = text;

	*place = (struct fault_place){0};
	if (!next_name(&way, name))
		return refuse_message(complaint, "");
	place->way = way;
	if (strcmp(name, "record") == 0) {
		place->message = "record";
		return read_record(place, way, complaint);
	}
	for (size_t i = 0; i < N_FORMS; i++)
		if (strcmp(forms[i].name, name) == 0)
			place->message = forms[i].name;
	if (place->message == NULL)
		return refuse_message(complaint, name);
	if (strncmp(way, "record.", strlen("record.")) == 0)
		return read_record(place, way + strlen("record."), complaint);
	return read_way(place) || refuse_way(complaint, place->message, way);
}

static const struct form *form_of(const char *name, uint16_t version, int first)
{
	for (size_t i = 0; i < N_FORMS; i++)
		if (strcmp(forms[i].name, name) == 0 &&
		    (forms[i].versions & version_set(version)) != 0 &&
		    (forms[i].first == ANY || forms[i].first == first))
			return &forms[i];
	return NULL;
}

static void add_vector(struct fault_range *range, size_t at, size_t len)
{
	CHECK(range->n_vectors < FAULT_VECTORS_MAX);
	range->vectors[range->n_vectors].at = at;
	range->vectors[range->n_vectors++].len = len;
}

/* Narrows the range to what lies behind its first `prefix_len` bytes, which are its length. */
static void enter(struct fault_range *range, size_t whole_at, size_t whole_len, size_t prefix_at,
                  size_t prefix_len)
{
	if (prefix_len > 0)
		add_vector(range, prefix_at, prefix_len);
	range->prefixed = prefix_len > 0;
	range->whole_at = whole_at;
	range->whole_len = whole_len;
	range->at = prefix_at + prefix_len;
	range->len = whole_at + whole_len - range->at;
}

static struct reader vector(struct reader *reader, size_t prefix_len)
{
	switch (prefix_len) {
	case 1:
		return reader_vec8(reader, "vector");
	case 2:
		return reader_vec16(reader, "vector");
	case 3:
		return reader_vec24(reader, "vector");
	default:
		return reader_take(reader, reader_left(reader), "rest");
	}
}

/* The field `name` among those of the range. */
static bool enter_field(struct fault_range *range, struct bytes unit, const struct field *fields,
                        const struct field *wanted)
{
	size_t base = range->at;
	struct fault fault;
	struct reader reader;

	reader_init(&reader, unit.data + base, range->len, &fault);
	for (;; fields++) {
		size_t at = base + reader_offset(&reader);
		size_t prefix_len = fields->kind == FIXED ? 0 : fields->size;

		if (fields->kind == FIXED)
			reader_take(&reader, fields->size, fields->name);
		else
			vector(&reader, prefix_len);
		if (!reader_ok(&reader))
			return false;
		if (fields == wanted) {
			enter(range, at, base + reader_offset(&reader) - at, at, prefix_len);
			return true;
		}
	}
}

/* The extension `name` in the block of the range. */
static bool enter_extension(struct fault_range *range, struct bytes unit, const char *name)
{
	size_t base = range->at;
	struct fault fault;
	struct reader reader;

	reader_init(&reader, unit.data + base, range->len, &fault);
	while (reader_left(&reader) > 0) {
		size_t at = base + reader_offset(&reader);
		const char *known = registry_name(REGISTRY_EXTENSION_TYPE,
		                                  reader_u16(&reader, "extension_type"));

		reader_vec16(&reader, "extension_data");
		if (reader_ok(&reader) && known != NULL && strcmp(known, name) == 0) {
			enter(range, at, base + reader_offset(&reader) - at, at + 2, 2);
			return true;
		}
	}
	return false;
}

/* The range becomes a part of a header; the innermost vector is no longer around it. */
static void enter_header(struct fault_range *range, size_t at, size_t len)
{
	range->at = range->whole_at = at;
	range->len = range->whole_len = len;
	range->n_vectors--;
	range->prefixed = false;
}

/* As step, through a message. */
static bool step_in(const struct fault_place *place, struct walk *walk, const char *name,
                    struct bytes unit, struct fault_range *range)
{
	const struct field *field = find_field(walk->fields, name);
	bool in_block = walk->field != NULL && walk->field->kind == EXTENSIONS;
	size_t n = range->n_vectors;

	if (field != NULL) {
		if (!enter_field(range, unit, walk->fields, field))
			return false;
		*walk = (struct walk){field, field->inside, false};
		return true;
	}
	if (strcmp(name, "length") == 0 && n > 0)
		enter_header(range, range->vectors[n - 1].at, range->vectors[n - 1].len);
	else if (in_block && enter_extension(range, unit, name))
		*walk = (struct walk){NULL, inside_of(place->message, name), true};
	else if (walk->extension && strcmp(name, "type") == 0)
		enter_header(range, range->whole_at, 2);
	else
		return false;
	return true;
}

/* The message as a whole; of a handshake message, its header is the first vector. */
static void start_range(struct fault_range *range, const struct form *form, struct bytes unit)
{
	bool has_header = form->content_type == CONTENT_handshake;

	*range = (struct fault_range){0};
	enter(range, 0, unit.len, has_header ? 1 : 0, has_header ? 3 : 0);
}

bool fault_place_find(const struct fault_place *place, struct bytes unit, uint16_t version,
                      struct fault_range *range)
{
	bool has_header = strcmp(place->message, "record") != 0 && unit.len >= HANDSHAKE_HEADER_LEN;
	size_t header_len = has_header ? HANDSHAKE_HEADER_LEN : 0;
	const struct form *form = form_of(place->message, version,
	                                  unit.len > header_len ? unit.data[header_len] : 0);
	struct walk walk = {0};
	const char *way = place->way;
	char name[NAME_MAX_LEN];
	size_t size;

	if (form == NULL ||
	    (form->content_type == CONTENT_handshake && unit.len < HANDSHAKE_HEADER_LEN))
		return false;
	start_range(range, form, unit);
	walk.fields = form->fields;
	if (is_header(form, way, &size)) {
		enter_header(range, size == 1 ? 0 : 1, size);
		return true;
	}
	while (next_name(&way, name))
		if (!step_in(place, &walk, name, unit, range))
			return false;
	return true;
}
