#include "verdict/status.h"

#include "base/json.h"

#include <ctype.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct row {
	long value;
	const char *name;
	int first, last; /* major versions; 0: any */
	const char *meaning;
};

#define STATUS(value, name, first, last, meaning) {value, #name, first, last, meaning},

static const struct row bearssl[] = {
#include "verdict/status_bearssl.def"
};

static const struct row curl[] = {
#include "verdict/status_curl.def"
};

static const struct row gnutls[] = {
#include "verdict/status_gnutls.def"
};

static const struct row netxduo[] = {
#include "verdict/status_netxduo.def"
};

static const struct row mbedtls[] = {
#include "verdict/status_mbedtls.def"
};

static const struct row wolfssl[] = {
#include "verdict/status_wolfssl.def"
};

static const struct row esp_idf[] = {
#include "verdict/status_esp_idf.def"
};

#undef STATUS

static const struct {
	unsigned long bit;
	const char *name;
} verify_flags[] = {
#define FLAG(bit, name) {bit, #name},
#include "verdict/status_verify.def"
#undef FLAG
};

#define ROWS(table) table, sizeof(table) / sizeof((table)[0])

/* esp-idf and zephyr have versions of their own, not those of the Mbed TLS within. */
static const struct stack {
	const char *name;
	const struct row *rows;
	size_t n_rows;
	bool own_versions;
	bool sums; /* a code may be the sum of a high and a low one */
} stacks[] = {
	{"netxduo", ROWS(netxduo), true, false}, {"mbedtls", ROWS(mbedtls), true, true},
	{"esp-idf", ROWS(mbedtls), false, true}, {"zephyr", ROWS(mbedtls), false, true},
	{"wolfssl", ROWS(wolfssl), true, false}, {"gnutls", ROWS(gnutls), true, false},
	{"bearssl", ROWS(bearssl), true, false}, {"curl", ROWS(curl), true, false},
};

static bool row_fits(const struct row *row, long value, int major)
{
	return row->value == value && (major == 0 || row->first == 0 || row->first <= major) &&
	       (major == 0 || row->last == 0 || row->last >= major);
}

static void append(struct status *status, const char *between, const char *name)
{
	size_t used = strlen(status->name);

	snprintf(status->name + used, sizeof(status->name) - used, "%s%s", used > 0 ? between : "",
	         name);
}

/* All rows of this value; their meaning if there is just one. Returns how many. */
static int add_rows(struct status *status, const struct stack *stack, long value, int major,
                    const char *between)
{
	int n = 0;

	for (size_t i = 0; i < stack->n_rows; i++) {
		if (!row_fits(&stack->rows[i], value, major))
			continue;
		append(status, n == 0 ? between : " or ", stack->rows[i].name);
		status->meaning = n == 0 ? stack->rows[i].meaning : "";
		n++;
	}
	return n;
}

/* Mbed TLS adds a low code (bits 0 to 6) to a high one; the high one's meaning is told. */
static void add_sum(struct status *status, const struct stack *stack, long value, int major)
{
	const char *meaning;

	if (value >= 0 || add_rows(status, stack, -(-value & ~0x7FL), major, " + ") == 0)
		return;
	meaning = status->meaning;
	if (add_rows(status, stack, -(-value & 0x7FL), major, " + ") == 0)
		status->name[0] = '\0';
	status->meaning = status->name[0] != '\0' ? meaning : "";
}

static void look_up_openssl(struct status *status, long value)
{
	const char *reason;

	OPENSSL_init_ssl(OPENSSL_INIT_LOAD_SSL_STRINGS, NULL);
	reason = value > 0 ? ERR_reason_error_string((unsigned long)value) : NULL;
	if (reason != NULL)
		snprintf(status->name, sizeof(status->name), "%s", reason);
}

static const struct stack *stack_named(const char *name)
{
	for (size_t i = 0; i < sizeof(stacks) / sizeof(stacks[0]); i++)
		if (strcmp(stacks[i].name, name) == 0)
			return &stacks[i];
	return NULL;
}

/* esp_tls has codes of its own; firmware also prints those of Mbed TLS without their sign. */
static void look_up_esp_idf(struct status *status, const struct stack *mbedtls_within,
                            const char *stack_version, long value)
{
	static const struct stack wrapping = {"esp-idf", ROWS(esp_idf), true, false};

	if (add_rows(status, &wrapping, value, atoi(stack_version), "") == 0 && value > 0)
		add_rows(status, mbedtls_within, -value, 0, "");
}

static void look_up(struct status *status, const char *stack_name, const char *stack_version,
                    long value)
{
	const struct stack *stack = stack_named(stack_name);
	int major;

	if (strcmp(stack_name, "openssl") == 0)
		look_up_openssl(status, value);
	if (stack == NULL)
		return;
	if (strcmp(stack_name, "esp-idf") == 0)
		look_up_esp_idf(status, stack, stack_version, value);
	major = stack->own_versions ? atoi(stack_version) : 0;
	if (status->name[0] == '\0' && add_rows(status, stack, value, major, "") == 0 &&
	    stack->sums)
		add_sum(status, stack, value, major);
}

/* A number, and where it ends; false if there is none. */
static bool read_number(const char *text, char **end, long *value)
{
	errno = 0;
	*value = strtol(text, end, 0);
	return *end != text && errno == 0;
}

void status_look_up(struct status *status, const char *stack_name, const char *stack_version,
                    const char *code)
{
	struct status inner = {.meaning = ""};
	char *end;
	long value, within;

	*status = (struct status){.meaning = ""};
	if (!read_number(code, &end, &value))
		return;
	if (*end == '\0') {
		look_up(status, stack_name, stack_version, value);
	} else if (*end == '/' && read_number(end + 1, &end, &within) && *end == '\0') {
		look_up(status, stack_name, stack_version, value);
		look_up(&inner, stack_name, stack_version, within);
		append(status, " with ", inner.name);
		if (inner.meaning[0] != '\0')
			status->meaning = inner.meaning;
	}
}

/* --- verify flags ----------------------------------------------------------------------------- */

/* The number behind "verif... 0x", on one line; the last such line of the log counts. */
static unsigned long flags_in(const char *log)
{
	unsigned long flags = 0;
	const char *at = log;

	while ((at = strstr(at, "verif")) != NULL) {
		size_t line = strcspn(at, "\r\n");
		const char *number = strstr(at, "0x");

		if (number != NULL && number < at + line && isxdigit((unsigned char)number[2]))
			flags = strtoul(number, NULL, 16);
		at += line;
	}
	return flags;
}

json_t *status_verify_flags(const char *stack_name, const char *log)
{
	const struct stack *stack = stack_named(stack_name);
	json_t *names = json_made(json_array());
	unsigned long flags = stack != NULL && stack->sums ? flags_in(log) : 0;

	for (size_t i = 0; i < sizeof(verify_flags) / sizeof(verify_flags[0]); i++)
		if ((flags & verify_flags[i].bit) != 0)
			json_array_append_new(names, json_string(verify_flags[i].name));
	return names;
}
