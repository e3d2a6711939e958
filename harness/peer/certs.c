#include "peer/certs.h"

#include "base/assert.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/words.h"
#include "peer/issue.h"
#include "peer/material.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOCK ".lock"
#define INDEX "index.json"
#define CHECKED "checked" /* what was found good, and when */
#define CHECKED_MAX 128   /* bytes of it */
#define DAY_S 86400
#define SETTLED_NS 50000000u /* a file changed since may change once more in the same tick */
#define THREADS_MAX 16

/* One call of certs_make. `materials` are in the order of recipes.order: issuers first. */
struct making {
	struct recipes recipes;
	struct material *materials;
	const char *out;
	time_t now;
	struct material **stale; /* those to be made */
	size_t n_stale;
};

/* Keys that several threads make: each takes the next until none is left. */
struct key_work {
	struct material **wanted;
	size_t n;
	atomic_size_t next;
	pthread_mutex_t error_lock;
	struct error error; /* code 0 as long as all goes well */
};

/* The material of a recipe that comes earlier in the order; NULL for no recipe. */
static struct material *material_of(const struct making *making, const struct recipe *recipe)
{
	for (size_t i = 0; recipe != NULL && i < making->recipes.n; i++) {
		if (making->materials[i].recipe == recipe)
			return &making->materials[i];
	}
	return NULL;
}

static void link_material(const struct making *making, struct material *material)
{
	const struct recipe *recipe = material->recipe;

	material->issuer = material_of(making, recipe->issuer);
	material->key_of = material_of(making, recipe->key_of);
	material->trust = material_of(making, recipe->trust);
	for (size_t i = 0; i < recipe->n_chain; i++)
		material->chain[i] = material_of(making, recipe->chain[i]);
}

/* What needs a certificate that is made anew, is made anew too. */
static void find_stale(struct making *making)
{
	size_t n = making->recipes.n;

	making->materials = calloc(n, sizeof(*making->materials));
	making->stale = calloc(n, sizeof(*making->stale));
	CHECK(making->materials != NULL && making->stale != NULL);
	for (size_t i = 0; i < n; i++) {
		struct material *material = &making->materials[i];

		material->recipe = making->recipes.order[i];
		link_material(making, material);
		if (material_lacks(material) ||
		    !material_open(material, making->out, making->now))
			making->stale[making->n_stale++] = material;
	}
}

static void *make_keys(void *context)
{
	struct key_work *work = context;
	struct error error;
	size_t i;

	while ((i = atomic_fetch_add(&work->next, 1)) < work->n) {
		if (issue_key(work->wanted[i]->recipe, &work->wanted[i]->key, &error) == 0)
			continue;
		pthread_mutex_lock(&work->error_lock);
		work->error = error;
		pthread_mutex_unlock(&work->error_lock);
	}
	return NULL;
}

static int longest_first(const void *a, const void *b)
{
	unsigned bits_a = (*(struct material *const *)a)->recipe->key->bits;
	unsigned bits_b = (*(struct material *const *)b)->recipe->key->bits;

	return (bits_a < bits_b) - (bits_a > bits_b);
}

/* The caller's thread works too, so that all keys are made even if no thread can be started. */
static void share_out(struct key_work *work)
{
	long n_processors = sysconf(_SC_NPROCESSORS_ONLN);
	pthread_t threads[THREADS_MAX];
	long n_threads = 0;

	while (n_threads < THREADS_MAX && n_threads < n_processors - 1 &&
	       (size_t)n_threads + 1 < work->n &&
	       pthread_create(&threads[n_threads], NULL, make_keys, work) == 0)
		n_threads++;
	make_keys(work);
	for (long i = 0; i < n_threads; i++)
		pthread_join(threads[i], NULL);
}

static int make_all_keys(const struct making *making, struct error *error)
{
	struct key_work work = {
		.wanted = calloc(making->n_stale + 1, sizeof(*work.wanted)),
		.error_lock = PTHREAD_MUTEX_INITIALIZER,
	};

	CHECK(work.wanted != NULL);
	for (size_t i = 0; i < making->n_stale; i++)
		if (making->stale[i]->recipe->key_of == NULL)
			work.wanted[work.n++] = making->stale[i];
	qsort(work.wanted, work.n, sizeof(*work.wanted), longest_first);
	share_out(&work);
	free(work.wanted);
	if (work.error.code != 0)
		return error_set(error, work.error.code, "%s", work.error.text);
	return 0;
}

/* {"root": [names], "intermediate": [...], "server": [...], "client": [...]} */
static struct buf index_text(const struct recipes *recipes)
{
	json_t *index = json_made(json_object());
	struct buf text = {0};
	char *dumped;

	for (enum cert_role role = 0; role < CERT_N_ROLES; role++)
		json_object_set_new(index, cert_role_name(role), recipes_names(recipes, role));
	dumped = json_dumps(index, JSON_INDENT(2));
	CHECK(dumped != NULL);
	buf_printf(&text, "%s\n", dumped);
	free(dumped);
	json_decref(index);
	return text;
}

static int write_index(const struct making *making, struct error *error)
{
	char *path = file_join(making->out, INDEX);
	struct buf text = index_text(&making->recipes);
	struct buf found = {0};
	int rc = 0;

	if (file_read(path, JSON_FILE_MAX, &found, NULL) != 0 ||
	    strcmp(buf_string(&found), buf_string(&text)) != 0)
		rc = file_write(path, buf_view(&text), 0644, error);
	buf_fini(&found);
	buf_fini(&text);
	free(path);
	return rc;
}

/* Waits for the folder's lock. The kernel releases it with the descriptor, however we end. */
static int lock_folder(const char *out, int *fd, struct error *error)
{
	char *path = file_join(out, LOCK);
	int rc = 0;

	*fd = open(path, O_RDONLY | O_CREAT | O_CLOEXEC, 0644);
	if (*fd < 0) {
		rc = error_system(error, ERR_ENVIRONMENT, errno, "cannot open %s", path);
		goto out;
	}
	while (rc == 0 && flock(*fd, LOCK_EX) != 0) {
		if (errno != EINTR)
			rc = error_system(error, ERR_ENVIRONMENT, errno, "cannot lock %s", path);
	}
out:
	free(path);
	return rc;
}

/*
 * A digest of the state of all files, in hexadecimal. False if a file is missing, or was changed so
 * lately that its state may not tell.
 */
static bool digest_state(const struct making *making, struct buf *hex)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned len = 0;
	struct buf state = {0};
	uint64_t latest_ns = 0;
	bool whole = true;

	for (size_t i = 0; i < making->recipes.n && whole; i++)
		whole = material_state(making->recipes.order[i], making->out, &state, &latest_ns);
	CHECK(EVP_Digest(buf_string(&state), state.len, digest, &len, EVP_sha256(), NULL));
	buf_hex(hex, (struct bytes){digest, len});
	buf_fini(&state);
	return whole && latest_ns + SETTLED_NS < clock_wall_ns();
}

/* Whether all was found good in the day before now, and no file has changed since. */
static bool is_checked(const struct making *making)
{
	char *path = file_join(making->out, CHECKED), *rest;
	struct buf found = {0}, hex = {0};
	bool same = file_read(path, CHECKED_MAX, &found, NULL) == 0;
	long long when = strtoll(buf_string(&found), &rest, 10);

	same = same && when <= making->now && making->now < when + DAY_S && *rest == ' ' &&
	       digest_state(making, &hex) && strcmp(rest + 1, buf_string(&hex)) == 0;
	buf_fini(&hex);
	buf_fini(&found);
	free(path);
	return same;
}

/* Where it cannot be kept, all is checked again next time. */
static void keep_checked(const struct making *making)
{
	char *path = file_join(making->out, CHECKED);
	struct buf text = {0};

	buf_printf(&text, "%lld ", (long long)making->now);
	if (digest_state(making, &text))
		file_write(path, buf_view(&text), 0644, NULL);
	buf_fini(&text);
	free(path);
}

static int make_stale(struct making *making, struct error *error)
{
	int rc = material_tidy(making->out, error);

	if (rc == 0 && is_checked(making))
		return write_index(making, error);
	if (rc == 0)
		find_stale(making);
	if (rc == 0 && making->n_stale == 0)
		keep_checked(making);
	if (rc == 0)
		rc = make_all_keys(making, error);
	for (size_t i = 0; rc == 0 && i < making->n_stale; i++)
		rc = material_make(making->stale[i], making->out, making->now, error);
	if (rc == 0)
		rc = write_index(making, error);
	return rc;
}

static void making_fini(struct making *making)
{
	for (size_t i = 0; making->materials != NULL && i < making->recipes.n; i++)
		material_fini(&making->materials[i]);
	free(making->materials);
	free(making->stale);
	recipes_fini(&making->recipes);
}

int certs_make_at(const char *recipes, const char *out, time_t now, struct certs_made *made,
                  struct error *error)
{
	struct making making = {.out = out, .now = now};
	int lock = -1;
	int rc = recipes_load(&making.recipes, recipes, error);

	if (rc == 0 && (rc = file_make_folder(out, error)) != 0)
		error_append(error, "; SHAKEDOWN_STATE names another place for certificates");
	if (rc == 0)
		rc = lock_folder(out, &lock, error);
	if (rc == 0)
		rc = make_stale(&making, error);
	if (rc == 0)
		*made = (struct certs_made){
			.n_made = making.n_stale,
			.n_kept = making.recipes.n - making.n_stale,
		};
	if (lock >= 0)
		close(lock);
	making_fini(&making);
	return rc;
}

int certs_make(const char *recipes, const char *out, struct certs_made *made, struct error *error)
{
	return certs_make_at(recipes, out, (time_t)(clock_wall_ns() / 1000000000u), made, error);
}

int certs_names(const char *recipes, enum cert_role role, json_t **names, struct error *error)
{
	struct recipes loaded;
	int rc = recipes_load(&loaded, recipes, error);

	if (rc != 0)
		return rc;
	*names = recipes_names(&loaded, role);
	recipes_fini(&loaded);
	return 0;
}

/* A checkout, not an installation, that the user may write to. */
static bool is_own_checkout(const char *root)
{
	char *layers = file_join(root, "harness/LAYERS"), *certs = file_join(root, "certs");
	char *out = file_join(root, "certs/out");
	struct stat status;
	bool own = access(layers, F_OK) == 0;

	if (own && (stat(out, &status) == 0 || stat(certs, &status) == 0))
		own = geteuid() == 0 || status.st_uid == geteuid();
	own = own && access(access(out, F_OK) == 0 ? out : certs, W_OK) == 0;
	free(layers);
	free(certs);
	free(out);
	return own;
}

char *certs_folder(struct error *error)
{
	const char *named = getenv("SHAKEDOWN_STATE"), *state = getenv("XDG_STATE_HOME");
	const char *home = getenv("HOME"), *root = file_data_root(error);

	if (root == NULL)
		return NULL;
	if (named != NULL && named[0] != '\0')
		return file_join(named, "certs");
	if (is_own_checkout(root))
		return file_join(root, "certs/out");
	if (state != NULL && state[0] == '/')
		return file_join(state, "shakedown/certs");
	if (home != NULL && home[0] == '/')
		return file_join(home, ".local/state/shakedown/certs");
	error_set(error, ERR_ENVIRONMENT,
	          "there is no folder for certificates: neither HOME nor XDG_STATE_HOME is set; name "
	          "one by SHAKEDOWN_STATE");
	return NULL;
}

int certs_make_own(struct certs_made *made, struct error *error)
{
	char *out = certs_folder(error), *recipes;
	int rc;

	if (out == NULL)
		return error->code;
	recipes = file_join(file_data_root(error), "certs/recipes.json");
	rc = certs_make(recipes, out, made, error);
	free(recipes);
	free(out);
	return rc;
}

static bool lists(const json_t *index, enum cert_role role, const char *name)
{
	const json_t *entry;
	size_t i;

	json_array_foreach(json_object_get(index, cert_role_name(role)), i, entry) {
		if (json_is_string(entry) && strcmp(json_string_value(entry), name) == 0)
			return true;
	}
	return false;
}

static int complain_of_name(const json_t *index, enum cert_role wanted, const char *name,
                            struct error *error)
{
	const json_t *known = json_object_get(index, cert_role_name(wanted));
	struct buf what = {0}, sentence = {0};

	buf_printf(&what, "%s certificate", cert_role_name(wanted));
	words_unknown(&sentence, buf_string(&what), name, known);
	error_set(error, ERR_INPUT, "%s", buf_string(&sentence));
	for (enum cert_role role = 0; role < CERT_N_ROLES; role++) {
		if (lists(index, role, name))
			error_append(error, "; \"%s\" is of role \"%s\"", name,
			             cert_role_name(role));
	}
	buf_fini(&sentence);
	buf_fini(&what);
	return ERR_INPUT;
}

static int load_index(const char *out, json_t **index, struct error *error)
{
	char *path = file_join(out, INDEX);
	int rc = 0;

	if (json_load_path(path, index, error) != 0)
		rc = error_set(
			error, ERR_ENVIRONMENT,
			"there are no certificates in %s: make them with \"shakedown certs\"", out);
	free(path);
	return rc;
}

int certs_find(const char *out, enum cert_role role, const char *name, struct cert_files *files,
               struct error *error)
{
	json_t *index = NULL;
	char *folder;
	int rc = load_index(out, &index, error);

	if (rc != 0)
		return rc;
	if (!lists(index, role, name)) {
		rc = complain_of_name(index, role, name, error);
		goto out;
	}
	folder = file_join(out, name);
	*files = (struct cert_files){
		.folder = folder,
		.chain_pem = file_join(folder, "chain.pem"),
		.key_pem = file_join(folder, "key.pem"),
		.leaf_der = file_join(folder, "leaf.der"),
		.key_der = file_join(folder, "key.der"),
		.ca_pem = file_join(folder, "ca.pem"),
		.ca_der = file_join(folder, "ca.der"),
	};
out:
	json_decref(index);
	return rc;
}

void cert_files_fini(struct cert_files *files)
{
	free(files->folder);
	free(files->chain_pem);
	free(files->key_pem);
	free(files->leaf_der);
	free(files->key_der);
	free(files->ca_pem);
	free(files->ca_der);
	*files = (struct cert_files){0};
}
