#include "firmware/glue/client.h"

#include "firmware/glue/port.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

static struct {
	struct agent agent;
	struct agent_ops ops;
	const struct stack *stack;
	uint32_t deadline_ms;
	int64_t clock_offset_s; /* the board's clock less the platform's */
	bool has_run;
	atomic_bool running; /* while it is set, `run` and `report` are the other task's */
	atomic_bool aborted;
	struct stack_run run;
	struct stack_report report;
	uint8_t store[CLIENT_STORE_SIZE];
} client;

static bool has_cap(const char *caps, const char *key)
{
	size_t len = strlen(key);

	for (const char *at = strstr(caps, key); at != NULL; at = strstr(at + 1, key)) {
		if ((at == caps || at[-1] == ',') && (at[len] == ',' || at[len] == '\0'))
			return true;
	}
	return false;
}

static const char *refused_by_caps(const char *caps, const char *const text[])
{
	static const char *const keys[AGENT_N_RUN_TEXTS] = {
		[AGENT_SNI] = "sni",   [AGENT_MIN] = "min", [AGENT_MAX] = "max",
		[AGENT_ALPN] = "alpn", [AGENT_PSK] = "psk", [AGENT_RESUME] = "resume",
		[AGENT_EARLY] = "early",
	};

	for (int i = 0; i < AGENT_N_RUN_TEXTS; i++) {
		if (text[i] != NULL && keys[i] != NULL && !has_cap(caps, keys[i]))
			return keys[i];
	}
	return NULL;
}

static bool is_version(const char *text)
{
	return strlen(text) == 3 && strncmp(text, "1.", 2) == 0 && text[2] >= '0' && text[2] <= '3';
}

/*
 * Narrows what the stack has to the bounds that the host set. NULL, or the key that leaves nothing.
 */
static const char *narrow_versions(const struct stack *stack, const char *const text[],
                                   struct stack_run *run)
{
	const char *min = text[AGENT_MIN] != NULL ? text[AGENT_MIN] : stack->lowest;
	const char *max = text[AGENT_MAX] != NULL ? text[AGENT_MAX] : stack->highest;

	if (!is_version(min) || strcmp(min, stack->highest) > 0)
		return "min";
	if (!is_version(max) || strcmp(max, stack->lowest) < 0 || strcmp(max, min) < 0)
		return "max";
	if (strcmp(min, stack->lowest) < 0)
		min = stack->lowest;
	if (strcmp(max, stack->highest) > 0)
		max = stack->highest;
	snprintf(run->min, sizeof(run->min), "%s", min);
	snprintf(run->max, sizeof(run->max), "%s", max);
	return NULL;
}

static bool is_one(const char *text)
{
	return text != NULL && strcmp(text, "1") == 0;
}

static void copy_text(char out[AGENT_LINE_MAX], const char *text)
{
	snprintf(out, AGENT_LINE_MAX, "%s", text != NULL ? text : "");
}

static const char *op_run(void *context, uint16_t port, const char *const text[])
{
	struct stack_run *run = &client.run;
	const char *refused = refused_by_caps(client.stack->caps, text);

	(void)context;
	if (refused == NULL)
		refused = narrow_versions(client.stack, text, run);
	if (refused == NULL && !stack_read_psk(text[AGENT_PSK], run))
		refused = "psk";
	if (refused != NULL)
		return refused;
	run->resume = is_one(text[AGENT_RESUME]);
	run->early = is_one(text[AGENT_EARLY]);
	copy_text(run->host, text[AGENT_HOST]);
	copy_text(run->sni, text[AGENT_SNI]);
	copy_text(run->alpn, text[AGENT_ALPN]);
	copy_text(run->send, text[AGENT_SEND]);
	run->port = port;
	run->ca = agent_blob(&client.agent, AGENT_CA);
	run->cert = agent_blob(&client.agent, AGENT_CERT);
	run->key = agent_blob(&client.agent, AGENT_KEY);
	run->clock_offset_s = client.clock_offset_s;
	run->now_s = port_unix_s() + client.clock_offset_s;
	client.has_run = true;
	atomic_store(&client.aborted, false);
	atomic_store(&client.running, true);
	port_wake();
	return NULL;
}

void client_work(void)
{
	stack_drive(client.stack, &client.run, &client.aborted, client.deadline_ms, &client.report);
	atomic_store(&client.running, false);
}

static const char *known(const char *text)
{
	return text[0] != '\0' ? text : NULL;
}

static enum agent_state op_status(void *context, struct agent_report *report)
{
	const struct stack_report *run = &client.report;

	(void)context;
	if (!client.has_run)
		return AGENT_IDLE;
	if (atomic_load(&client.running))
		return AGENT_BUSY;
	if (report == NULL)
		return AGENT_DONE;
	report->text[AGENT_PHASE] = run->phase;
	report->text[AGENT_STATUS] = run->status;
	report->text[AGENT_ALERT] = known(run->alert);
	report->text[AGENT_VERSION] = known(run->version);
	report->text[AGENT_SUITE] = known(run->ciphersuite);
	report->text[AGENT_MS] = known(run->handshake_ms);
	report->text[AGENT_GROUP] = known(run->group);
	report->text[AGENT_SIGNATURE] = known(run->signature);
	return AGENT_DONE;
}

void client_abort(void)
{
	atomic_store(&client.aborted, true);
	if (atomic_load(&client.running) && client.stack->abort != NULL)
		client.stack->abort();
}

static void op_abort(void *context)
{
	(void)context;
	client_abort();
}

static bool op_set_time(void *context, uint32_t unix_s)
{
	(void)context;
	client.clock_offset_s = (int64_t)unix_s - port_unix_s();
	return true;
}

static void op_write(void *context, const char *text, size_t len)
{
	(void)context;
	port_write(text, len);
}

static uint32_t op_boot_nonce(void *context)
{
	(void)context;
	return port_boot_nonce();
}

static void op_reset(void *context)
{
	(void)context;
	port_reset();
}

void client_receive(uint8_t byte)
{
	agent_receive(&client.agent, byte);
}

void client_init(const struct stack *stack, int state, uint32_t deadline_ms)
{
	if (stack->forget != NULL)
		stack->forget();
	client.stack = stack;
	client.deadline_ms = deadline_ms;
	client.clock_offset_s = 0;
	client.has_run = false;
	client.run.state = state;
	client.ops = (struct agent_ops){
		.stack = stack->version(),
		.caps = stack->caps,
		.write = op_write,
		.boot_nonce = op_boot_nonce,
		.run = op_run,
		.status = op_status,
		.abort = op_abort,
		.set_time = op_set_time,
		.reset = op_reset,
	};
	agent_init(&client.agent, &client.ops, NULL, client.store, sizeof(client.store));
}
