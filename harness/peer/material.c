#include "peer/material.h"

#include "base/assert.h"
#include "base/file.h"
#include "peer/issue.h"
#include "peer/staple.h"

#include <openssl/encoder.h>
#include <openssl/pem.h>

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define UNFINISHED ".unfinished" /* the folder being written */
#define REPLACED ".replaced"     /* the folder whose place it takes */
#define SEAL "seal"
#define SEAL_FORMAT "shakedown certificate 1\n" /* raise when a recipe is to be made otherwise */
#define SEAL_TEXT_MAX (2 * EVP_MAX_MD_SIZE + 2)
#define DAY_S 86400

#define LEAVES (1u << CERT_SERVER | 1u << CERT_CLIENT)
#define ISSUED (LEAVES | 1u << CERT_INTERMEDIATE)
#define ALL (ISSUED | 1u << CERT_ROOT)

/* The certificate that those who verify are given. */
static X509 *root_of(const struct material *material)
{
	if (material->trust != NULL)
		return material->trust->certificate;
	while (material->issuer != NULL)
		material = material->issuer;
	return material->certificate;
}

static bool put_ca_pem(const struct material *material, BIO *out)
{
	return PEM_write_bio_X509(out, root_of(material));
}

static bool put_ca_der(const struct material *material, BIO *out)
{
	return i2d_X509_bio(out, root_of(material));
}

/* The certificate itself, then what its recipe says, or all above it but the root (RFC 8446 section
 * 4.4.2). */
static bool put_chain(const struct material *material, BIO *out)
{
	bool done = PEM_write_bio_X509(out, material->certificate);

	if (material->recipe->has_chain) {
		for (size_t i = 0; done && i < material->recipe->n_chain; i++)
			done = PEM_write_bio_X509(out, material->chain[i]->certificate);
		return done;
	}
	for (material = material->issuer; done && material != NULL && material->issuer != NULL;
	     material = material->issuer)
		done = PEM_write_bio_X509(out, material->certificate);
	return done;
}

static bool put_leaf_der(const struct material *material, BIO *out)
{
	return i2d_X509_bio(out, material->certificate);
}

static bool put_key_pem(const struct material *material, BIO *out)
{
	return PEM_write_bio_PrivateKey(out, material->key, NULL, NULL, 0, NULL, NULL);
}

static bool put_key_der(const struct material *material, BIO *out)
{
	OSSL_ENCODER_CTX *encoder = OSSL_ENCODER_CTX_new_for_pkey(
		material->key, EVP_PKEY_KEYPAIR, "DER", material->recipe->key->der, NULL);
	bool done = encoder != NULL && OSSL_ENCODER_to_bio(encoder, out);

	OSSL_ENCODER_CTX_free(encoder);
	return done;
}

static bool put_staple(const struct material *material, enum staple kind, BIO *out)
{
	const char *digest = material->recipe->digest;

	return staple_write(kind, material->certificate, material->issuer->certificate,
	                    material->issuer->key,
	                    digest != NULL ? EVP_get_digestbyname(digest) : NULL, out);
}

static bool put_ocsp_good(const struct material *material, BIO *out)
{
	return put_staple(material, STAPLE_GOOD, out);
}

static bool put_ocsp_revoked(const struct material *material, BIO *out)
{
	return put_staple(material, STAPLE_REVOKED, out);
}

static bool put_ocsp_expired(const struct material *material, BIO *out)
{
	return put_staple(material, STAPLE_EXPIRED, out);
}

enum {
	FILE_CA_PEM,
	FILE_CA_DER,
	FILE_CHAIN,
	FILE_LEAF_DER,
	FILE_KEY_PEM,
	FILE_KEY_DER,
	FILE_OCSP_GOOD,
	FILE_OCSP_REVOKED,
	FILE_OCSP_EXPIRED,
	N_FILES
};

static const struct {
	const char *name;
	mode_t mode;
	unsigned roles; /* bits 1 << role of the recipes that have this file */
	bool status;    /* only recipes that have a status do (recipe_has_status) */
	bool (*put)(const struct material *material, BIO *out);
} files[N_FILES] = {
	[FILE_CA_PEM] = {"ca.pem", 0644, ALL, false, put_ca_pem},
	[FILE_CA_DER] = {"ca.der", 0644, ALL, false, put_ca_der},
	[FILE_CHAIN] = {"chain.pem", 0644, ISSUED, false, put_chain},
	[FILE_LEAF_DER] = {"leaf.der", 0644, LEAVES, false, put_leaf_der},
	[FILE_KEY_PEM] = {"key.pem", 0600, ALL, false, put_key_pem},
	[FILE_KEY_DER] = {"key.der", 0600, LEAVES, false, put_key_der},
	[FILE_OCSP_GOOD] = {"ocsp-good.der", 0644, LEAVES, true, put_ocsp_good},
	[FILE_OCSP_REVOKED] = {"ocsp-revoked.der", 0644, LEAVES, true, put_ocsp_revoked},
	[FILE_OCSP_EXPIRED] = {"ocsp-expired.der", 0644, LEAVES, true, put_ocsp_expired},
};

/* The content of each file; empty for those that the role does not have. */
struct contents {
	struct buf file[N_FILES];
};

static bool has_file(const struct recipe *recipe, size_t file)
{
	if (files[file].status && !recipe_has_status(recipe))
		return false;
	return (files[file].roles & 1u << recipe->role) != 0;
}

static void contents_fini(struct contents *contents)
{
	for (size_t i = 0; i < N_FILES; i++)
		buf_fini(&contents->file[i]);
}

static bool contents_read(struct contents *contents, const struct recipe *recipe,
                          const char *folder)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < N_FILES; i++) {
		char *path = file_join(folder, files[i].name);

		if (has_file(recipe, i))
			rc = file_read(path, MATERIAL_FILE_MAX, &contents->file[i], NULL);
		free(path);
	}
	return rc == 0;
}

static int contents_make(struct contents *contents, const struct material *material,
                         struct error *error)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < N_FILES; i++) {
		BIO *memory;
		BUF_MEM *bytes;

		if (!has_file(material->recipe, i))
			continue;
		memory = BIO_new(BIO_s_mem());
		if (memory != NULL && files[i].put(material, memory) &&
		    BIO_get_mem_ptr(memory, &bytes) > 0)
			buf_add(&contents->file[i], bytes->data, bytes->length);
		else
			rc = issue_failed(material->recipe, error);
		BIO_free(memory);
	}
	return rc;
}

static int contents_write(const struct contents *contents, const struct recipe *recipe,
                          const char *folder, struct error *error)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < N_FILES; i++) {
		char *path = file_join(folder, files[i].name);

		if (has_file(recipe, i))
			rc = file_write(path, buf_view(&contents->file[i]), files[i].mode, error);
		free(path);
	}
	return rc;
}

/* The materials of recipe_needs, in the same order. */
static size_t needs_of(const struct material *material,
                       const struct material *needs[RECIPE_NEEDS_MAX])
{
	const struct material *const others[] = {material->issuer, material->key_of,
	                                         material->trust};
	size_t n = 0;

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (others[i] != NULL)
			needs[n++] = others[i];
	for (size_t i = 0; i < material->recipe->n_chain; i++)
		if (material->chain[i] != material)
			needs[n++] = material->chain[i];
	return n;
}

/*
 * Hashes what the folder is made from and what it holds, each part with its length before it, and
 * writes the digest in hexadecimal with an end of line.
 */
static void seal_text(const struct contents *contents, const struct material *material,
                      char text[SEAL_TEXT_MAX])
{
	char *canonical = recipe_canonical(material->recipe);
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned len = 0;
	struct buf sealed = {0}, hex = {0};
	const struct material *needs[RECIPE_NEEDS_MAX];
	size_t n_needs = needs_of(material, needs);

	buf_text(&sealed, SEAL_FORMAT);
	buf_u32(&sealed, (uint32_t)strlen(canonical));
	buf_text(&sealed, canonical);
	for (size_t i = 0; i < n_needs; i++) {
		CHECK(X509_digest(needs[i]->certificate, EVP_sha256(), digest, &len));
		buf_add(&sealed, digest, len);
	}
	for (size_t i = 0; i < N_FILES; i++) {
		buf_u32(&sealed, (uint32_t)contents->file[i].len);
		buf_bytes(&sealed, buf_view(&contents->file[i]));
	}
	CHECK(EVP_Digest(sealed.data, sealed.len, digest, &len, EVP_sha256(), NULL));
	buf_hex(&hex, (struct bytes){digest, len});
	snprintf(text, SEAL_TEXT_MAX, "%s\n", buf_string(&hex));
	buf_fini(&hex);
	buf_fini(&sealed);
	free(canonical);
}

static bool seal_fits(const struct contents *contents, const struct material *material,
                      const char *folder)
{
	char *path = file_join(folder, SEAL);
	char text[SEAL_TEXT_MAX];
	struct buf found = {0};
	bool fits = file_read(path, MATERIAL_FILE_MAX, &found, NULL) == 0;

	seal_text(contents, material, text);
	fits = fits && strcmp(buf_string(&found), text) == 0;
	buf_fini(&found);
	free(path);
	return fits;
}

static int seal_write(const struct contents *contents, const struct material *material,
                      const char *folder, struct error *error)
{
	char *path = file_join(folder, SEAL);
	char text[SEAL_TEXT_MAX];
	int rc;

	seal_text(contents, material, text);
	rc = file_write(path, (struct bytes){(const uint8_t *)text, strlen(text)}, 0644, error);
	free(path);
	return rc;
}

static bool put_state(const char *folder, const char *file, struct buf *state, uint64_t *latest_ns)
{
	char *path = file_join(folder, file);
	struct stat found;
	bool there = stat(path, &found) == 0;
	uint64_t changed_ns;

	free(path);
	if (!there)
		return false;
	changed_ns = (uint64_t)found.st_ctim.tv_sec * 1000000000u + (uint64_t)found.st_ctim.tv_nsec;
	buf_printf(state, "%s %llu %lld %llu\n", file, (unsigned long long)found.st_ino,
	           (long long)found.st_size, (unsigned long long)changed_ns);
	if (changed_ns > *latest_ns)
		*latest_ns = changed_ns;
	return true;
}

bool material_state(const struct recipe *recipe, const char *out, struct buf *state,
                    uint64_t *latest_ns)
{
	char *folder = file_join(out, recipe->name), *canonical = recipe_canonical(recipe);
	bool whole = put_state(folder, SEAL, state, latest_ns);

	buf_printf(state, SEAL_FORMAT "%s\n", canonical);
	for (size_t i = 0; i < N_FILES && whole; i++)
		if (has_file(recipe, i))
			whole = put_state(folder, files[i].name, state, latest_ns);
	free(canonical);
	free(folder);
	return whole;
}

static X509 *certificate_of(const struct contents *contents, const struct recipe *recipe)
{
	const struct buf *pem =
		&contents->file[recipe->role == CERT_ROOT ? FILE_CA_PEM : FILE_CHAIN];
	BIO *memory = BIO_new_mem_buf(pem->data, (int)pem->len);
	X509 *certificate = NULL;

	CHECK(memory != NULL);
	certificate = PEM_read_bio_X509(memory, NULL, NULL, NULL);
	BIO_free(memory);
	return certificate;
}

static bool dates_fit(const struct recipe *recipe, const X509 *certificate, time_t now)
{
	time_t renewal = now + (time_t)MATERIAL_RENEW_DAYS * DAY_S;
	const ASN1_TIME *begin = X509_get0_notBefore(certificate);
	const ASN1_TIME *end = X509_get0_notAfter(certificate);
	bool begins_later = recipe->begins.days > 0, has_ended = recipe->ends.days <= 0;

	return (recipe->begins.fixed || (begins_later ? X509_cmp_time(begin, &renewal) > 0
	                                              : X509_cmp_time(begin, &now) < 0)) &&
	       (recipe->ends.fixed || (has_ended ? X509_cmp_time(end, &now) < 0
	                                         : X509_cmp_time(end, &renewal) > 0));
}

bool material_lacks(const struct material *material)
{
	const struct material *needs[RECIPE_NEEDS_MAX];
	size_t n = needs_of(material, needs);

	for (size_t i = 0; i < n; i++)
		if (needs[i]->certificate == NULL)
			return true;
	return false;
}

void material_fini(struct material *material)
{
	X509_free(material->certificate);
	EVP_PKEY_free(material->key);
	*material = (struct material){0};
}

bool material_open(struct material *material, const char *out, time_t now)
{
	char *folder = file_join(out, material->recipe->name);
	struct contents contents = {0};
	X509 *certificate = NULL;

	if (contents_read(&contents, material->recipe, folder) &&
	    seal_fits(&contents, material, folder))
		certificate = certificate_of(&contents, material->recipe);
	if (certificate != NULL && dates_fit(material->recipe, certificate, now)) {
		material->certificate = certificate;
		certificate = NULL;
	}
	X509_free(certificate);
	contents_fini(&contents);
	free(folder);
	return material->certificate != NULL;
}

/* An issuer that is kept has its key on disk only. The seal has vouched for the file. */
static int need_key(struct material *material, const char *out, struct error *error)
{
	char *folder, *path;
	struct buf pem = {0};
	BIO *memory;
	int rc;

	if (material->key != NULL)
		return 0;
	folder = file_join(out, material->recipe->name);
	path = file_join(folder, files[FILE_KEY_PEM].name);
	rc = file_read(path, MATERIAL_FILE_MAX, &pem, error);
	memory = BIO_new_mem_buf(buf_string(&pem), (int)pem.len);
	CHECK(memory != NULL);
	if (rc == 0)
		material->key = PEM_read_bio_PrivateKey(memory, NULL, NULL, NULL);
	if (rc == 0 && material->key == NULL)
		rc = issue_failed(material->recipe, error);
	BIO_free(memory);
	buf_fini(&pem);
	free(path);
	free(folder);
	return rc;
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *ftw)
{
	(void)status, (void)type, (void)ftw;
	return remove(path);
}

static int remove_folder(const char *path, struct error *error)
{
	if (nftw(path, remove_entry, 8, FTW_DEPTH | FTW_PHYS) != 0 && errno != ENOENT)
		return error_system(error, ERR_ENVIRONMENT, errno, "cannot remove %s", path);
	return 0;
}

/* Between the two renames there is no folder; a process killed there leaves it to be made anew. */
static int swap_folder(const char *out, const char *unfinished, const char *name,
                       struct error *error)
{
	char *folder = file_join(out, name);
	char *replaced = file_join(out, REPLACED);
	bool was_there = rename(folder, replaced) == 0;
	int rc = 0;

	if ((!was_there && errno != ENOENT) || rename(unfinished, folder) != 0) {
		rc = error_system(error, ERR_ENVIRONMENT, errno, "cannot put a new folder at %s",
		                  folder);
		if (was_there)
			rename(replaced, folder);
		goto out;
	}
	rc = remove_folder(replaced, error);
out:
	free(replaced);
	free(folder);
	return rc;
}

static int write_folder(const struct contents *contents, const struct material *material,
                        const char *out, struct error *error)
{
	char *unfinished = file_join(out, UNFINISHED);
	int rc = file_make_folder(unfinished, error);

	if (rc == 0)
		rc = contents_write(contents, material->recipe, unfinished, error);
	if (rc == 0)
		rc = seal_write(contents, material, unfinished, error);
	if (rc == 0)
		rc = swap_folder(out, unfinished, material->recipe->name, error);
	if (rc != 0)
		remove_folder(unfinished, NULL);
	free(unfinished);
	return rc;
}

/* Sets the keys that making the material takes: its issuer's, and its own if that is another's. */
static int need_keys(struct material *material, const char *out, struct error *error)
{
	int rc = material->issuer != NULL ? need_key(material->issuer, out, error) : 0;

	if (material->key_of == NULL || rc != 0)
		return rc;
	rc = need_key(material->key_of, out, error);
	if (rc != 0)
		return rc;
	EVP_PKEY_free(material->key);
	material->key = material->key_of->key;
	CHECK(EVP_PKEY_up_ref(material->key) == 1);
	return 0;
}

int material_make(struct material *material, const char *out, time_t now, struct error *error)
{
	struct material *issuer = material->issuer;
	struct contents contents = {0};
	int rc = need_keys(material, out, error);

	CHECK(rc != 0 || material->key != NULL);
	if (rc == 0)
		rc = issue_certificate(material->recipe, material->key,
		                       issuer != NULL ? issuer->certificate : NULL,
		                       issuer != NULL ? issuer->key : NULL, now,
		                       &material->certificate, error);
	if (rc == 0)
		rc = contents_make(&contents, material, error);
	if (rc == 0)
		rc = write_folder(&contents, material, out, error);
	contents_fini(&contents);
	return rc;
}

int material_tidy(const char *out, struct error *error)
{
	char *unfinished = file_join(out, UNFINISHED);
	char *replaced = file_join(out, REPLACED);
	int rc = remove_folder(unfinished, error);

	if (rc == 0)
		rc = remove_folder(replaced, error);
	free(replaced);
	free(unfinished);
	return rc;
}
