#include "peer/fault_plan.h"

#include "base/assert.h"
#include "base/words.h"
#include "decode/registry.h"

#include <stdlib.h>

enum value {
	VALUE_WITH = 1u << 0,
	VALUE_BITS = 1u << 1,
	VALUE_OFFSET = 1u << 2,
	VALUE_BY = 1u << 3,
	VALUE_BYTES = 1u << 4,
	VALUE_SIZES = 1u << 5,
	VALUE_MS = 1u << 6,
	VALUE_LEVEL = 1u << 7,
	VALUE_DESCRIPTION = 1u << 8,
	VALUE_WHERE = 1u << 9,
	VALUE_CONTENT_TYPE = 1u << 10,
	VALUE_TIMES = 1u << 11,
};

static const struct value_name {
	const char *key;
	enum value value;
} values[] = {
	{"with", VALUE_WITH},         {"bits", VALUE_BITS},
	{"offset", VALUE_OFFSET},     {"by", VALUE_BY},
	{"bytes", VALUE_BYTES},       {"sizes", VALUE_SIZES},
	{"ms", VALUE_MS},             {"level", VALUE_LEVEL},
	{"where", VALUE_WHERE},       {"description", VALUE_DESCRIPTION},
	{"times", VALUE_TIMES},       {"content_type", VALUE_CONTENT_TYPE},
};

#define N_VALUES (sizeof(values) / sizeof(values[0]))
#define ALL_VERSIONS (FAULT_TLS_1_0 | FAULT_TLS_1_1 | FAULT_TLS_1_2 | FAULT_TLS_1_3)
#define VARIABLE (TARGET_VECTOR | TARGET_EXTENSION | TARGET_MESSAGE)
#define FIELDS (TARGET_FIXED | TARGET_VECTOR | TARGET_EXTENSION)

static const struct deed {
	const char *word;
	unsigned targets;      /* that it can be done to: enum fault_target */
	unsigned needs, takes; /* values: enum value */
	unsigned versions;
	enum fault_where where; /* where nothing else is said */
} deeds[] = {
	[DO_FLIP] = {"flip", FIELDS | TARGET_MESSAGE | TARGET_RECORD, 0, VALUE_BITS | VALUE_OFFSET,
                     ALL_VERSIONS, 0},
	[DO_ADD] = {"add", TARGET_FIXED | TARGET_RECORD, VALUE_BY, 0, ALL_VERSIONS, 0},
	[DO_REPLACE] = {"replace", FIELDS | TARGET_MESSAGE | TARGET_RECORD, VALUE_WITH,
                        VALUE_OFFSET | VALUE_TIMES, ALL_VERSIONS, 0},
	[DO_APPEND] = {"append", VARIABLE, VALUE_WITH, VALUE_TIMES, ALL_VERSIONS, 0},
	[DO_TRUNCATE] = {"truncate", VARIABLE, VALUE_BYTES, 0, ALL_VERSIONS, 0},
	[DO_DROP] = {"drop", VARIABLE, 0, 0, ALL_VERSIONS, 0},
	[DO_REPEAT] = {"repeat", TARGET_EXTENSION | TARGET_MESSAGE, 0, VALUE_TIMES, ALL_VERSIONS,
                       0},
	[DO_SWAP] = {"swap", TARGET_MESSAGE, 0, 0, ALL_VERSIONS, 0},
	[DO_INSERT] = {"insert", TARGET_MESSAGE, VALUE_WITH,
                       VALUE_WHERE | VALUE_CONTENT_TYPE | VALUE_TIMES, ALL_VERSIONS,
                       WHERE_BEFORE},
	[DO_ALERT] = {"alert", TARGET_MESSAGE, VALUE_LEVEL | VALUE_DESCRIPTION, VALUE_WHERE,
                      ALL_VERSIONS, WHERE_BEFORE},
	[DO_UNPROTECT] = {"unprotect", TARGET_MESSAGE, 0, 0, ALL_VERSIONS, 0},
	[DO_SPLIT] = {"split", TARGET_MESSAGE, VALUE_SIZES, 0, ALL_VERSIONS, 0},
	[DO_JOIN] = {"join", TARGET_MESSAGE, 0, 0, ALL_VERSIONS, 0},
	[DO_PAD] = {"pad", TARGET_MESSAGE, VALUE_BYTES, 0, FAULT_TLS_1_3, 0},
	[DO_DELAY] = {"delay", TARGET_MESSAGE, VALUE_MS, VALUE_WHERE, ALL_VERSIONS, WHERE_BEFORE},
	[DO_CLOSE] = {"close", TARGET_MESSAGE, 0, VALUE_WHERE, ALL_VERSIONS, WHERE_AFTER},
	[DO_RESET] = {"reset", TARGET_MESSAGE, 0, VALUE_WHERE, ALL_VERSIONS, WHERE_AFTER},
	[DO_SILENCE] = {"silence", TARGET_MESSAGE, 0, VALUE_WHERE, ALL_VERSIONS, WHERE_AFTER},
};

#define N_DEEDS (sizeof(deeds) / sizeof(deeds[0]))

static const struct {
	enum fault_target target;
	const char *what;
} target_names[] = {
	{TARGET_MESSAGE, "a whole message"},
	{TARGET_FIXED, "a field of fixed size"},
	{TARGET_VECTOR, "a field of variable size"},
	{TARGET_EXTENSION, "an extension"},
	{TARGET_RECORD, "a part of a record"},
};

/* What reading one fault needs at hand. */
struct planner {
	struct planned_fault *fault;
	const struct json_node *node; /* the fault's object */
	unsigned versions;
	struct error *error;
};

static int complain_at(struct planner *planner, const char *key, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static int complain_at(struct planner *planner, const char *key, const char *format, ...)
{
	struct json_node member = json_member(planner->node, key);
	struct buf sentence = {0};
	va_list arguments;

	va_start(arguments, format);
	buf_vprintf(&sentence, format, arguments);
	va_end(arguments);
	json_complain(&member, planner->error, "%s", buf_string(&sentence));
	buf_fini(&sentence);
	return ERR_INPUT;
}

static int read_place(struct planner *planner)
{
	struct buf complaint = {0};
	bool known = fault_place_read(&planner->fault->place, planner->fault->at, &complaint);

	if (!known)
		complain_at(planner, "at", "%s", buf_string(&complaint));
	buf_fini(&complaint);
	return known ? 0 : ERR_INPUT;
}

static int read_deed(struct planner *planner)
{
	struct planned_fault *fault = planner->fault;
	size_t i = 0;

	while (i < N_DEEDS && strcmp(deeds[i].word, fault->word) != 0)
		i++;
	if (i == N_DEEDS)
		return complain_at(planner, "do", "\"%s\" is no deed", fault->word);
	fault->deed = (enum fault_do)i;
	if ((deeds[i].targets & fault->place.target) != 0)
		return 0;
	for (i = 0; target_names[i].target != fault->place.target;)
		i++;
	return complain_at(planner, "do", "\"%s\" cannot be done to %s, as %s is", fault->word,
	                   target_names[i].what, fault->at);
}

static int check_values(struct planner *planner)
{
	const struct deed *deed = &deeds[planner->fault->deed];

	for (size_t i = 0; i < N_VALUES; i++) {
		bool given = json_object_get(planner->node->value, values[i].key) != NULL;

		if (given && ((deed->needs | deed->takes) & values[i].value) == 0)
			return complain_at(planner, values[i].key, "\"%s\" does not take this",
			                   deed->word);
		if (!given && (deed->needs & values[i].value) != 0)
			return json_complain(planner->node, planner->error,
			                     "\"%s\" needs \"%s\"", deed->word, values[i].key);
	}
	return 0;
}

static int check_versions(struct planner *planner)
{
	static const char *const names[] = {"TLS 1.0", "TLS 1.1", "TLS 1.2", "TLS 1.3"};
	const struct planned_fault *fault = planner->fault;

	for (unsigned i = 0; i < 4; i++) {
		if ((planner->versions & 1u << i) == 0)
			continue;
		if ((fault->place.versions & 1u << i) == 0)
			return complain_at(planner, "at",
			                   "%s, which the server offers, has no %s", names[i],
			                   fault->at);
		if ((deeds[fault->deed].versions & 1u << i) == 0)
			return complain_at(planner, "do",
			                   "%s, which the server offers, cannot \"%s\"",
			                   names[i], fault->word);
	}
	return 0;
}

static int digit(char c)
{
	const char *digits = "0123456789abcdef";
	const char *found = c != '\0' ? strchr(digits, c | 0x20) : NULL;

	return found != NULL && c != ' ' ? (int)(found - digits) : -1;
}

/* False if `text` is not a row of hexadecimal bytes. */
static bool read_hex(const char *text, struct buf *out)
{
	if (strlen(text) % 2 != 0)
		return false;
	for (; *text != '\0'; text += 2) {
		if (digit(text[0]) < 0 || digit(text[1]) < 0)
			return false;
		buf_u8(out, (uint8_t)(digit(text[0]) * 16 + digit(text[1])));
	}
	return true;
}

/* "with" as bytes, `times` over, or as the name of a message to copy. */
static int read_with(struct planner *planner, const char *text, size_t times)
{
	struct planned_fault *fault = planner->fault;
	struct buf once = {0};
	uint8_t content_type, handshake_type;
	size_t n_bytes;

	if (!read_hex(text, &once)) {
		buf_fini(&once);
		if (!fault_message_types(text, &content_type, &handshake_type))
			return complain_at(planner, "with",
			                   "\"%.*s\" is neither bytes in hexadecimal nor a "
			                   "message of a server",
			                   WORDS_SHOWN_MAX, text);
		if (fault->place.target != TARGET_MESSAGE)
			return complain_at(planner, "with",
			                   "only a whole message can be replaced by a message");
		fault->copy = text;
		fault->content_type = content_type;
		return 0;
	}
	n_bytes = once.len * times;
	for (size_t i = 0; i < times && n_bytes <= FAULT_BYTES_MAX; i++)
		buf_bytes(&fault->with, buf_view(&once));
	buf_fini(&once);
	if (n_bytes > FAULT_BYTES_MAX)
		return complain_at(planner, "with", "makes %zu bytes; at most %d fit in a record",
		                   n_bytes, FAULT_BYTES_MAX);
	return 0;
}

/* The value of a registry, by name or number. */
static int read_code(struct planner *planner, const char *key, enum registry registry,
                     uint8_t *code)
{
	const json_t *value = json_object_get(planner->node->value, key);

	if (json_is_integer(value)) {
		*code = (uint8_t)json_integer_value(value);
		return 0;
	}
	for (uint32_t i = 0; i <= UINT8_MAX; i++) {
		const char *name = registry_name(registry, i);

		if (name != NULL && strcmp(name, json_string_value(value)) == 0) {
			*code = (uint8_t)i;
			return 0;
		}
	}
	return complain_at(planner, key, "\"%s\" is unknown; write its number",
	                   json_string_value(value));
}

static int read_alert(struct planner *planner)
{
	struct planned_fault *fault = planner->fault;
	uint8_t level = 0, description = 0;
	int rc = read_code(planner, "level", REGISTRY_ALERT_LEVEL, &level);

	if (rc == 0)
		rc = read_code(planner, "description", REGISTRY_ALERT_DESCRIPTION, &description);
	buf_u8(&fault->with, level);
	buf_u8(&fault->with, description);
	fault->content_type = CONTENT_alert;
	return rc;
}

static int read_where(struct planner *planner)
{
	struct planned_fault *fault = planner->fault;
	const char *word = json_text(planner->node->value, "where");

	fault->where = deeds[fault->deed].where;
	if (strcmp(word, "before") == 0)
		fault->where = WHERE_BEFORE;
	else if (strcmp(word, "after") == 0)
		fault->where = WHERE_AFTER;
	else if (strcmp(word, "inside") == 0)
		fault->where = WHERE_INSIDE;
	if (fault->where == WHERE_INSIDE && fault->deed != DO_CLOSE && fault->deed != DO_RESET)
		return complain_at(planner, "where",
		                   "only \"close\" and \"reset\" can be done inside of a message");
	return 0;
}

static void read_sizes(struct planned_fault *fault, const json_t *sizes)
{
	const json_t *size;
	size_t i;

	json_array_foreach(sizes, i, size) {
		CHECK(i < FAULT_SIZES_MAX);
		fault->sizes[fault->n_sizes++] = (size_t)json_integer_value(size);
	}
}

static int read_values(struct planner *planner)
{
	struct planned_fault *fault = planner->fault;
	const json_t *json = planner->node->value;
	size_t times = json_object_get(json, "times") != NULL ? (size_t)json_number(json, "times")
	                                                      : 1;
	int rc = read_where(planner);

	fault->offset = (size_t)json_number(json, "offset");
	fault->by = (int)json_number(json, "by");
	fault->bytes = fault->deed == DO_REPEAT ? times : (size_t)json_number(json, "bytes");
	fault->ms = (int)json_number(json, "ms");
	fault->content_type = CONTENT_handshake;
	read_sizes(fault, json_object_get(json, "sizes"));
	if (rc == 0 && json_object_get(json, "with") != NULL)
		rc = read_with(planner, json_text(json, "with"), times);
	if (rc == 0 && json_object_get(json, "bits") != NULL)
		read_hex(json_text(json, "bits"), &fault->with);
	if (rc == 0 && json_object_get(json, "content_type") != NULL)
		rc = read_code(planner, "content_type", REGISTRY_CONTENT_TYPE,
		               &fault->content_type);
	if (rc == 0 && fault->deed == DO_ALERT)
		rc = read_alert(planner);
	return rc;
}

/* What is put into a field of fixed size fits it, and fills it if no offset is given. */
static int check_sizes(struct planner *planner)
{
	const struct planned_fault *fault = planner->fault;
	bool partial = json_object_get(planner->node->value, "offset") != NULL;
	size_t size = fault->place.size, given = fault->offset + fault->with.len;

	if (fault->deed == DO_ADD && (size == 0 || size > 4))
		return complain_at(planner, "do", "%s is no number to add to", fault->at);
	if (size == 0)
		return 0;
	if (fault->deed == DO_FLIP && given > size)
		return complain_at(planner, "bits", "%s has %zu bytes, and this is about %zu",
		                   fault->at, size, given);
	if (fault->deed == DO_REPLACE && (given > size || (!partial && given != size)))
		return complain_at(planner, "with", "%s has %zu bytes, and this makes %zu",
		                   fault->at, size, given);
	return 0;
}

static int read_fault(struct planned_fault *fault, const struct json_node *node, unsigned versions,
                      struct error *error)
{
	struct planner planner = {fault, node, versions, error};
	int (*const steps[])(struct planner *) = {read_place,     read_deed,   check_values,
	                                          check_versions, read_values, check_sizes};
	int rc = 0;

	*fault = (struct planned_fault){.at = json_text(node->value, "at"),
	                        .word = json_text(node->value, "do"),
	                        .name = json_string_value(json_object_get(node->value, "name")),
	                        .nth = (unsigned)json_number(node->value, "nth")};
	if (fault->nth == 0)
		fault->nth = 1;
	if (json_object_get(node->value, "offered") != NULL)
		fault->offered = (uint16_t)(VERSION_TLS_1_0 +
		                            (json_text(node->value, "offered")[2] - '0'));
	for (size_t i = 0; rc == 0 && i < sizeof(steps) / sizeof(steps[0]); i++)
		rc = steps[i](&planner);
	return rc;
}

int fault_plan_new(struct fault_plan **plan, const struct json_node *faults, unsigned versions,
                   struct error *error)
{
	struct fault_plan *made = calloc(1, sizeof(*made));
	int rc = 0;

	CHECK(made != NULL);
	made->json = json_incref(faults->value);
	if (json_array_size(faults->value) > FAULTS_MAX_PLANNED)
		rc = json_complain(faults, error, "has more than %d faults", FAULTS_MAX_PLANNED);
	for (size_t i = 0; rc == 0 && i < json_array_size(faults->value); i++) {
		struct json_node node = json_item(faults, i);

		rc = read_fault(&made->faults[made->n_faults++], &node, versions, error);
	}
	if (rc == 0)
		*plan = made;
	else
		fault_plan_free(made);
	return rc;
}

void fault_plan_free(struct fault_plan *plan)
{
	if (plan == NULL)
		return;
	for (size_t i = 0; i < plan->n_faults; i++)
		buf_fini(&plan->faults[i].with);
	json_decref(plan->json);
	free(plan);
}

unsigned fault_versions(const json_t *versions)
{
	static const char *const words[] = {"1.0", "1.1", "1.2", "1.3"};
	const json_t *version;
	unsigned set = 0;
	size_t i;

	json_array_foreach(versions, i, version)
		for (unsigned k = 0; k < 4; k++)
			if (strcmp(words[k], json_string_value(version)) == 0)
				set |= 1u << k;
	return set;
}

void fault_label(struct buf *out, const json_t *fault)
{
	const char *name = json_text(fault, "name");

	if (name[0] != '\0')
		buf_text(out, name);
	else
		buf_printf(out, "%s-%s", json_text(fault, "do"), json_text(fault, "at"));
}
