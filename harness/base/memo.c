#include "base/memo.h"

#include "base/assert.h"

#include <stdlib.h>
#include <string.h>

#define WAYS 4         /* slots in which a key may stand */
#define HASHED_MAX 384 /* bytes of a key, its last: there stand signatures */

struct slot {
	uint64_t hash; /* of the entry */
	uint64_t seen; /* of the key that came last and has no entry */
	struct entry {
		uint64_t tag;
		size_t key_len, value_len;
		uint8_t bytes[]; /* key and value */
	} *entry; /* owned; NULL: free */
};

struct memo {
	struct slot slots[MEMO_SLOTS];
	size_t n_bytes; /* of all entries */
	size_t n_added;
};

struct memo *memo_new(void)
{
	struct memo *memo = calloc(1, sizeof(*memo));

	CHECK(memo != NULL);
	return memo;
}

static void drop(struct memo *memo, struct slot *slot)
{
	if (slot->entry != NULL)
		memo->n_bytes -= slot->entry->key_len + slot->entry->value_len;
	free(slot->entry);
	slot->entry = NULL;
}

static void forget(struct memo *memo)
{
	for (size_t i = 0; i < MEMO_SLOTS; i++)
		drop(memo, &memo->slots[i]);
}

void memo_free(struct memo *memo)
{
	if (memo == NULL)
		return;
	forget(memo);
	free(memo);
}

static uint64_t mix(uint64_t hash, uint64_t word)
{
	hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
	return hash ^ hash >> 32;
}

static uint64_t hash_of(uint64_t tag, struct bytes key)
{
	uint64_t hash = mix(tag, key.len);
	size_t at = key.len > HASHED_MAX ? key.len - HASHED_MAX : 0;
	uint64_t word;

	for (; at + sizeof(word) <= key.len; at += sizeof(word)) {
		memcpy(&word, key.data + at, sizeof(word));
		hash = mix(hash, word);
	}
	for (; at < key.len; at++)
		hash = mix(hash, key.data[at]);
	return hash;
}

static size_t place(uint64_t hash, size_t way)
{
	return (hash + way) % MEMO_SLOTS;
}

static bool holds(const struct slot *slot, uint64_t hash, uint64_t tag, struct bytes key)
{
	const struct entry *entry = slot->entry;

	return entry != NULL && slot->hash == hash && entry->tag == tag &&
	       entry->key_len == key.len &&
	       (key.len == 0 || memcmp(entry->bytes, key.data, key.len) == 0);
}

bool memo_find(const struct memo *memo, uint64_t tag, struct bytes key, struct bytes *value)
{
	uint64_t hash = hash_of(tag, key);

	for (size_t way = 0; way < WAYS; way++) {
		const struct slot *slot = &memo->slots[place(hash, way)];

		if (holds(slot, hash, tag, key)) {
			*value = (struct bytes){slot->entry->bytes + key.len,
			                        slot->entry->value_len};
			return true;
		}
	}
	return false;
}

/* A free one of the key's slots, or one of them by turns. */
static struct slot *choose(struct memo *memo, uint64_t hash)
{
	for (size_t way = 0; way < WAYS; way++)
		if (memo->slots[place(hash, way)].entry == NULL)
			return &memo->slots[place(hash, way)];
	return &memo->slots[place(hash, memo->n_added % WAYS)];
}

static struct entry *new_entry(uint64_t tag, struct bytes key, struct bytes value)
{
	struct entry *entry = malloc(sizeof(*entry) + key.len + value.len);

	CHECK(entry != NULL);
	*entry = (struct entry){.tag = tag, .key_len = key.len, .value_len = value.len};
	if (key.len > 0)
		memcpy(entry->bytes, key.data, key.len);
	if (value.len > 0)
		memcpy(entry->bytes + key.len, value.data, value.len);
	return entry;
}

void memo_add(struct memo *memo, uint64_t tag, struct bytes key, struct bytes value)
{
	uint64_t hash = hash_of(tag, key);
	struct slot *slot = &memo->slots[place(hash, 0)];
	size_t n = key.len + value.len;

	if (n > MEMO_VALUE_MAX)
		return;
	if (slot->seen != hash) {
		slot->seen = hash;
		return;
	}
	if (memo->n_bytes + n > MEMO_BYTES_MAX)
		forget(memo);
	slot = choose(memo, hash);
	drop(memo, slot);
	slot->hash = hash;
	slot->entry = new_entry(tag, key, value);
	memo->n_bytes += n;
	memo->n_added++;
}
