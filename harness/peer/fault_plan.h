/*
 * fault_plan.h: what a suite's `server.faults` says. Layer: peer. Pure: no I/O, no clock, no
 * globals.
 *
 * A fault is one JSON object: a place ("at": fault_place.h), a deed ("do") and what the deed needs.
 * Which deed goes with which places and values is a table. Everything is checked here, so that
 * what was accepted can be done, provided that the connection has the place at all.
 */
#ifndef SHAKEDOWN_PEER_FAULT_PLAN_H
#define SHAKEDOWN_PEER_FAULT_PLAN_H

#include "base/json.h"
#include "peer/fault_place.h"

#define FAULTS_MAX_PLANNED 16     /* faults of one server */
#define FAULT_SIZES_MAX 16        /* sizes of a split */
#define FAULT_BYTES_MAX 65535     /* bytes that one fault puts in: a record's largest length */

enum fault_do {
	DO_FLIP,
	DO_ADD,
	DO_REPLACE,
	DO_APPEND,
	DO_TRUNCATE,
	DO_DROP,
	DO_REPEAT,
	DO_SWAP,
	DO_INSERT,
	DO_ALERT,
	DO_UNPROTECT,
	DO_SPLIT,
	DO_JOIN,
	DO_PAD,
	DO_DELAY,
	DO_CLOSE,
	DO_RESET,
	DO_SILENCE,
};

enum fault_where { WHERE_BEFORE, WHERE_AFTER, WHERE_INSIDE };

struct planned_fault {
	const char *at, *word, *name; /* as written; `name` may be NULL */
	struct fault_place place;
	enum fault_do deed;
	uint16_t offered;     /* only if the client offers this version; 0: always */
	unsigned nth;         /* message of that name, or record; from 1 */
	struct buf with;      /* bytes to put in, or to flip; owned */
	const char *copy;     /* instead of them: a message of this name */
	size_t offset;        /* in the field */
	int by;
	size_t bytes;
	size_t sizes[FAULT_SIZES_MAX];
	size_t n_sizes;
	int ms;
	enum fault_where where;
	uint8_t content_type; /* of what is inserted */
};

struct fault_plan {
	json_t *json; /* owned; the texts above lie here */
	struct planned_fault faults[FAULTS_MAX_PLANNED];
	size_t n_faults;
};

/*
 * Reads a list of faults, which the schema has accepted, for a server of these `versions` (a set
 * of FAULT_TLS_*, fault_place.h). The caller frees *plan. ERR_INPUT, with the path, if a place or
 * a message is not known, if a deed does not go with its place or values, if a size is wrong, or
 * if one of the versions does not have the place.
 */
int fault_plan_new(struct fault_plan **plan, const struct json_node *faults, unsigned versions,
                   struct error *error);
void fault_plan_free(struct fault_plan *plan);

/* The set of versions of a server's `versions` in normal form ("1.2"). */
unsigned fault_versions(const json_t *versions);

/* Appends what a fault is called in case ids: its "name", or "flip-finished.verify_data". */
void fault_label(struct buf *out, const json_t *fault);

#endif
