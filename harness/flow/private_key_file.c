#include "flow/private_key_file.h"

#include "base/assert.h"
#include "base/file.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <string.h>

/* Notes that a pass phrase is asked for, and gives none. */
static int no_pass_phrase(char *text, int size, int writing, void *asked)
{
	(void)text;
	(void)size;
	(void)writing;
	*(bool *)asked = true;
	return -1;
}

/* The key in the bytes of a file, the caller's, or NULL. */
static EVP_PKEY *parse(struct bytes content, bool *asked)
{
	const uint8_t *der = content.data;
	BIO *bio = BIO_new_mem_buf(content.data, (int)content.len);
	EVP_PKEY *key;

	CHECK(bio != NULL);
	ERR_set_mark();
	key = PEM_read_bio_PrivateKey(bio, NULL, no_pass_phrase, asked);
	if (key == NULL && !*asked)
		key = d2i_AutoPrivateKey(NULL, &der, (long)content.len);
	ERR_pop_to_mark();
	BIO_free(bio);
	return key;
}

static int add(struct keylog *keylog, const char *path, EVP_PKEY *key, bool asked,
               struct error *error)
{
	if (asked)
		return error_set(error, ERR_INPUT, "--key: %s takes a pass phrase; write it "
		                 "without one: openssl pkey -in %s -out plain.pem", path, path);
	if (key == NULL)
		return error_set(error, ERR_INPUT, "--key: %s holds no private key in PEM or DER",
		                 path);
	if (EVP_PKEY_is_a(key, "RSA") != 1)
		return error_set(error, ERR_INPUT, "--key: %s is a key of the kind %s, which opens "
		                 "no records; RSA keys of servers do, and key logs (--keylog)",
		                 path, EVP_PKEY_get0_type_name(key));
	if (!keylog_add_private_key(keylog, key))
		return error_set(error, ERR_INPUT, "--key: more than %d keys",
		                 KEYLOG_PRIVATE_KEYS_MAX);
	return 0;
}

int private_key_file_read(struct keylog *keylog, const char *path, struct error *error)
{
	struct buf content = {0};
	bool asked = false;
	EVP_PKEY *key = NULL;
	int rc = file_read(path, PRIVATE_KEY_FILE_MAX, &content, error);

	if (rc != 0)
		error_prefix(error, "--key");
	if (rc == 0)
		key = parse(buf_view(&content), &asked);
	if (rc == 0)
		rc = add(keylog, path, key, asked, error);
	if (content.len > 0)
		explicit_bzero(content.data, content.len);
	EVP_PKEY_free(key);
	buf_fini(&content);
	return rc;
}
