/*
 * builder.h: the parts from which context.c builds a server: its keys, in groups. Layer: peer,
 * private to it.
 *
 * A group is a table of keys ended by a row without a name, in the order in which they are applied.
 * Each key takes the value of a suite's `server` object and changes the context that is being
 * built, or refuses the value.
 */
#ifndef SHAKEDOWN_PEER_BUILDER_H
#define SHAKEDOWN_PEER_BUILDER_H

#include "peer/context.h"

/* What building one context needs at hand. */
struct builder {
	struct context *context; /* owned by whoever called builder_apply */
	const char *certificates; /* NULL: files are left alone */
	struct credentials *credentials; /* of that folder */
	const json_t *server;
	const char *key; /* the key of `server` that is being set */
	struct error *error;
};

struct context_key {
	const char *name;
	int (*set)(struct builder *builder, const json_t *value);
	uint64_t on, off; /* for keys without `set`: the options of libssl for true and for false */
};

/* Versions and lists of words: context_words.c. */
extern const struct context_key context_words[];
/* Who the server is, and whom it asks: context_identity.c. */
extern const struct context_key context_identity[];
/* Sessions, tickets, pre-shared keys: context_session.c. */
extern const struct context_key context_session[];
/* How the server behaves on the wire: context_conduct.c. */
extern const struct context_key context_conduct[];

/*
 * Builds builder->context with all keys of builder->server, which the caller frees in any case. On
 * failure builder->key is the one to blame.
 */
int builder_apply(struct builder *builder);

/* Complains with a sentence that the key goes before. ERR_INPUT. */
int builder_refuse(struct builder *builder, const char *sentence, ...)
	__attribute__((format(printf, 2, 3)));

/* As builder_refuse, for a word that OpenSSL does not take, with the reason of its error queue. */
int builder_refuse_word(struct builder *builder, const char *word);

/*
 * The text at `index` of a list of texts, or of a single text seen as a list of one; NULL at its
 * end.
 */
const char *builder_text_at(const json_t *value, size_t index);

/* Refuses what is neither a text nor a list of texts. */
int builder_expect_texts(struct builder *builder, const json_t *value);

/* Takes a boolean, or refuses. */
int builder_bool(struct builder *builder, const json_t *value, bool *taken);

/* Takes a whole number from `lowest` to `highest`, or refuses. */
int builder_number(struct builder *builder, const json_t *value, long long lowest,
                   long long highest, size_t *taken);

/* Takes the position of the value in `words`, a list ended by NULL, or refuses. */
int builder_word(struct builder *builder, const json_t *value, const char *const words[],
                 int *taken);

#endif
