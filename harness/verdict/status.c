#include "verdict/status.h"

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

#undef STATUS

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
	{"bearssl", ROWS(bearssl), true, false},
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

void status_look_up(struct status *status, const char *stack_name, const char *stack_version,
                    const char *code)
{
	const struct stack *stack = stack_named(stack_name);
	char *end;
	long value;

	*status = (struct status){.meaning = ""};
	errno = 0;
	value = strtol(code, &end, 0);
	if (end == code || *end != '\0' || errno != 0)
		return;
	if (strcmp(stack_name, "openssl") == 0)
		look_up_openssl(status, value);
	if (stack != NULL) {
		int major = stack->own_versions ? atoi(stack_version) : 0;

		if (add_rows(status, stack, value, major, "") == 0 && stack->sums)
			add_sum(status, stack, value, major);
	}
}
