#include "peer/credential.h"

#include "base/assert.h"
#include "base/file.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct timespec credential_written(const char *certificates, const char *name)
{
	char *folder = file_join(certificates, name);
	char *chain = file_join(folder, "chain.pem");
	struct stat status = {0};

	if (stat(chain, &status) != 0)
		status = (struct stat){0};
	free(chain);
	free(folder);
	return status.st_mtim;
}

static void empty(struct credential *credential)
{
	free(credential->name);
	cert_files_fini(&credential->files);
	sk_X509_pop_free(credential->chain, X509_free);
	EVP_PKEY_free(credential->key);
	*credential = (struct credential){0};
}

/* Every certificate of the file, in its order. False if there is none. */
static bool read_chain(struct credential *credential, const char *path)
{
	BIO *file = BIO_new_file(path, "r");
	X509 *certificate;

	credential->chain = sk_X509_new_null();
	CHECK(credential->chain != NULL);
	while (file != NULL && (certificate = PEM_read_bio_X509(file, NULL, NULL, NULL)) != NULL)
		CHECK(sk_X509_push(credential->chain, certificate) > 0);
	BIO_free(file);
	if (sk_X509_num(credential->chain) == 0)
		return false;
	ERR_clear_error(); /* that the file has an end */
	return true;
}

static bool read_key(struct credential *credential, const char *path)
{
	BIO *file = BIO_new_file(path, "r");

	if (file != NULL)
		credential->key = PEM_read_bio_PrivateKey(file, NULL, NULL, NULL);
	BIO_free(file);
	return credential->key != NULL;
}

/*
 * What libcrypto computes when a key first signs, it keeps with the key: once here, instead of in
 * each process that is forked. A key that cannot sign so is left as it is.
 */
static void prepare(EVP_PKEY *key)
{
	static const unsigned char nothing[1];
	bool names_hash = EVP_PKEY_is_a(key, "ED25519") == 0 && EVP_PKEY_is_a(key, "ED448") == 0;
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	unsigned char signature[1024];
	size_t len = sizeof(signature);

	CHECK(context != NULL);
	if (EVP_DigestSignInit(context, NULL, names_hash ? EVP_sha256() : NULL, NULL, key) == 1)
		(void)EVP_DigestSign(context, signature, &len, nothing, sizeof(nothing));
	EVP_MD_CTX_free(context);
	ERR_clear_error();
}

static int read_files(struct credential *credential, const char *certificates, char **refused,
                      struct error *error)
{
	struct cert_files *files = &credential->files;
	const char *bad = NULL;
	int rc = certs_find(certificates, CERT_SERVER, credential->name, files, error);

	if (rc != 0)
		return rc;
	ERR_clear_error();
	if (!read_chain(credential, files->chain_pem))
		bad = files->chain_pem;
	else if (!read_key(credential, files->key_pem))
		bad = files->key_pem;
	if (bad == NULL)
		return 0;
	*refused = strdup(bad);
	CHECK(*refused != NULL);
	return ERR_INPUT;
}

/* The slot of `name`, else an empty one, else the one that was not asked for longest. */
static struct credential *find_slot(struct credentials *credentials, const char *name)
{
	struct credential *oldest = &credentials->slots[0];

	for (size_t i = 0; i < CREDENTIALS_MAX; i++) {
		struct credential *slot = &credentials->slots[i];

		if (slot->name != NULL && strcmp(slot->name, name) == 0)
			return slot;
		if (slot->asked < oldest->asked)
			oldest = slot;
	}
	return oldest;
}

static bool is_current(const struct credential *credential, const char *name,
                       struct timespec written)
{
	return credential->name != NULL && strcmp(credential->name, name) == 0 &&
	       credential->written.tv_sec == written.tv_sec &&
	       credential->written.tv_nsec == written.tv_nsec;
}

const struct credential *credentials_get(struct credentials *credentials, const char *certificates,
                                         const char *name, char **refused, struct error *error)
{
	struct credential *slot = find_slot(credentials, name);
	struct timespec written = credential_written(certificates, name);

	*refused = NULL;
	if (!is_current(slot, name, written)) {
		empty(slot);
		*slot = (struct credential){.name = strdup(name), .written = written};
		CHECK(slot->name != NULL);
		if (read_files(slot, certificates, refused, error) != 0) {
			empty(slot);
			return NULL;
		}
		if (credentials->for_children)
			prepare(slot->key);
	}
	slot->asked = ++credentials->n_asked;
	return slot;
}

void credentials_fini(struct credentials *credentials)
{
	for (size_t i = 0; i < CREDENTIALS_MAX; i++)
		empty(&credentials->slots[i]);
}
