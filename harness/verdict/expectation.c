#include "verdict/expectation.h"

#include "base/json.h"
#include "verdict/witness.h"

#include <string.h>

/* The right answer at `index`; NULL at their end. */
static const json_t *answer_at(const json_t *expect, size_t index)
{
	if (json_is_array(expect))
		return json_array_get(expect, index);
	return index == 0 ? expect : NULL;
}

static bool has_result(const json_t *answer, const char *result)
{
	return strcmp(json_text(answer, "result"), result) == 0;
}

bool expectation_has(const json_t *expect, const char *result)
{
	const json_t *answer;

	for (size_t i = 0; (answer = answer_at(expect, i)) != NULL; i++)
		if (has_result(answer, result))
			return true;
	return false;
}

const json_t *expectation_refusal(const json_t *expect)
{
	const json_t *answer;

	for (size_t i = 0; (answer = answer_at(expect, i)) != NULL; i++)
		if (has_result(answer, "refuse"))
			return answer;
	return NULL;
}

bool expectation_holds(const json_t *refusal, const json_t *hello)
{
	const char *offered = json_text(refusal, "offered");

	return offered[0] == '\0' || witness_extension(hello, offered) != NULL;
}

static bool is_by(const json_t *answer, const json_t *alert)
{
	const char *by = json_text(answer, "by");

	if (by[0] == '\0')
		by = "client";
	return strcmp(by, "either") == 0 || strcmp(by, json_text(alert, "from")) == 0;
}

static bool names(const json_t *answer, const json_t *alert)
{
	const json_t *alerts = json_object_get(answer, "alerts"), *name;
	size_t i;

	json_array_foreach(alerts, i, name)
		if (strcmp(json_string_value(name), json_text(alert, "description")) == 0)
			return true;
	return alerts == NULL;
}

bool expectation_names_alert(const json_t *expect, const json_t *alert)
{
	const json_t *answer;

	for (size_t i = 0; alert != NULL && (answer = answer_at(expect, i)) != NULL; i++)
		if (has_result(answer, "refuse") && is_by(answer, alert) && names(answer, alert))
			return true;
	return false;
}

/* The first member of a "connect" that the testimony contradicts. */
static const char *first_difference(const json_t *answer, const json_t *server)
{
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)answer, key, value)
		if (strcmp(key, "result") != 0 && strcmp(key, "why") != 0 &&
		    !json_equal(value, json_object_get(server, key)))
			return key;
	return NULL;
}

const json_t *expectation_unmet(const json_t *expect, const json_t *server, const char **member)
{
	const json_t *unmet = NULL, *answer;

	for (size_t i = 0; (answer = answer_at(expect, i)) != NULL; i++) {
		const char *differs = first_difference(answer, server);

		if (!has_result(answer, "connect"))
			continue;
		if (differs == NULL)
			return NULL;
		if (unmet == NULL) {
			unmet = answer;
			*member = differs;
		}
	}
	return unmet;
}
