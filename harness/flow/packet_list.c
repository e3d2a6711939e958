#include "flow/packet_list.h"

#include "base/assert.h"

#include <stdlib.h>

struct packet_entry {
	struct packet packet; /* its data.data is not set */
	size_t offset;        /* of its data in the list's bytes */
};

void packet_list_fini(struct packet_list *list)
{
	buf_fini(&list->bytes);
	free(list->entries);
	*list = (struct packet_list){0};
}

void packet_list_add(struct packet_list *list, const struct packet *packet)
{
	if (list->n == list->size) {
		list->size = list->size != 0 ? list->size * 2 : 16;
		list->entries = reallocarray(list->entries, list->size, sizeof(*list->entries));
		CHECK(list->entries != NULL);
	}
	list->entries[list->n] = (struct packet_entry){*packet, list->bytes.len};
	list->entries[list->n++].packet.data.data = NULL;
	buf_bytes(&list->bytes, packet->data);
}

struct packet packet_list_get(const struct packet_list *list, size_t index)
{
	struct packet packet;

	CHECK(index < list->n);
	packet = list->entries[index].packet;
	packet.data.data = list->bytes.data + list->entries[index].offset;
	return packet;
}

size_t packet_list_cost(const struct packet *packet)
{
	return sizeof(struct packet_entry) + packet->data.len;
}
