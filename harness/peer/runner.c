#include "peer/runner.h"

#include "base/assert.h"
#include "base/file.h"
#include "base/json.h"
#include "peer/python.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define DEFAULT_BAUD 115200

/* A new string for the environment. The user's own PYTHONPATH may be what leads to pyserial. */
static char *python_path(const char *root)
{
	const char *own = getenv("PYTHONPATH");
	char *variable = NULL;

	if (own == NULL)
		own = "";
	CHECK(asprintf(&variable, "PYTHONPATH=%s/harness%s%s", root, own[0] != '\0' ? ":" : "",
	               own) > 0);
	return variable;
}

static void add(struct runner *runner, const char *word)
{
	CHECK(runner->n_arguments < RUNNER_ARGUMENTS);
	runner->arguments[runner->n_arguments++] = (char *)word;
}

static void add_option(struct runner *runner, const char *name, const char *value)
{
	add(runner, name);
	add(runner, value);
}

int runner_init(struct runner *runner, const json_t *profile, const char *device,
                const char *task, struct error *error)
{
	const char *root = file_data_root(error);
	const char *python = root != NULL ? python_find(error) : NULL;
	const char *driver = json_text(profile, "driver");
	long long baud = json_number(profile, "baud");

	if (python == NULL)
		return error->code;
	*runner = (struct runner){.path = python_path(root),
	                          .profile = json_dumps(profile, JSON_COMPACT)};
	CHECK(runner->profile != NULL);
	snprintf(runner->baud, sizeof(runner->baud), "%lld", baud != 0 ? baud : DEFAULT_BAUD);
	add(runner, python);
	add_option(runner, "-m", "runner");
	add_option(runner, "--driver", driver[0] != '\0' ? driver : "agent");
	add_option(runner, "--port", device);
	add_option(runner, "--baud", runner->baud);
	add_option(runner, "--name", json_text(profile, "name"));
	add_option(runner, "--profile", runner->profile);
	if (json_flag(profile, "trace"))
		add(runner, "--trace");
	if (task != NULL)
		add_option(runner, "--task", task);
	add(runner, NULL);
	/* PYTHONSAFEPATH: no module is taken from the folder that the user happens to be in. */
	runner->environment[0] = runner->path;
	runner->environment[1] = "PYTHONSAFEPATH=1";
	return 0;
}

void runner_fini(struct runner *runner)
{
	free(runner->profile);
	free(runner->path);
}

static void become(const struct runner *runner)
{
	for (size_t i = 0; runner->environment[i] != NULL; i++)
		putenv(runner->environment[i]);
	execv(runner->arguments[0], runner->arguments);
	_exit(127);
}

int runner_do(const json_t *profile, const char *device, const char *task, struct error *error)
{
	struct runner runner;
	int status = 0, rc = runner_init(&runner, profile, device, task, error);
	pid_t pid;

	if (rc != 0)
		return rc;
	fflush(stdout);
	pid = fork();
	if (pid == 0)
		become(&runner);
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		rc = error_system(error, ERR_ENVIRONMENT, errno, "cannot start the runner");
	else if (!WIFEXITED(status) || WEXITSTATUS(status) > 1)
		rc = error_set(error, ERR_ENVIRONMENT, "the runner failed");
	else
		rc = WEXITSTATUS(status);
	runner_fini(&runner);
	return rc;
}
