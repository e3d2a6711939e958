#include "peer/serve.h"

#include "base/assert.h"
#include "base/json.h"
#include "flow/evidence.h"
#include "peer/visit.h"

#include <arpa/inet.h>
#include <openssl/rand.h>
#include <netdb.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#define STRANGERS_MAX 4

struct serve {
	const struct serve_plan *plan;
	struct patience patience;
	int n_met;           /* connections that came */
	int n_strangers;     /* and those that came from elsewhere, */
	json_t *strangers;   /* from these addresses; the first STRANGERS_MAX */
	json_t *testimony;   /* of the last */
	json_t *outcomes;    /* in short, of each */
	struct buf connections; /* as the socket carried them: the inside of a list, as JSON text */
	struct buf capture;
	struct buf keylog;
};

static void note_stranger(struct serve *serve, const char *address)
{
	const json_t *known;
	size_t i;

	serve->n_strangers++;
	json_array_foreach(serve->strangers, i, known)
		if (strcmp(json_string_value(known), address) == 0)
			return;
	if (i < STRANGERS_MAX)
		json_array_append_new(serve->strangers, json_made(json_string(address)));
}

/* Whether the client's address is that which `text` names: one of IPv6 can be written in many ways. */
static bool has_address(const struct sockaddr_storage *client, const char *text)
{
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)client;
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)client;
	struct in6_addr named;

	if (inet_pton(client->ss_family, text, &named) != 1)
		return false;
	if (client->ss_family == AF_INET6)
		return memcmp(&named, &v6->sin6_addr, sizeof(v6->sin6_addr)) == 0;
	return memcmp(&named, &v4->sin_addr, sizeof(v4->sin_addr)) == 0;
}

/* Whether the client may be the one that is awaited; who is not is noted. */
static bool is_awaited(struct serve *serve, const struct sockaddr_storage *client, socklen_t len)
{
	const char *from = serve->plan->from;
	char address[NI_MAXHOST] = "";

	if (from == NULL || from[0] == '\0' || has_address(client, from))
		return true;
	getnameinfo((const struct sockaddr *)client, len, address, sizeof(address), NULL, 0,
	            NI_NUMERICHOST);
	note_stranger(serve, address);
	return false;
}

static enum step accept_client(struct serve *serve, struct sockaddr_storage *client,
                               int *connection)
{
	int listener = serve->plan->listener;
	socklen_t len = sizeof(*client);
	enum step step;

	patience_set(&serve->patience, serve->plan->wait_ms);
	do {
		step = patience_await_client(&serve->patience, listener);
		if (step == STEP_ON)
			*connection = accept4(listener, (struct sockaddr *)client, &len,
			                      SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (*connection >= 0 && !is_awaited(serve, client, len)) {
			close(*connection);
			*connection = -1;
			len = sizeof(*client);
		}
	} while (step == STEP_ON && *connection < 0);
	return step;
}

/* Sessions and tickets from before now mean nothing any more. */
static void forget_sessions(SSL_CTX *context)
{
	unsigned char fresh[128];
	long len = SSL_CTX_get_tlsext_ticket_keys(context, NULL, 0);

	CHECK(len > 0 && (size_t)len <= sizeof(fresh) && RAND_bytes(fresh, (int)len) == 1);
	CHECK(SSL_CTX_set_tlsext_ticket_keys(context, fresh, len) == 1);
	CHECK(SSL_CTX_set_session_id_context(context, fresh, 16) == 1);
}

/* What stands between the brackets of `list`. */
static void add_to_list(struct buf *inside, struct bytes list)
{
	if (list.len <= 2)
		return;
	if (inside->len > 0)
		buf_char(inside, ',');
	buf_add(inside, list.data + 1, list.len - 2);
}

static void keep(struct serve *serve, struct visit *visit)
{
	struct buf carried = {0};

	wiretap_collect(&visit->wiretap, buf_view(&visit->testimony.keylog), &carried,
	                &serve->capture);
	add_to_list(&serve->connections, buf_view(&carried));
	buf_fini(&carried);
	json_decref(serve->testimony);
	serve->testimony = visit_tell(visit);
	json_array_append_new(serve->outcomes, testimony_shorten(serve->testimony));
	buf_bytes(&serve->keylog, buf_view(&visit->testimony.keylog));
}

/* One connection. False if no more may come. */
static bool serve_next(struct serve *serve)
{
	const struct serve_plan *plan = serve->plan;
	bool first = serve->n_met == 0;
	struct visit visit;
	int connection = -1;
	enum step step;

	if (first || plan->context->conduct.refuses_resumption)
		forget_sessions(plan->context->ssl);
	visit_init(&visit, plan->context, &serve->patience, plan->timeout_ms, plan->reached);
	step = accept_client(serve, &visit.testimony.client, &connection);
	serve->n_met += step == STEP_ON;
	if (step != STEP_ON || serve->n_met == plan->connections)
		close(plan->listener);
	if (step == STEP_ON || first) {
		visit_lead(&visit, connection, step);
		keep(serve, &visit);
	}
	visit_fini(&visit);
	return step == STEP_ON && serve->n_met < plan->connections;
}

static void attach(const struct serve *serve, json_t *message, struct buf *attached)
{
	struct buf list = {0};

	buf_char(&list, '[');
	buf_bytes(&list, buf_view(&serve->connections));
	buf_char(&list, ']');
	evidence_pack(&(struct evidence){buf_view(&list), buf_view(&serve->capture)}, message,
	              attached);
	buf_fini(&list);
}

json_t *serve(const struct serve_plan *plan, struct buf *attached)
{
	struct serve serve = {.plan = plan, .outcomes = json_made(json_array()),
	                      .strangers = json_made(json_array())};
	json_t *message;

	patience_init(&serve.patience);
	while (serve_next(&serve))
		;
	if (plan->connections > 1)
		json_object_set(serve.testimony, "connections", serve.outcomes);
	if (serve.n_strangers > 0) {
		json_object_set_new(serve.testimony, "strangers", json_integer(serve.n_strangers));
		json_object_set(serve.testimony, "strangers_from", serve.strangers);
	}
	message = json_made(json_pack("{s:o, s:s}", "testimony", serve.testimony, "keylog",
	                              buf_string(&serve.keylog)));
	attach(&serve, message, attached);
	json_decref(serve.outcomes);
	json_decref(serve.strangers);
	patience_fini(&serve.patience);
	buf_fini(&serve.connections);
	buf_fini(&serve.capture);
	buf_fini(&serve.keylog);
	return message;
}
