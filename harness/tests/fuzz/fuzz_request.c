/*
 * What the command asks the daemon to run: suites, boards, rules, known failures, shards, as JSON.
 * Suites are checked as deeply as those of files.
 */
#include "tests/fuzz/fuzz.h"

#include "agenda.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	json_t *request = json_loadb((const char *)data, size, JSON_ALLOW_NUL, NULL);
	struct agenda agenda;
	struct error error = {0};
	int rc;

	if (!json_is_object(request)) {
		json_decref(request);
		return 0;
	}
	json_object_del(request, "profiles"); /* the daemon's own word */
	rc = agenda_load(&agenda, request, &error);
	CHECK(rc == 0 || rc == ERR_INPUT || rc == ERR_ENVIRONMENT);
	if (rc == 0) {
		json_decref(agenda_run(&agenda));
		json_decref(agenda_profiles(&agenda));
		json_decref(agenda_stale(&agenda));
		agenda_is_local(&agenda);
	}
	agenda_fini(&agenda);
	json_decref(request);
	return 0;
}
