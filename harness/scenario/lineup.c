#include "scenario/lineup.h"

#include "base/json.h"
#include "peer/whatif.h"

/* The answer of one case's server to one hello. */
static json_t *answer_of(struct context *context, struct bytes hello, const json_t *asked)
{
	static const char *const kept[] = {"suite", "case", "server"};
	struct whatif whatif;
	json_t *told;

	whatif_ask(&whatif, context, hello);
	told = whatif_tell(&whatif);
	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
		json_object_set(told, kept[i], json_object_get(asked, kept[i]));
	return told;
}

static int ask_case(const struct lineup *lineup, struct contexts *contexts, const json_t *asked,
                    json_t *const answers[], struct error *error)
{
	struct context *context = contexts_get(contexts, json_object_get(asked, "server"), error);

	if (context == NULL)
		return error_prefix(error, "%s", json_text(asked, "id"));
	for (size_t i = 0; i < lineup->n_hellos; i++)
		json_array_append_new(answers[i], answer_of(context, lineup->hellos[i], asked));
	return 0;
}

int lineup_ask(const struct lineup *lineup, json_t *const answers[], struct error *error)
{
	struct contexts contexts = {.certificates = lineup->certificates};
	int rc = 0;

	for (size_t i = 0; i < lineup->n_suites; i++)
		for (size_t k = 0; rc == 0 && k < suite_n_cases(lineup->suites[i]); k++) {
			json_t *asked = suite_case(lineup->suites[i], k);

			rc = ask_case(lineup, &contexts, asked, answers, error);
			json_decref(asked);
		}
	contexts_fini(&contexts);
	return rc;
}

json_t *lineup_ask_one(const json_t *server, struct bytes hello, const char *certificates,
                       struct error *error)
{
	struct context *context = context_new(server, certificates, error);
	struct whatif whatif;

	if (context == NULL)
		return NULL;
	whatif_ask(&whatif, context, hello);
	context_free(context);
	return whatif_tell(&whatif);
}
