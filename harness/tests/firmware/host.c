#include "tests/firmware/host.h"

#include <stdio.h>
#include <string.h>

uint16_t host_crc(const void *data, size_t len)
{
	const uint8_t *bytes = data;
	uint32_t crc = 0xFFFF;

	for (size_t i = 0; i < len; i++) {
		uint32_t x = ((crc >> 8) ^ bytes[i]) & 0xFF;

		x ^= x >> 4;
		crc = ((crc << 8) ^ (x << 12) ^ (x << 5) ^ x) & 0xFFFF;
	}
	return (uint16_t)crc;
}

size_t host_frame(const struct host *host, const char *command, char *frame, size_t size)
{
	char body[256];

	snprintf(body, sizeof(body), "%02X %s", host->seq, command);
	return (size_t)snprintf(frame, size, "\n@H%s*%04X\n", body, host_crc(body, strlen(body)));
}

/* The reply in a line, if it is one: 1 to this command, -1 a NAK, 0 anything else. */
static int judge_line(struct host *host, char *line)
{
	char *frame = NULL, *star;
	unsigned crc, seq;
	int used = 0;

	for (char *at = strstr(line, "@T"); at != NULL; at = strstr(at + 1, "@T"))
		frame = at + 2;
	star = frame != NULL ? strchr(frame, '*') : NULL;
	if (star == NULL || sscanf(star, "*%4X", &crc) != 1 ||
	    host_crc(frame, (size_t)(star - frame)) != crc)
		return 0;
	*star = '\0';
	if (strncmp(frame, "NAK ", 4) == 0)
		return -1;
	if (sscanf(frame, "%2X %n", &seq, &used) != 1 || used == 0 || seq != host->seq)
		return 0;
	snprintf(host->reply, sizeof(host->reply), "%s", frame + used);
	return 1;
}

static int await_reply(struct host *host)
{
	char line[1024];
	size_t len = 0;
	int byte, verdict = 0;

	while (verdict == 0 && (byte = host->receive(host->line)) >= 0) {
		if (byte == '\n' || byte == '\r') {
			line[len] = '\0';
			verdict = judge_line(host, line);
			len = 0;
		} else if (byte != '\0' && len + 1 < sizeof(line)) {
			line[len++] = (char)byte;
		}
	}
	return verdict;
}

bool host_ask_again(struct host *host, const char *command)
{
	char frame[300];
	size_t len = host_frame(host, command, frame, sizeof(frame));

	for (int i = 0; i < host->n_tries; i++) {
		host->send(host->line, frame, len);
		host->n_sent++;
		if (await_reply(host) == 1)
			return true;
	}
	return false;
}

bool host_ask(struct host *host, const char *format, ...)
{
	char command[200];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(command, sizeof(command), format, arguments);
	va_end(arguments);
	host->seq++;
	return host_ask_again(host, command);
}

bool host_value(const struct host *host, const char *key, char value[HOST_REPLY_MAX])
{
	char wanted[32];
	const char *at;

	snprintf(wanted, sizeof(wanted), " %s=", key);
	at = strstr(host->reply, wanted);
	if (at == NULL)
		return false;
	at += strlen(wanted);
	snprintf(value, HOST_REPLY_MAX, "%.*s", (int)strcspn(at, " "), at);
	return true;
}

static void base64(const uint8_t *data, size_t len, char *text)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (size_t i = 0; i < len; i += 3) {
		uint32_t bits = (uint32_t)data[i] << 16 | (i + 1 < len ? data[i + 1] : 0u) << 8 |
		                (i + 2 < len ? data[i + 2] : 0u);

		*text++ = digits[bits >> 18];
		*text++ = digits[bits >> 12 & 63];
		*text++ = i + 1 < len ? digits[bits >> 6 & 63] : '=';
		*text++ = i + 2 < len ? digits[bits & 63] : '=';
	}
	*text = '\0';
}

/* As much as a line holds; the board tells where to go on. */
static bool send_data(struct host *host, struct bytes blob)
{
	size_t done = 0;

	while (done < blob.len) {
		size_t len = blob.len - done < 72 ? blob.len - done : 72;
		char text[100], off[HOST_REPLY_MAX];

		base64(blob.data + done, len, text);
		if (!host_ask(host, "DATA off=%zu b=%s", done, text) ||
		    !host_value(host, "off", off))
			return false;
		sscanf(off, "%zu", &done);
	}
	return true;
}

bool host_upload(struct host *host, const char *name, struct bytes blob)
{
	return host_ask(host, "BLOB name=%s len=%zu", name, blob.len) &&
	       strncmp(host->reply, "OK", 2) == 0 && send_data(host, blob) &&
	       host_ask(host, "END crc=%04X", host_crc(blob.data, blob.len)) &&
	       strncmp(host->reply, "OK", 2) == 0;
}
