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

static void empty(struct credentials *credentials, size_t slot)
{
	struct credential *credential = &credentials->slots[slot];

	free(credentials->names[slot].name);
	credentials->names[slot] = (struct recent){0};
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

static int read_files(struct credential *credential, const char *certificates, const char *name,
                      char **refused, struct error *error)
{
	struct cert_files *files = &credential->files;
	const char *bad = NULL;
	int rc = certs_find(certificates, CERT_SERVER, name, files, error);

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

static bool is_same_time(struct timespec a, struct timespec b)
{
	return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

const struct credential *credentials_get(struct credentials *credentials, const char *certificates,
                                         const char *name, char **refused, struct error *error)
{
	size_t slot = recent_find(credentials->names, CREDENTIALS_MAX, name);
	struct recent *kept = &credentials->names[slot];
	struct credential *credential = &credentials->slots[slot];
	struct timespec written = credential_written(certificates, name);

	*refused = NULL;
	if (!recent_is(kept, name) || !is_same_time(credential->written, written)) {
		empty(credentials, slot);
		credential->written = written;
		if (read_files(credential, certificates, name, refused, error) != 0) {
			empty(credentials, slot);
			return NULL;
		}
		kept->name = strdup(name);
		CHECK(kept->name != NULL);
		if (credentials->for_children)
			prepare(credential->key);
	}
	kept->asked = ++credentials->n_asked;
	return credential;
}

void credentials_fini(struct credentials *credentials)
{
	for (size_t i = 0; i < CREDENTIALS_MAX; i++)
		empty(credentials, i);
}
