#include "flow/filter.h"

#include <arpa/inet.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#define ALERTS 256

static int check_room(size_t n, const char *option, struct error *error)
{
	if (n < FILTER_MAX)
		return 0;
	return error_set(error, ERR_INPUT, "%s was given more than %d times", option, FILTER_MAX);
}

/* The number that `word` is, or -1 if it is none up to `max`. */
static long number(const char *word, long max)
{
	char *end;
	long value;

	if (word[0] < '0' || word[0] > '9')
		return -1;
	value = strtol(word, &end, 10);
	return *end == '\0' && value <= max ? value : -1;
}

int filter_add_port(struct filter *filter, const char *word, struct error *error)
{
	long port = number(word, 65535);

	if (port < 0)
		return error_set(error, ERR_INPUT, "--port: %s is no port; ports are 0 to 65535",
		                 word);
	if (check_room(filter->n_ports, "--port", error) != 0)
		return error->code;
	filter->ports[filter->n_ports++] = (uint16_t)port;
	return 0;
}

int filter_add_host(struct filter *filter, const char *word, struct error *error)
{
	struct endpoint host = {0};

	if (inet_pton(AF_INET, word, host.address) != 1) {
		host.ipv6 = true;
		if (inet_pton(AF_INET6, word, host.address) != 1)
			return error_set(error, ERR_INPUT,
			                 "--host: %s is no IPv4 or IPv6 address; --sni takes names",
			                 word);
	}
	if (check_room(filter->n_hosts, "--host", error) != 0)
		return error->code;
	filter->hosts[filter->n_hosts++] = host;
	return 0;
}

int filter_add_name(struct filter *filter, const char *word, struct error *error)
{
	if (check_room(filter->n_names, "--sni", error) != 0)
		return error->code;
	filter->names[filter->n_names++] = word;
	return 0;
}

/* The alert's number, or -1. */
static long find_alert(const char *word)
{
	long found = number(word, ALERTS - 1);

	for (long i = 0; found < 0 && i < ALERTS; i++) {
		const char *name = registry_name(REGISTRY_ALERT_DESCRIPTION, (uint32_t)i);

		if (name != NULL && strcmp(name, word) == 0)
			found = i;
	}
	return found;
}

bool filter_is_alert(const char *word)
{
	return find_alert(word) >= 0;
}

int filter_add_alert(struct filter *filter, const char *word, struct error *error)
{
	long alert = word != NULL ? find_alert(word) : 0;

	if (word == NULL) {
		filter->any_alert = true;
		return 0;
	}
	if (alert < 0)
		return error_set(error, ERR_INPUT,
		                 "--alert: %s is no alert; give a number up to 255 or a name such "
		                 "as handshake_failure", word);
	if (check_room(filter->n_alerts, "--alert", error) != 0)
		return error->code;
	filter->alerts[filter->n_alerts++] = (uint8_t)alert;
	return 0;
}

static bool is_host(const struct endpoint *host, const struct endpoint *end)
{
	return host->ipv6 == end->ipv6 &&
	       memcmp(host->address, end->address, sizeof(end->address)) == 0;
}

bool filter_ends(const struct filter *filter, const struct connection *connection)
{
	bool port = filter->n_ports == 0, host = filter->n_hosts == 0;

	for (enum side side = SIDE_CLIENT; side <= SIDE_SERVER; side++) {
		const struct endpoint *end = &connection->end[side];

		for (size_t i = 0; i < filter->n_ports; i++)
			port |= filter->ports[i] == end->port;
		for (size_t i = 0; i < filter->n_hosts; i++)
			host |= is_host(&filter->hosts[i], end);
	}
	return port && host;
}

bool filter_has_content(const struct filter *filter)
{
	return filter->n_names > 0 || filter->n_alerts > 0 || filter->any_alert;
}

static bool name_wanted(const struct filter *filter, const char *name)
{
	for (size_t i = 0; i < filter->n_names; i++)
		if (fnmatch(filter->names[i], name, FNM_CASEFOLD) == 0)
			return true;
	return false;
}

static bool hello_wanted(const struct filter *filter, const json_t *hello)
{
	const json_t *extension, *name;
	size_t i, j;

	json_array_foreach(json_object_get(hello, "extensions"), i, extension)
		json_array_foreach(json_object_get(extension, "server_name_list"), j, name)
			if (json_is_string(name) && name_wanted(filter, json_string_value(name)))
				return true;
	return false;
}

static bool alerts_wanted(const struct filter *filter, const json_t *alerts)
{
	const json_t *alert;
	size_t i;

	if (filter->any_alert)
		return json_array_size(alerts) > 0;
	json_array_foreach(alerts, i, alert) {
		const json_t *seen = json_object_get(alert, "number");

		for (size_t j = 0; json_is_integer(seen) && j < filter->n_alerts; j++)
			if (json_integer_value(seen) == filter->alerts[j])
				return true;
	}
	return false;
}

static bool any_hello_wanted(const struct filter *filter, const json_t *decoded)
{
	const json_t *hello;
	size_t i;

	json_array_foreach(json_object_get(decoded, "later_hellos"), i, hello)
		if (hello_wanted(filter, hello))
			return true;
	return hello_wanted(filter, json_object_get(decoded, "client_hello")) ||
	       hello_wanted(filter, json_object_get(decoded, "client_hello_2"));
}

bool filter_content(const struct filter *filter, const json_t *decoded)
{
	if (filter->n_names > 0 && !any_hello_wanted(filter, decoded))
		return false;
	return (filter->n_alerts == 0 && !filter->any_alert) ||
	       alerts_wanted(filter, json_object_get(decoded, "alerts"));
}
