#include "peer/application.h"

#include <string.h>

enum { MQTT_CONNECT = 1, MQTT_PINGREQ = 12, MQTT_DISCONNECT = 14 };

#define MQTT_5 5 /* its protocol level */

static void take_echo(struct application *application, struct bytes data, struct buf *out)
{
	(void)application;
	buf_bytes(out, data);
}

static void put_page(struct buf *out, size_t size)
{
	static const char line[] = "Shakedown serves this line until the page is full.\n";

	buf_printf(out,
	           "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\n"
	           "Connection: close\r\n\r\n",
	           size);
	for (size_t done = 0, n; done < size; done += n) {
		n = size - done < sizeof(line) - 1 ? size - done : sizeof(line) - 1;
		buf_add(out, line, n);
	}
}

/* A request ends with an empty line; a body is of no interest: RFC 9112 section 2.1. */
static void take_http(struct application *application, struct bytes data, struct buf *out)
{
	buf_bytes(&application->held, data);
	if (application->said_all ||
	    memmem(application->held.data, application->held.len, "\r\n\r\n", 4) == NULL)
		return;
	put_page(out, application->page_size);
	application->said_all = true;
}

/* The Remaining Length, one to four bytes of seven bits: MQTT 5.0 section 1.5.5. */
static size_t mqtt_length(struct reader *reader)
{
	size_t length = 0;

	for (int shift = 0; shift < 28; shift += 7) {
		uint8_t byte = reader_u8(reader, "remaining_length");

		length |= (size_t)(byte & 0x7f) << shift;
		if (byte < 0x80)
			return length;
	}
	return SIZE_MAX; /* a fifth byte cannot be: more than any packet has */
}

/* CONNACK of the version that CONNECT asks for: MQTT 3.1.1 section 3.2, MQTT 5.0 section 3.2. */
static void accept_mqtt(struct reader *packet, struct buf *out)
{
	static const uint8_t connack_3[] = {0x20, 2, 0, 0}, connack_5[] = {0x20, 3, 0, 0, 0};

	reader_vec16(packet, "protocol_name");
	if (reader_u8(packet, "protocol_level") == MQTT_5)
		buf_add(out, connack_5, sizeof(connack_5));
	else
		buf_add(out, connack_3, sizeof(connack_3));
}

static void answer_mqtt(struct application *application, int type, struct reader *packet,
                        struct buf *out)
{
	static const uint8_t pingresp[] = {0xd0, 0};

	if (type == MQTT_CONNECT)
		accept_mqtt(packet, out);
	else if (type == MQTT_PINGREQ)
		buf_add(out, pingresp, sizeof(pingresp));
	else if (type == MQTT_DISCONNECT)
		application->said_all = true;
}

static void take_mqtt(struct application *application, struct bytes data, struct buf *out)
{
	struct reader reader, packet;
	struct fault fault, packet_fault;

	buf_bytes(&application->held, data);
	while (application->held.len >= 2 && !application->said_all) {
		struct bytes content;
		uint8_t type;
		size_t length;

		reader_init(&reader, application->held.data, application->held.len, &fault);
		type = reader_u8(&reader, "type") >> 4;
		length = mqtt_length(&reader);
		if (length > APPLICATION_HELD_MAX) {
			application->said_all = reader_ok(&reader);
			return;
		}
		content = reader_bytes(&reader, length, "packet");
		if (!reader_ok(&reader))
			return;
		reader_init(&packet, content.data, content.len, &packet_fault);
		answer_mqtt(application, type, &packet, out);
		buf_consume(&application->held, reader_offset(&reader));
	}
}

static void take_none(struct application *application, struct bytes data, struct buf *out)
{
	(void)application;
	(void)data;
	(void)out;
}

void application_init(struct application *application, const struct conduct *conduct)
{
	*application = (struct application){
		.kind = (enum application_kind)conduct->application,
		.page_size = conduct->page_size,
		.held = {.max = APPLICATION_HELD_MAX},
	};
}

void application_fini(struct application *application)
{
	buf_fini(&application->held);
}

void application_take(struct application *application, struct bytes data, struct buf *out)
{
	static void (*const take[])(struct application *application, struct bytes data,
	                            struct buf *out) = {
		[APPLICATION_ECHO] = take_echo,
		[APPLICATION_HTTP] = take_http,
		[APPLICATION_MQTT] = take_mqtt,
		[APPLICATION_NONE] = take_none,
	};

	take[application->kind](application, data, out);
}
