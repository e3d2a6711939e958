#include "command.h"

#include "base/assert.h"
#include "base/buf.h"
#include "base/file.h"
#include "base/json.h"
#include "scenario/shard.h"
#include "scenario/suite.h"
#include "verdict/known.h"
#include "verdict/rules.h"
#include "view/results.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define TYPES_MAX 64
#define SHARD_SCRIPT "shard.sh"
#define MERGE_SCRIPT "merge.sh"

enum {
	SLURM_WORDS, /* "submit", and the suites */
	SLURM_BOARDS,
	SLURM_SHARDS,
	SLURM_OUT,
	SLURM_DRY_RUN,
	SLURM_DAEMON,
	SLURM_PASSED, /* from here on: options of `shakedown run` */
	SLURM_CONTROL = SLURM_PASSED,
	SLURM_TRIES,
	SLURM_RULES,
	SLURM_ATTEMPTS,
	SLURM_KNOWN,
	SLURM_DURATIONS,
};

struct submission {
	const struct option_words *options;
	const char *const *suites;
	size_t n_suites;
	size_t n_shards;
	char *out;     /* the run's folder, absolute */
	char *here;    /* where it was asked for: relative names are from there */
	char *program; /* this command, as the nodes have it too */
	struct buf shard, merge; /* the scripts */
};

/* --- the scripts ------------------------------------------------------------------------------ */

/* As one word of the shell. */
static void put_word(struct buf *out, const char *word)
{
	buf_char(out, '\'');
	for (; *word != '\0'; word++)
		if (*word == '\'')
			buf_text(out, "'\\''");
		else
			buf_char(out, *word);
	buf_char(out, '\'');
}

/* Of the words `first ... n - 1` of an option, how many are `word`. */
static size_t count_words(const struct option_words *option, size_t first, const char *word)
{
	size_t count = 0;

	for (size_t i = first; i < option->n; i++)
		count += strcmp(option->words[i], word) == 0;
	return count;
}

/* All boards of a shard are on one node: a type that is named twice is two of them. */
static void put_gres(struct buf *out, const struct option_words *boards)
{
	const char *comma = "";

	buf_text(out, "#SBATCH --nodes=1 --gres=");
	for (size_t i = 0; i < boards->n; i++) {
		size_t n = count_words(boards, i, boards->words[i]);

		if (count_words(boards, 0, boards->words[i]) > n)
			continue; /* it was counted where it came first */
		buf_printf(out, "%sboard:%s:%zu", comma, boards->words[i], n);
		comma = ",";
	}
	buf_char(out, '\n');
}

static void put_daemon(struct buf *out, const struct option_words *daemon)
{
	buf_text(out, " --daemon");
	if (daemon->n > 0) {
		buf_char(out, ' ');
		put_word(out, command_word(daemon));
	}
}

static void put_run(struct submission *submission)
{
	const struct option_words *options = submission->options;
	struct buf *out = &submission->shard;

	buf_text(out, "exec \"$shakedown\" run");
	for (size_t i = 0; i < submission->n_suites; i++) {
		buf_char(out, ' ');
		put_word(out, submission->suites[i]);
	}
	buf_text(out, " --board");
	for (size_t i = 0; i < options[SLURM_BOARDS].n; i++)
		buf_printf(out, " type:%s", options[SLURM_BOARDS].words[i]);
	for (size_t i = SLURM_PASSED; options[i].name != NULL; i++)
		for (size_t k = 0; k < options[i].n; k++) {
			buf_printf(out, " %s ", options[i].name);
			put_word(out, options[i].words[k]);
		}
	put_daemon(out, &options[SLURM_DAEMON]);
	buf_printf(out, " \\\n\t--shard \"$SLURM_ARRAY_TASK_ID/%zu\" --out \"$part\"\n",
	           submission->n_shards);
}

static void put_start(const struct submission *submission, struct buf *out)
{
	buf_text(out, "\ncd ");
	put_word(out, submission->here);
	buf_text(out, " || exit\nshakedown=");
	put_word(out, submission->program);
	buf_text(out, "\nfolder=");
	put_word(out, submission->out);
	buf_char(out, '\n');
}

/* Slurm runs a task again when its node died: what was run stays, and what was done is done. */
static void write_shard_script(struct submission *submission)
{
	struct buf *out = &submission->shard;

	buf_printf(out, "#!/bin/sh\n#SBATCH --job-name=shakedown --array=1-%zu --requeue\n",
	           submission->n_shards);
	put_gres(out, &submission->options[SLURM_BOARDS]);
	buf_text(out, "#SBATCH --output=log-%a.txt --open-mode=append\n");
	put_start(submission, out);
	buf_text(out, "part=$folder/shard-$SLURM_ARRAY_TASK_ID\n"
	              "if [ -s \"$part/journal.jsonl\" ]; then\n"
	              "\texec \"$shakedown\" run --resume \"$part\"");
	put_daemon(out, &submission->options[SLURM_DAEMON]);
	buf_text(out, "\nelif [ -e \"$part/results.json\" ]; then\n"
	              "\texec \"$shakedown\" report \"$part\"\nfi\n");
	put_run(submission);
}

static void write_merge_script(struct submission *submission)
{
	struct buf *out = &submission->merge;

	buf_text(out, "#!/bin/sh\n#SBATCH --job-name=shakedown-merge --output=log-merge.txt\n");
	put_start(submission, out);
	buf_text(out,
	         "set -- \"$folder\"/shard-[0-9]*\n"
	         "if [ ! -e \"$1\" ]; then\n"
	         "\techo \"No shard has left anything in $folder: see its log-*.txt.\" >&2\n"
	         "\texit 3\nfi\n"
	         "exec \"$shakedown\" merge \"$@\" --out \"$folder/all\"\n");
}

/* --- what it is given ------------------------------------------------------------------------- */

static int check_type(const char *type, struct error *error)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	                              "0123456789._-";

	if (type[0] != '\0' && type[strspn(type, allowed)] == '\0')
		return 0;
	return error_set(error, ERR_INPUT,
	                 "--boards takes types of boards, as Slurm and the lab files call them, "
	                 "such as stm32h5; not \"%s\"",
	                 type);
}

static int read_shards(struct submission *submission, size_t n_cases, struct error *error)
{
	const struct option_words *option = &submission->options[SLURM_SHARDS];
	long number;
	size_t n;

	if (option->n == 0)
		return error_set(error, ERR_INPUT,
		                 "slurm submit needs --shards and a number: at most as many run at "
		                 "once as there are boards");
	if (command_number(option, 1, SHARD_MAX, 0, &number, error) != 0)
		return error->code;
	n = (size_t)number;
	if (n > n_cases)
		return error_set(error, ERR_INPUT,
		                 "the plan has %zu cases: it cannot be had in %zu shards", n_cases,
		                 n);
	submission->n_shards = n;
	return 0;
}

/* Wrong suites are refused here, not by the tasks. */
static int count_cases(const struct submission *submission, size_t *n_cases, struct error *error)
{
	struct option_words names = {.n = submission->n_suites};
	struct suite *suites[COMMAND_WORDS_MAX] = {0};
	int rc;

	memcpy(names.words, submission->suites, names.n * sizeof(names.words[0]));
	rc = command_suites(&names, suites, error);
	for (size_t i = 0; i < names.n; i++) {
		if (rc == 0)
			*n_cases += suite_n_cases(suites[i]);
		suite_free(suites[i]);
	}
	return rc;
}

static int check_words(struct submission *submission, struct error *error)
{
	const struct option_words *words = &submission->options[SLURM_WORDS];
	const struct option_words *boards = &submission->options[SLURM_BOARDS];
	size_t n_cases = 0;
	int rc = 0;

	if (words->n == 0 || strcmp(words->words[0], "submit") != 0)
		return error_set(error, ERR_INPUT, "slurm takes the word submit, and suites");
	submission->suites = words->words + 1;
	submission->n_suites = words->n - 1;
	if (submission->n_suites == 0)
		return error_set(error, ERR_INPUT,
		                 "slurm submit takes a suite: a file, or a name such as story");
	if (boards->n == 0 || boards->n > TYPES_MAX)
		return error_set(error, ERR_INPUT,
		                 "slurm submit needs --boards and the type that each shard wants, "
		                 "as in --boards stm32h5");
	for (size_t i = 0; rc == 0 && i < boards->n; i++)
		rc = check_type(boards->words[i], error);
	if (rc == 0)
		rc = count_cases(submission, &n_cases, error);
	return rc != 0 ? rc : read_shards(submission, n_cases, error);
}

static int check_known(const char *path, struct error *error)
{
	const char *root = file_data_root(error);
	struct known *known = NULL;
	json_t *json = NULL, *document;
	char *schema;
	int rc = root != NULL ? json_load_path(path, &json, error) : error->code;

	if (rc != 0)
		return rc;
	schema = file_join(root, "scenarios/schema/known.schema.json");
	document = json_made(json_pack("{s:s, s:o}", "file", path, "json", json));
	rc = known_take(&known, document, schema, error);
	known_free(known);
	json_decref(document);
	free(schema);
	return rc;
}

static int check_durations(const char *folder, struct error *error)
{
	struct shelf *shelf = shelf_new();
	json_t *former = NULL;
	int rc = command_results_of_run("--durations", folder, shelf, &former, error);

	json_decref(former);
	shelf_free(shelf);
	return rc;
}

/* Here, and not by tasks that have waited long for their boards. The daemon checks --control. */
static int check_passed(const struct option_words *options, struct error *error)
{
	const char *known = command_word(&options[SLURM_KNOWN]);
	const char *durations = command_word(&options[SLURM_DURATIONS]);
	json_t *own = command_words(&options[SLURM_RULES]);
	struct rules *rules = NULL;
	long number;
	int rc = command_number(&options[SLURM_TRIES], 0, COMMAND_TRIES_MAX, 0, &number, error);

	if (rc == 0)
		rc = command_number(&options[SLURM_ATTEMPTS], 1, COMMAND_ATTEMPTS_MAX, 1, &number,
		                    error);
	if (rc == 0)
		rc = rules_load_shipped(&rules, own, error);
	rules_free(rules);
	json_decref(own);
	if (rc == 0 && known != NULL)
		rc = check_known(known, error);
	return rc == 0 && durations != NULL ? check_durations(durations, error) : rc;
}

static int find_places(struct submission *submission, struct error *error)
{
	const char *out = command_word(&submission->options[SLURM_OUT]);
	char *otherwise = out == NULL ? command_default_folder(submission->suites[0]) : NULL;

	submission->here = getcwd(NULL, 0);
	if (submission->here == NULL)
		return error_system(error, ERR_ENVIRONMENT, errno,
		                    "cannot tell which folder this is");
	out = out != NULL ? out : otherwise;
	submission->out = out[0] == '/' ? strdup(out) : file_join(submission->here, out);
	CHECK(submission->out != NULL);
	submission->program = file_sibling_program("shakedown");
	free(otherwise);
	return 0;
}

/* --- sbatch ----------------------------------------------------------------------------------- */

/* In the run's folder, so that the logs come to lie there. */
static int spawn_sbatch(char *const arguments[], const char *folder, const int ends[2], pid_t *pid)
{
	posix_spawn_file_actions_t actions;
	int rc;

	CHECK(posix_spawn_file_actions_init(&actions) == 0);
	posix_spawn_file_actions_addchdir_np(&actions, folder);
	posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
	posix_spawn_file_actions_adddup2(&actions, ends[1], STDERR_FILENO);
	rc = posix_spawnp(pid, arguments[0], &actions, NULL, arguments, environ);
	posix_spawn_file_actions_destroy(&actions);
	return rc;
}

static void read_all(int fd, struct buf *out)
{
	char chunk[512];
	ssize_t n;

	while ((n = read(fd, chunk, sizeof(chunk))) > 0 || (n < 0 && errno == EINTR))
		if (n > 0)
			buf_add(out, chunk, (size_t)n);
}

/* Its last line, which tells the job or the reason. */
static const char *last_line(struct buf *said)
{
	char *text = (char *)buf_string(said), *newline;
	size_t len = strlen(text);

	while (len > 0 && text[len - 1] == '\n')
		text[--len] = '\0';
	newline = strrchr(text, '\n');
	return newline != NULL ? newline + 1 : text;
}

/* The number of the new job, 0 with the error set. */
static unsigned long take_answer(struct buf *said, int status, struct error *error)
{
	const char *line = last_line(said);
	unsigned long job = strtoul(line, NULL, 10);

	if (WIFEXITED(status) && WEXITSTATUS(status) == 0 && job > 0)
		return job;
	error_set(error, ERR_ENVIRONMENT, "Slurm did not take the job: %s",
	          line[0] != '\0' ? line : "sbatch gave no reason");
	return 0;
}

static unsigned long call_sbatch(char *const arguments[], const char *folder, struct error *error)
{
	struct buf said = {0};
	unsigned long job = 0;
	int ends[2], status = 0, rc;
	pid_t pid;

	CHECK(pipe2(ends, O_CLOEXEC) == 0);
	rc = spawn_sbatch(arguments, folder, ends, &pid);
	close(ends[1]);
	if (rc == 0) {
		read_all(ends[0], &said);
		waitpid(pid, &status, 0);
		job = take_answer(&said, status, error);
	} else {
		error_system(error, ERR_ENVIRONMENT, rc,
		             "cannot run sbatch; submit where Slurm's commands are installed "
		             "(--dry-run shows what it would get)");
	}
	close(ends[0]);
	buf_fini(&said);
	return job;
}

/* --- submitting ------------------------------------------------------------------------------- */

static int write_script(const struct submission *submission, const char *name,
                        const struct buf *script, struct error *error)
{
	char *path = file_join(submission->out, name);
	int rc = 0;

	if (access(path, F_OK) == 0)
		rc = error_set(error, ERR_INPUT,
		               "%s holds a run already: name another folder with --out",
		               submission->out);
	if (rc == 0)
		rc = file_write(path, buf_view(script), 0777, error);
	free(path);
	return rc;
}

static void remove_scripts(const struct submission *submission)
{
	static const char *const names[] = {SHARD_SCRIPT, MERGE_SCRIPT};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char *path = file_join(submission->out, names[i]);

		unlink(path);
		free(path);
	}
	rmdir(submission->out); /* unless it holds something else */
}

static int submit(const struct submission *submission, struct error *error)
{
	char *const first[] = {"sbatch", "--parsable", SHARD_SCRIPT, NULL};
	char dependency[64];
	char *const second[] = {"sbatch", "--parsable", dependency, MERGE_SCRIPT, NULL};
	unsigned long shards = call_sbatch(first, submission->out, error), merge;

	if (shards == 0) {
		remove_scripts(submission); /* nothing was begun: it may be tried again */
		return error->code;
	}
	snprintf(dependency, sizeof(dependency), "--dependency=afterany:%lu", shards);
	merge = call_sbatch(second, submission->out, error);
	if (merge == 0) {
		error_append(error, "; job %lu has the shards, and only their merge is missing",
		             shards);
		return error->code;
	}
	printf("Job %lu: %zu shards. Job %lu: merges them when they have ended, into %s/all.\n"
	       "`squeue -j %lu,%lu` shows them, `scancel %lu %lu` ends them.\n",
	       shards, submission->n_shards, merge, submission->out, shards, merge, shards, merge);
	return 0;
}

static int carry_out(const struct submission *submission, struct error *error)
{
	int rc = results_check_unused(submission->out, error);

	if (rc != 0)
		return rc;
	if (submission->options[SLURM_DRY_RUN].given) {
		printf("# %s/%s\n%s\n# %s/%s\n%s", submission->out, SHARD_SCRIPT,
		       buf_string((struct buf *)&submission->shard), submission->out,
		       MERGE_SCRIPT, buf_string((struct buf *)&submission->merge));
		return 0;
	}
	rc = file_make_folder(submission->out, error);
	if (rc == 0)
		rc = write_script(submission, SHARD_SCRIPT, &submission->shard, error);
	if (rc == 0)
		rc = write_script(submission, MERGE_SCRIPT, &submission->merge, error);
	return rc != 0 ? rc : submit(submission, error);
}

int command_slurm(char **arguments, struct error *error)
{
	struct option_words options[] = {
		[SLURM_WORDS] = {0},
		[SLURM_BOARDS] = {.name = "--boards"},
		[SLURM_SHARDS] = {.name = "--shards", .one = "a number"},
		[SLURM_OUT] = {.name = "--out", .one = "a folder that all nodes share"},
		[SLURM_DRY_RUN] = {.name = "--dry-run", .flag = true},
		[SLURM_DAEMON] = {.name = "--daemon", .one = "the path of a socket on the nodes"},
		[SLURM_CONTROL] = {.name = "--control", .one = "always, on-failure or never"},
		[SLURM_TRIES] = {.name = "--tries", .one = "a number"},
		[SLURM_RULES] = {.name = "--rules", .one = "the file of a diagnosis rule"},
		[SLURM_ATTEMPTS] = {.name = "--attempts", .one = "a number"},
		[SLURM_KNOWN] = {.name = "--known", .one = "the file of known failures"},
		[SLURM_DURATIONS] = {.name = "--durations", .one = "the folder of a former run"},
		{0},
	};
	struct submission submission = {.options = options};
	int rc = command_sort(arguments, options, error);

	if (rc == 0)
		rc = command_check_names(arguments, error);
	if (rc == 0)
		rc = check_words(&submission, error);
	if (rc == 0)
		rc = check_passed(options, error);
	if (rc == 0)
		rc = find_places(&submission, error);
	if (rc == 0) {
		write_shard_script(&submission);
		write_merge_script(&submission);
		rc = carry_out(&submission, error);
	}
	buf_fini(&submission.shard);
	buf_fini(&submission.merge);
	free(submission.out);
	free(submission.here);
	free(submission.program);
	return -rc;
}
