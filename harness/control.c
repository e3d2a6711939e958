#include "control.h"

#include "base/assert.h"
#include "base/json.h"
#include "base/utf8.h"
#include "station.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TIMEOUT_MS 15000
#define ECDSA "client-ecdsa-p256"
#define RSA "client-rsa-2048"
#define NAME "server.shakedown.test" /* for servers that need one, where the board has none */
#define NOBODY SIZE_MAX

struct waiting {
	json_t *cell; /* NULL: nothing to do for this seat */
	json_t *sni;        /* borrowed, or NULL */
};

struct control {
	struct apparatus *apparatus;
	const struct control_events *events;
	void *context;
	struct station *station; /* NULL: not started, or gone */
	json_t *profile;
	json_t *cell; /* that runs */
	struct waiting *waiting; /* one for each seat */
	size_t n_seats;
	size_t at;    /* the seat whose cell runs, or NOBODY */
	bool failed;  /* there is no control to be had */
	bool stopped;
};

static json_t *make_profile(void)
{
	return json_made(json_pack("{s:s, s:s, s:s, s:[sss], s:i}", "name", "control", "driver",
	                           "agent", "address", "127.0.0.1", "virtual", "shakedown-board",
	                           "--stack", "openssl", "timeout_ms", TIMEOUT_MS));
}

static bool takes_ecdsa(const json_t *words)
{
	const json_t *word;
	size_t i;

	json_array_foreach(words, i, word)
		if (strcasestr(json_string_value(word), "ecdsa") != NULL)
			return true;
	return words == NULL;
}

/* It asks for the same name as the board, and has a client certificate that the server takes. */
static void equip(struct control *control, const struct waiting *waiting)
{
	const json_t *server = json_object_get(waiting->cell, "server");
	const json_t *words = json_object_get(server, "client_signature_algorithms");

	if (waiting->sni != NULL)
		json_object_set(control->profile, "sni", waiting->sni);
	else if (strcmp(json_text(server, "sni"), "require") == 0)
		json_object_set_new(control->profile, "sni", json_made(json_string(NAME)));
	else
		json_object_del(control->profile, "sni");
	json_object_set_new(control->profile, "client_certificate",
	                    json_made(json_string(takes_ecdsa(words) ? ECDSA : RSA)));
}

void control_forget(struct control *control, size_t seat)
{
	json_decref(control->waiting[seat].cell);
	control->waiting[seat] = (struct waiting){0};
}

static void finish(struct control *control, size_t seat, struct observation *observation)
{
	control_forget(control, seat);
	control->events->done(control->context, seat, observation);
}

static void fail_all(struct control *control)
{
	control->failed = true;
	for (size_t i = 0; i < control->n_seats && !control->stopped; i++)
		if (control->waiting[i].cell != NULL)
			finish(control, i, NULL);
}

static void on_ready(void *context, struct station *station)
{
	struct control *control = context;

	for (size_t i = 0; i < control->n_seats && control->at == NOBODY; i++)
		if (control->waiting[i].cell != NULL)
			control->at = i;
	if (control->at == NOBODY)
		return;
	equip(control, &control->waiting[control->at]);
	json_decref(control->cell);
	control->cell = json_incref(control->waiting[control->at].cell);
	station_begin(station, control->cell);
}

static void drop(struct observation *observation)
{
	json_decref(observation->witnesses);
	json_decref(observation->trouble);
	json_decref(observation->timings_ms);
}

static void on_done(void *context, struct station *station, struct observation *observation)
{
	struct control *control = context;
	size_t seat = control->at;

	(void)station;
	control->at = NOBODY;
	if (control->waiting[seat].cell == control->cell) /* else it was forgotten */
		finish(control, seat, observation);
	else
		drop(observation);
}

static void on_notice(void *context, const char *text)
{
	struct control *control = context;

	control->events->notice(control->context, text);
}

static void control_free(struct control *control)
{
	for (size_t i = 0; i < control->n_seats; i++)
		control_forget(control, i);
	json_decref(control->cell);
	json_decref(control->profile);
	free(control->waiting);
	free(control);
}

static void on_over(void *context, struct station *station, const char *why)
{
	struct control *control = context;
	char text[ERROR_TEXT_MAX];

	(void)station;
	control->station = NULL;
	control->at = NOBODY;
	if (control->stopped) {
		control->events->over(control->context);
		control_free(control);
		return;
	}
	snprintf(text, sizeof(text), "No control: %s.", why);
	control->events->notice(control->context, utf8_repair(text));
	fail_all(control);
}

static const struct station_events events = {
	.ready = on_ready,
	.done = on_done,
	.notice = on_notice,
	.over = on_over,
};

struct control *control_new(struct apparatus *apparatus, size_t n_seats,
                            const struct control_events *control_events, void *context)
{
	struct control *control = calloc(1, sizeof(*control));

	CHECK(control != NULL);
	*control = (struct control){.apparatus = apparatus,
	                            .events = control_events,
	                            .context = context,
	                            .profile = make_profile(),
	                            .n_seats = n_seats,
	                            .at = NOBODY};
	control->waiting = calloc(n_seats + 1, sizeof(control->waiting[0]));
	CHECK(control->waiting != NULL);
	return control;
}

/* The cell for the control. What a board has built in, as its pre-shared key, it must be told. */
static json_t *cell_for_control(const json_t *cell)
{
	json_t *psk = json_object_get(json_object_get(cell, "server"), "psk");
	json_t *own, *client;

	if (psk == NULL || json_object_get(json_object_get(cell, "client"), "psk") != NULL)
		return json_incref((json_t *)cell);
	own = json_made(json_copy((json_t *)cell));
	client = json_made(json_copy(json_object_get(cell, "client")));
	json_object_set(client, "psk", psk);
	json_object_set_new(own, "client", client);
	return own;
}

void control_run(struct control *control, size_t seat, const json_t *cell, json_t *sni)
{
	struct error error = {0};

	if (control->waiting[seat].cell != NULL)
		return; /* it is asked for already */
	control->waiting[seat] = (struct waiting){cell_for_control(cell), sni};
	if (control->station != NULL) {
		station_go_on(control->station);
	} else if (control->failed) {
		finish(control, seat, NULL);
	} else if (station_start(&control->station, control->apparatus, control->profile, &events,
	                         control, &error) != 0) {
		control->events->notice(control->context, error.text);
		fail_all(control);
	}
}

bool control_stop(struct control *control)
{
	control->stopped = true;
	if (control->station != NULL) {
		station_stop(control->station);
		return true;
	}
	control_free(control);
	return false;
}

struct experiment *control_experiment(const struct control *control, const char *cell)
{
	return control->station != NULL ? station_experiment(control->station, cell) : NULL;
}

void control_lost(struct control *control, const char *who, const char *text)
{
	if (control->station != NULL)
		station_lost(control->station, who, text);
}
