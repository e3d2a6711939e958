#include "firmware/glue/stack.h"

#include "firmware/glue/port.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

static bool run_handshake(const struct stack *stack, void *session, struct stack_report *report)
{
	uint32_t start_ms = port_now_ms();
	bool done = stack->handshake(session);

	snprintf(report->handshake_ms, sizeof(report->handshake_ms), "%u",
	         (unsigned)(port_now_ms() - start_ms));
	return done;
}

static bool exchange(const struct stack *stack, void *session, const struct stack_run *run,
                     struct stack_report *report)
{
	size_t len = strlen(run->send), done = 0;
	char answer[sizeof(run->send)];

	if (!stack->write(session, run->send, len))
		return false;
	while (done < len) {
		int n = stack->read(session, answer + done, len - done);

		if (n <= 0)
			return false;
		done += (size_t)n;
	}
	if (memcmp(answer, run->send, len) == 0)
		return true;
	snprintf(report->status, sizeof(report->status), "%s", STACK_ECHO);
	return false;
}

/*
 * Sends close_notify and reads on until the server's, which also brings to light what a TLS 1.3
 * server says about the client's certificate. A server that does not answer is no failure: each
 * side closes for itself (RFC 8446 section 6.1).
 */
static bool finish(const struct stack *stack, void *session, struct link *link)
{
	char ignored[256];
	int n;

	if (!stack->close(session))
		return false;
	link_hurry(link, STACK_CLOSE_MS);
	do {
		n = stack->read(session, ignored, sizeof(ignored));
	} while (n > 0);
	return n == 0 || link->end == LINK_CLOSED || link->end == LINK_RESET ||
	       link->end == LINK_TIMEOUT;
}

/* The phases from hs on. */
static void talk(const struct stack *stack, const struct stack_job *job)
{
	struct stack_report *report = job->report;
	void *session = stack->session;
	bool opened, ok;

	memset(session, 0, stack->session_size);
	memcpy(session, job, sizeof(*job));
	report->phase = "hs";
	opened = stack->open(session);
	ok = opened && run_handshake(stack, session, report);
	if (ok && job->run->send[0] != '\0') {
		report->phase = "app";
		ok = exchange(stack, session, job->run, report);
	}
	if (ok) {
		report->phase = "close";
		ok = finish(stack, session, job->link);
	}
	if (ok)
		snprintf(report->status, sizeof(report->status), "0");
	if (opened)
		stack->describe(session);
	stack->free(session);
}

void stack_drive(const struct stack *stack, const struct stack_run *run, const atomic_bool *aborted,
                 uint32_t deadline_ms, struct stack_report *report)
{
	struct link link;

	*report = (struct stack_report){.phase = "dns"};
	link_init(&link, aborted, deadline_ms);
	if (link_resolve(&link, run->host, run->port) == 0) {
		report->phase = "tcp";
		if (link_connect(&link) == 0) {
			port_log("tcp: connected to %s port %u", run->host, run->port);
			talk(stack, &(struct stack_job){run, &link, report});
		}
	}
	if (report->status[0] == '\0')
		stack->link_status(link.end, report);
	port_log("run: phase %s, status %s", report->phase, report->status);
	link_fini(&link);
}

struct agent_blob stack_next_der(struct agent_blob *rest)
{
	struct agent_blob one = *rest;
	uint32_t len, header = 2;

	if (rest->len < header || rest->data[0] != 0x30)
		return (struct agent_blob){0};
	len = rest->data[1];
	/* 0x81 and 0x82: so many bytes of length follow (X.690 section 8.1.3.5). */
	if (len >= 0x80) {
		uint32_t n = len - 0x80;

		if (n < 1 || n > 2 || rest->len < header + n)
			return (struct agent_blob){0};
		for (len = 0; n > 0; n--)
			len = len << 8 | rest->data[header++];
	}
	if (len > rest->len - header)
		return (struct agent_blob){0};
	one.len = (uint16_t)(header + len);
	rest->data += one.len;
	rest->len = (uint16_t)(rest->len - one.len);
	return one;
}

static int hex_digit(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = c != '\0' ? strchr(digits, tolower((unsigned char)c)) : NULL;

	return at != NULL ? (int)(at - digits) : -1;
}

bool stack_read_psk(const char *text, struct stack_run *run)
{
	const char *colon = text != NULL ? strrchr(text, ':') : NULL;

	run->psk_len = 0;
	if (text == NULL)
		return true;
	if (colon == NULL || colon == text || colon[1] == '\0')
		return false;
	snprintf(run->psk_identity, sizeof(run->psk_identity), "%.*s", (int)(colon - text), text);
	for (const char *at = colon + 1; *at != '\0'; at += 2) {
		int high = hex_digit(at[0]), low = high >= 0 ? hex_digit(at[1]) : -1;

		if (low < 0 || run->psk_len == sizeof(run->psk))
			return false;
		run->psk[run->psk_len++] = (uint8_t)(high << 4 | low);
	}
	return true;
}

unsigned stack_give_psk(const struct stack_run *run, char *identity, size_t identity_max,
                        unsigned char *key, size_t key_max)
{
	if (strlen(run->psk_identity) >= identity_max || run->psk_len > key_max)
		return 0;
	strcpy(identity, run->psk_identity);
	memcpy(key, run->psk, run->psk_len);
	return (unsigned)run->psk_len;
}

void stack_note_alert(struct stack_report *report, char direction, int number)
{
	number &= 0xFF;
	if (number != 0 && report->alert[0] == '\0')
		snprintf(report->alert, sizeof(report->alert), "%c%d", direction, number);
}

void stack_note_group(struct stack_report *report, const char *name)
{
	for (size_t i = 0; name != NULL && name[i] != '\0' && i + 1 < sizeof(report->group); i++)
		report->group[i] = (char)tolower((unsigned char)name[i]);
}

void stack_note_version(struct stack_report *report, int wire_version)
{
	snprintf(report->version, sizeof(report->version), "1.%d", (wire_version - 1) & 0xF);
}
