#include "decode/transcript_state.h"

#include "base/assert.h"
#include "base/prefetch.h"

#include <stdlib.h>

#define KEPT_IDLE_MAX 2048  /* bytes kept for the messages of the next connection */
#define ENTRIES_IDLE_MAX 32 /* entries, likewise */

struct transcript *transcript_new(struct keylog *keylog)
{
	struct transcript *transcript = calloc(1, sizeof(*transcript));

	CHECK(transcript != NULL);
	transcript->keylog = keylog;
	keys_init(&transcript->keys, keylog);
	return transcript;
}

void transcript_free(struct transcript *transcript)
{
	if (transcript == NULL)
		return;
	for (int i = 0; i < 2; i++) {
		record_stream_fini(&transcript->sides[i].records);
		buf_fini(&transcript->sides[i].kept);
		buf_fini(&transcript->sides[i].held);
	}
	keys_fini(&transcript->keys);
	faults_fini(&transcript->faults);
	buf_fini(&transcript->plain);
	free(transcript->entries);
	free(transcript->alerts);
	free(transcript);
}

static void restart_side(struct side_state *side)
{
	struct buf kept = side->kept;

	buf_idle(&kept, KEPT_IDLE_MAX);
	buf_fini(&side->held);
	record_stream_restart(&side->records);
	*side = (struct side_state){.records = side->records, .kept = kept};
}

void transcript_restart(struct transcript *transcript)
{
	struct keylog *keylog = transcript->keylog;
	struct side_state client, server;
	struct entry *entries = transcript->entries;
	size_t entries_size = transcript->entries_size;

	restart_side(&transcript->sides[SIDE_CLIENT]);
	restart_side(&transcript->sides[SIDE_SERVER]);
	client = transcript->sides[SIDE_CLIENT];
	server = transcript->sides[SIDE_SERVER];
	if (entries_size > ENTRIES_IDLE_MAX) {
		free(entries);
		entries = NULL;
		entries_size = 0;
	}
	free(transcript->alerts);
	keys_fini(&transcript->keys);
	faults_fini(&transcript->faults);
	buf_fini(&transcript->plain);
	*transcript = (struct transcript){.keylog = keylog,
	                                  .sides = {client, server},
	                                  .entries = entries,
	                                  .entries_size = entries_size};
	keys_init(&transcript->keys, keylog);
}

size_t transcript_memory(const struct transcript *transcript)
{
	size_t n = sizeof(*transcript) + transcript->plain.size;

	n += transcript->entries_size * sizeof(*transcript->entries);
	n += transcript->alerts != NULL ? TRANSCRIPT_ALERTS_MAX * sizeof(*transcript->alerts) : 0;
	n += transcript->faults.items != NULL ? FAULTS_MAX * sizeof(*transcript->faults.items) : 0;
	for (int i = 0; i < 2; i++) {
		n += transcript->sides[i].kept.size + transcript->sides[i].records.held.size;
		n += transcript->sides[i].held.size;
		n += keys_memory(&transcript->keys, i == 1);
	}
	return n;
}

struct bytes entry_message(const struct transcript *transcript, const struct entry *entry)
{
	const struct buf *kept = &transcript->sides[entry->from_server].kept;

	if (entry->kept_len == 0)
		return (struct bytes){0};
	return (struct bytes){kept->data + entry->kept_at, entry->kept_len};
}

struct transcript *transcript_copy(const struct transcript *transcript)
{
	struct transcript *made = transcript_new(NULL);

	made->keys.version = transcript->keys.version;
	made->is_tls = transcript->is_tls;
	made->by_time = transcript->by_time;
	made->version = transcript->version;
	made->cipher_suite = transcript->cipher_suite;
	made->group = transcript->group;
	made->signature_algorithm = transcript->signature_algorithm;
	made->entries_cut = transcript->entries_cut;
	for (int i = 0; i < 2; i++) {
		made->keys.directions[i].changed = transcript->keys.directions[i].changed;
		made->sides[i].message = transcript->sides[i].message;
		buf_bytes(&made->sides[i].kept, buf_view(&transcript->sides[i].kept));
	}
	made->entries = calloc(transcript->n_entries + 1, sizeof(*made->entries));
	made->alerts = calloc(TRANSCRIPT_ALERTS_MAX, sizeof(*made->alerts));
	CHECK(made->entries != NULL && made->alerts != NULL);
	for (size_t i = 0; i < transcript->n_entries; i++)
		made->entries[i] = transcript->entries[i];
	made->n_entries = transcript->n_entries;
	made->entries_size = transcript->n_entries + 1;
	for (size_t i = 0; i < transcript->n_alerts; i++)
		made->alerts[i] = transcript->alerts[i];
	made->n_alerts = transcript->n_alerts;
	for (size_t i = 0; i < transcript->faults.n; i++)
		faults_add(&made->faults, transcript->faults.items[i].from_server,
		           transcript->faults.items[i].where, "%s",
		           transcript->faults.items[i].text);
	return made;
}

void transcript_fetch(const struct transcript *transcript, int stage)
{
	if (stage == 0) {
		prefetch(transcript, sizeof(*transcript));
		return;
	}
	prefetch(transcript->entries, transcript->n_entries * sizeof(*transcript->entries));
	prefetch(transcript->alerts, transcript->n_alerts * sizeof(*transcript->alerts));
	for (int i = 0; i < 2; i++)
		prefetch(transcript->sides[i].kept.data, transcript->sides[i].kept.len);
}
