#include "verdict/outcome.h"

#include <string.h>

static const struct {
	const char *word;
	int exit_status;
} outcomes[OUTCOME_MAX] = {
	[OUTCOME_PASS] = {"pass", 0},
	[OUTCOME_FAIL] = {"fail", 1},
	[OUTCOME_XFAIL] = {"xfail", 0},
	[OUTCOME_XPASS] = {"xpass", 1},
	[OUTCOME_UNSUPPORTED] = {"unsupported", 0},
	[OUTCOME_INCONCLUSIVE] = {"inconclusive", 1},
	[OUTCOME_ERROR] = {"error", 3},
	[OUTCOME_SKIP] = {"skip", 0},
};

enum outcome outcome_named(const char *word)
{
	for (int i = 0; i < OUTCOME_MAX; i++)
		if (strcmp(word, outcomes[i].word) == 0)
			return (enum outcome)i;
	return OUTCOME_ERROR;
}

const char *outcome_word(enum outcome outcome)
{
	return outcomes[outcome].word;
}

bool outcome_passed(enum outcome outcome)
{
	return outcome == OUTCOME_PASS || outcome == OUTCOME_XPASS;
}

bool outcome_failed(enum outcome outcome)
{
	return outcome == OUTCOME_FAIL || outcome == OUTCOME_XFAIL;
}

int outcome_exit_status(enum outcome outcome)
{
	return outcomes[outcome].exit_status;
}
