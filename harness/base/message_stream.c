#include "base/message_stream.h"

#include "base/assert.h"
#include "base/message.h"

#include <stdlib.h>

struct outgoing {
	uv_write_t request;
	struct buf content;
};

static void on_sent(uv_write_t *request, int status)
{
	struct outgoing *outgoing = (struct outgoing *)request;

	(void)status;
	buf_fini(&outgoing->content);
	free(outgoing);
}

void message_stream_write(uv_stream_t *stream, const json_t *message, struct bytes attached)
{
	struct outgoing *outgoing = calloc(1, sizeof(*outgoing));
	uv_buf_t buffer;

	CHECK(outgoing != NULL);
	message_put(&outgoing->content, message, attached);
	buffer = uv_buf_init((char *)outgoing->content.data, (unsigned)outgoing->content.len);
	if (uv_write(&outgoing->request, stream, &buffer, 1, on_sent) != 0)
		on_sent(&outgoing->request, 0);
}
