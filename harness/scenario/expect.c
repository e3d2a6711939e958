#include "scenario/expect.h"

#include "base/words.h"
#include "decode/registry.h"
#include "scenario/setting.h"

#include <string.h>

#define ALERTS_MAX 256 /* an alert is one byte: RFC 8446 section 6 */

static bool is_refusal(const json_t *answer)
{
	return strcmp(json_text(answer, "result"), "refuse") == 0;
}

/* --- checking --------------------------------------------------------------------------------- */

static json_t *alert_names(void)
{
	json_t *names = json_made(json_array());

	for (uint32_t i = 0; i < ALERTS_MAX; i++) {
		const char *name = registry_name(REGISTRY_ALERT_DESCRIPTION, i);

		if (name != NULL)
			json_array_append_new(names, json_made(json_string(name)));
	}
	return names;
}

static bool holds(const json_t *names, const char *name)
{
	const json_t *known;
	size_t i;

	json_array_foreach(names, i, known)
		if (strcmp(json_string_value(known), name) == 0)
			return true;
	return false;
}

static int check_alerts(const struct json_node *alerts, struct error *error)
{
	json_t *known = alert_names();
	struct buf sentence = {0};
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < json_array_size(alerts->value); i++) {
		struct json_node node = json_item(alerts, i);

		if (holds(known, json_string_value(node.value)))
			continue;
		words_unknown(&sentence, "alert", json_string_value(node.value), known);
		rc = json_complain(&node, error, "%s", buf_string(&sentence));
	}
	json_decref(known);
	buf_fini(&sentence);
	return rc;
}

/* Which members belong to which result; "result" and "why" to both. */
static const struct {
	const char *key;
	bool of_refusal;
} members[] = {
	{"alerts", true},   {"by", true},     {"rfc", true},    {"instead", true},
	{"offered", true},
	{"version", false}, {"group", false}, {"alpn", false},  {"ciphersuite", false},
	{"resumed", false}, {"early_data", false},
};

static int check_answer(const struct json_node *answer, struct error *error)
{
	bool refusal = is_refusal(answer->value);
	struct json_node alerts = json_member(answer, "alerts");

	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
		struct json_node member = json_member(answer, members[i].key);

		if (member.value != NULL && members[i].of_refusal != refusal)
			return json_complain(&member, error,
			                     "means nothing where the result is \"%s\": it belongs "
			                     "to \"%s\"",
			                     refusal ? "refuse" : "connect",
			                     refusal ? "connect" : "refuse");
	}
	return alerts.value != NULL ? check_alerts(&alerts, error) : 0;
}

int expect_check(const struct json_node *expect, struct error *error)
{
	int rc = 0;

	if (!json_is_array(expect->value))
		return expect->value != NULL ? check_answer(expect, error) : 0;
	for (size_t i = 0; rc == 0 && i < json_array_size(expect->value); i++) {
		struct json_node answer = json_item(expect, i);

		rc = check_answer(&answer, error);
	}
	return rc;
}

/* --- what the certificate's recipe adds ------------------------------------------------------- */

/* What the client is to do if the suite does not say; a new value. */
static json_t *usual_answers(const struct recipe *flawed)
{
	if (flawed == NULL)
		return json_made(json_pack("{s:s}", "result", "connect"));
	if (!json_flag(flawed->refuse, "or_connect"))
		return json_made(json_pack("{s:s}", "result", "refuse"));
	return json_made(json_pack("[{s:s}, {s:s}]", "result", "refuse", "result", "connect"));
}

/* A refusal by the server is no answer to its own certificate. */
static json_t *complete_answer(const json_t *answer, const struct recipe *flawed)
{
	json_t *whole = json_made(json_copy((json_t *)answer));
	json_t *more;

	if (!is_refusal(answer) || json_object_get(answer, "by") != NULL)
		return whole;
	more = json_made(json_copy((json_t *)flawed->refuse));
	json_object_del(more, "or_connect");
	json_object_update_missing(whole, more);
	json_decref(more);
	if (flawed->like != NULL && json_object_get(whole, "instead") == NULL)
		json_object_set_new(whole, "instead", json_made(json_pack(
			"{s:s}", "certificate", flawed->like->name)));
	return whole;
}

json_t *expect_complete(json_t *expect, const struct recipe *flawed)
{
	json_t *answers = expect != NULL ? json_incref(expect) : usual_answers(flawed);
	const json_t *answer;
	json_t *wholes;
	size_t i;

	if (flawed == NULL)
		return answers;
	if (json_is_array(answers)) {
		wholes = json_made(json_array());
		json_array_foreach(answers, i, answer)
			json_array_append_new(wholes, complete_answer(answer, flawed));
	} else {
		wholes = complete_answer(answers, flawed);
	}
	json_decref(answers);
	return wholes;
}

/* --- the good twin ---------------------------------------------------------------------------- */

static const json_t *first_refusal(const json_t *expect)
{
	const json_t *answer;
	size_t i;

	if (!json_is_array(expect))
		return is_refusal(expect) ? expect : NULL;
	json_array_foreach(expect, i, answer)
		if (is_refusal(answer))
			return answer;
	return NULL;
}

json_t *expect_twin(const json_t *expect, const json_t *server)
{
	const json_t *refusal = first_refusal(expect);
	json_t *twin, *instead;

	if (refusal == NULL)
		return NULL;
	twin = json_made(json_copy((json_t *)server));
	json_object_del(twin, "faults");
	instead = setting_normal_all(json_object_get(refusal, "instead"));
	json_object_update(twin, instead);
	json_decref(instead);
	return twin;
}
