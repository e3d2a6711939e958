/*
 * filter.h: which connections of a capture are wanted. Layer: flow. Pure: no I/O, no clock, no
 * globals.
 *
 * A connection is wanted if it has one of the ports, one of the hosts, one of the names and one of
 * the alerts; where none of a kind is given, any will do. Zero-initialised storage wants all.
 */
#ifndef SHAKEDOWN_FLOW_FILTER_H
#define SHAKEDOWN_FLOW_FILTER_H

#include "base/error.h"
#include "flow/connection.h"

#include <jansson.h>

#define FILTER_MAX 256 /* alternatives of one kind */

struct filter {
	size_t n_ports, n_hosts, n_names, n_alerts;
	uint16_t ports[FILTER_MAX];         /* of either end */
	struct endpoint hosts[FILTER_MAX];  /* address of either end; the port is not used */
	const char *names[FILTER_MAX];      /* borrowed; of the ClientHello's server_name */
	uint8_t alerts[FILTER_MAX];         /* sent by either side */
	bool any_alert;
};

/*
 * Each adds an alternative; ERR_INPUT, with a sentence, if `word` is none, or one more than
 * FILTER_MAX. A host is an IPv4 or IPv6 address; a name (borrowed as long as the filter) may hold *
 * and ?, and capitals do not matter; an alert is a number or IANA's name, NULL any one.
 */
int filter_add_port(struct filter *filter, const char *word, struct error *error);
int filter_add_host(struct filter *filter, const char *word, struct error *error);
int filter_add_name(struct filter *filter, const char *word, struct error *error);
int filter_add_alert(struct filter *filter, const char *word, struct error *error);

/* True if `word` says an alert. */
bool filter_is_alert(const char *word);

/* True if the ends of the connection are wanted. */
bool filter_ends(const struct filter *filter, const struct connection *connection);

/* True if filter_content has something to look for. */
bool filter_has_content(const struct filter *filter);

/* True if what was decoded (connection_emit, in JSON) is wanted. */
bool filter_content(const struct filter *filter, const json_t *decoded);

#endif
