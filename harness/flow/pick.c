#include "flow/pick.h"

#include "base/assert.h"
#include "base/file.h"
#include "flow/pcapng.h"

#include <stdlib.h>
#include <string.h>

#define LINKTYPES_MAX 64 /* as many as link_layer.h reads, and more */

/* Where the random stands in a ClientHello: after the message's header and legacy_version. */
#define RANDOM_AT 6

struct pick {
	struct picked {
		struct packet packet;
		uint64_t connection;
	} *packets;
	size_t n, size;
	bool full; /* packets were not remembered */
	struct buf wanted;  /* a byte for each connection, by its number */
	struct buf secrets; /* SSLKEYLOGFILE */
};

/* The link types of the packets written, in the order of their interfaces. */
struct interfaces {
	uint16_t linktypes[LINKTYPES_MAX];
	uint32_t n;
};

struct pick *pick_new(void)
{
	struct pick *pick = calloc(1, sizeof(*pick));

	CHECK(pick != NULL);
	return pick;
}

void pick_free(struct pick *pick)
{
	if (pick == NULL)
		return;
	if (pick->secrets.len > 0)
		explicit_bzero(pick->secrets.data, pick->secrets.len);
	buf_fini(&pick->secrets);
	buf_fini(&pick->wanted);
	free(pick->packets);
	free(pick);
}

void pick_packet(struct pick *pick, const struct packet *packet,
                 const struct connection *connection)
{
	if (pick->n == PICK_PACKETS_MAX) {
		pick->full = true;
		return;
	}
	if (pick->n == pick->size) {
		pick->size = pick->size > 0 ? pick->size * 2 : 1024;
		pick->packets = reallocarray(pick->packets, pick->size, sizeof(*pick->packets));
		CHECK(pick->packets != NULL);
	}
	pick->packets[pick->n++] = (struct picked){*packet, connection->number};
}

void pick_connection(struct pick *pick, const struct connection *connection,
                     const struct keylog *keylog)
{
	struct bytes hello = transcript_client_hello(connection->transcript);

	while (pick->wanted.len <= connection->number)
		buf_u8(&pick->wanted, 0);
	pick->wanted.data[connection->number] = 1;
	if (hello.len >= RANDOM_AT + KEYLOG_RANDOM_LEN)
		keylog_write(keylog, hello.data + RANDOM_AT, &pick->secrets);
	transcript_write_secrets(connection->transcript, &pick->secrets);
}

static bool is_wanted(const struct pick *pick, const struct picked *picked)
{
	return picked->connection < pick->wanted.len && pick->wanted.data[picked->connection] != 0;
}

/* The interface of packets of this link type, which is begun if there is none yet. */
static uint32_t interface_of(struct interfaces *interfaces, uint16_t linktype, struct buf *out)
{
	for (uint32_t i = 0; i < interfaces->n; i++)
		if (interfaces->linktypes[i] == linktype)
			return i;
	CHECK(interfaces->n < LINKTYPES_MAX);
	pcapng_interface(out, "picked", linktype);
	interfaces->linktypes[interfaces->n] = linktype;
	return interfaces->n++;
}

static void put_packet(struct interfaces *interfaces, const struct packet *packet, struct buf *out)
{
	uint32_t interface = interface_of(interfaces, packet->linktype, out);

	pcapng_packet_of(out, interface, packet);
}

int pick_write(const struct pick *pick, const char *path, struct error *error)
{
	struct buf out = {.max = PICK_WRITTEN_MAX};
	struct interfaces interfaces = {0};
	int rc;

	pcapng_section(&out, buf_view(&pick->secrets));
	for (size_t i = 0; i < pick->n && !out.full; i++) {
		const struct picked *picked = &pick->packets[i];

		if (is_wanted(pick, picked))
			put_packet(&interfaces, &picked->packet, &out);
	}
	if (pick->full)
		rc = error_set(error, ERR_INPUT, "--write: the capture has more than %u packets of "
		               "connections, so %s was not written; cut it with editcap first",
		               PICK_PACKETS_MAX, path);
	else if (out.full)
		rc = error_set(error, ERR_INPUT, "--write: %s would take more than %u MB and was "
		               "not written; narrow it down with --host, --port, --sni or --alert",
		               path, PICK_WRITTEN_MAX >> 20);
	else
		rc = file_write(path, buf_view(&out), pick->secrets.len > 0 ? 0600 : 0666, error);
	buf_fini(&out);
	return rc;
}
