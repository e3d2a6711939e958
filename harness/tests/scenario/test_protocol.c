/*
 * The faults of all suites: each is put where it says, the decoder finds it there, the RFC that it
 * breaks is named, and libssl's client takes it as the suite says. Each case runs twice, with its
 * faults and without.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "scenario/suite.h"
#include "tests/peer/lab.h"

#include <netinet/tcp.h>

/* What OpenSSL's client is known to accept against the rules. */
static const char *const lax[] = {
	"unknown-extension/in-encrypted-extensions",
	"unknown-extension/in-certificate",
	"unknown-extension-in-tls-1.2",
	"unsolicited-extension/heartbeat",
	"unsolicited-extension-in-tls-1.2/heartbeat",
	"grease-selected/extension",
	"grease-selected-in-tls-1.2/extension",
	"record-too-large/inside",
	"message-out-of-turn/hello-request",
};

/* Fields whose values nobody can foresee: that they are wrong is the client's to find. */
static const char *const unforeseen[] = {"random", "legacy_session_id_echo", "key_exchange",
                                         "public", "signature", "verify_data"};

static void run(struct lab *lab, const json_t *server)
{
	const struct visit visit = {.cipher_list = "ALL:@SECLEVEL=1", .lowest = TLS1_2_VERSION};
	char *text = json_dumps(server, 0);
	struct client client;
	char byte = 'x';
	int on = 1;

	assert_non_null(text);
	lab_start(lab, text);
	client_open(&client, lab->port, &visit);
	setsockopt(client.socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (SSL_connect(client.ssl) == 1 && SSL_write(client.ssl, &byte, 1) == 1 &&
	    SSL_read(client.ssl, &byte, 1) == 1)
		SSL_shutdown(client.ssl);
	client_close(&client);
	lab_hear(lab);
	free(text);
}

static bool is_unforeseen(const char *key)
{
	for (size_t i = 0; i < sizeof(unforeseen) / sizeof(unforeseen[0]); i++)
		if (strcmp(unforeseen[i], key) == 0)
			return true;
	return strcmp(key, "t_ms") == 0;
}

/* Takes all that cannot be foreseen out of a decoded value. */
static void forget_unforeseen(json_t *value)
{
	const char *key;
	json_t *member;
	size_t i;
	void *next;

	json_array_foreach(value, i, member)
		forget_unforeseen(member);
	json_object_foreach_safe(value, next, key, member) {
		if (is_unforeseen(key))
			json_object_del(value, key);
		else
			forget_unforeseen(member);
	}
}

/* The messages of the server in order, those without a length whose signatures differ in size. */
static json_t *messages_of(const json_t *connection)
{
	json_t *made = json_made(json_array()), *message;
	size_t i;

	json_array_foreach(json_object_get(connection, "messages"), i, message) {
		const char *type = json_text(message, "type");
		bool varies = strcmp(type, "certificate_verify") == 0 ||
		              strcmp(type, "server_key_exchange") == 0;

		if (strcmp(json_text(message, "from"), "server") == 0)
			json_array_append_new(
				made, json_pack("[s, b, I]", type, json_flag(message, "protected"),
			                        varies ? (json_int_t)0
			                               : (json_int_t)json_number(message, "length")));
	}
	return made;
}

/* True if one of the messages is not the one that a server without faults sends there. */
static bool messages_differ(const json_t *clean, const json_t *faulty)
{
	json_t *right = messages_of(clean), *wrong = messages_of(faulty);
	bool differ = json_array_size(wrong) > json_array_size(right);

	for (size_t i = 0; !differ && i < json_array_size(wrong); i++)
		differ = !json_equal(json_array_get(right, i), json_array_get(wrong, i));
	json_decref(right);
	json_decref(wrong);
	return differ;
}

/* True if the decoder tells something else of the messages that both connections have. */
static bool contents_differ(const json_t *clean, const json_t *faulty)
{
	static const char *const members[] = {
		"hello_retry_request", "server_hello", "encrypted_extensions", "certificate_request",
		"certificates", "certificate_verify", "server_key_exchange", "new_session_ticket",
	};

	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
		const json_t *right = json_object_get(clean, members[i]);
		const json_t *wrong = json_object_get(faulty, members[i]);

		if (right != NULL && wrong != NULL && !json_equal(right, wrong))
			return true;
	}
	return false;
}

static bool server_ended_first(const json_t *connection)
{
	return strcmp(json_text(json_object_get(connection, "close"), "first"), "server") == 0;
}

/* True if the fault is at a field that looks the same whether it is right or not. */
static bool looks_the_same(const json_t *server)
{
	const json_t *fault;
	size_t i;

	json_array_foreach(json_object_get(server, "faults"), i, fault) {
		const char *way = strrchr(json_text(fault, "at"), '.');

		if (way != NULL && is_unforeseen(way + 1))
			return true;
	}
	return false;
}

/* Each of the deeds is among `words`, which changes no message. */
static bool all_are(const json_t *server, const char *const words[])
{
	const json_t *fault;
	size_t i, j;

	json_array_foreach(json_object_get(server, "faults"), i, fault) {
		for (j = 0; words[j] != NULL; j++)
			if (strcmp(json_text(fault, "do"), words[j]) == 0)
				break;
		if (words[j] == NULL)
			return false;
	}
	return true;
}

static json_t *take_connection(struct lab *lab)
{
	json_t *made = json_deep_copy(
		json_array_get(json_object_get(lab->message, "connections"), 0));

	assert_non_null(made);
	forget_unforeseen(made);
	return made;
}

static bool is_lax(const char *name)
{
	for (size_t i = 0; i < sizeof(lax) / sizeof(lax[0]); i++)
		if (strcmp(lax[i], name) == 0)
			return true;
	return false;
}

/* Whether a right answer of the case is `result`. */
static bool expects(const json_t *expect, const char *result)
{
	return json_find(expect, "result", result) != NULL ||
	       strcmp(json_text(expect, "result"), result) == 0;
}

static void check_applied(const struct lab *lab, const char *name)
{
	const json_t *testimony = json_object_get(lab->message, "testimony"), *fault;
	size_t i;

	json_array_foreach(json_object_get(testimony, "faults"), i, fault)
		if (!json_flag(fault, "applied"))
			fail_msg("%s: %s was not applied", name, json_text(fault, "at"));
}

/* The client accepts what it may, and what OpenSSL is known to accept. */
static void check_answer(const struct lab *lab, const json_t *one, const char *name)
{
	const json_t *expect = json_object_get(one, "expect");
	const json_t *testimony = json_object_get(lab->message, "testimony");
	bool accepted = json_flag(testimony, "accepted");

	if (accepted && !expects(expect, "connect") && !is_lax(name))
		fail_msg("%s: accepted", name);
	if (!accepted && (is_lax(name) || !expects(expect, "refuse")))
		fail_msg("%s: refused", name);
	if (accepted && !is_lax(name))
		assert_told(testimony, "state", "closed");
}

/* What must be refused breaks a rule, and the suite says which. */
static void check_rule(const json_t *one, const char *name)
{
	const json_t *expect = json_object_get(one, "expect");

	if (!json_is_array(expect) && expects(expect, "refuse") &&
	    strncmp(json_text(expect, "rfc"), "RFC ", 4) != 0)
		fail_msg("%s: no RFC says why this is wrong", name);
}

static void check_case(struct lab *lab, json_t *one)
{
	static const char *const forms[] = {"split", "join", NULL};
	const char *name = strchr(json_text(one, "id"), '/') + 1;
	json_t *server = json_object_get(one, "server"), *clean, *faulty;

	run(lab, server);
	check_applied(lab, name);
	check_answer(lab, one, name);
	check_rule(one, name);
	faulty = take_connection(lab);
	if (!looks_the_same(server) && !all_are(server, forms) &&
	    json_array_size(json_object_get(faulty, "faults")) == 0) {
		json_object_del(server, "faults");
		run(lab, server);
		clean = take_connection(lab);
		if (!messages_differ(clean, faulty) && !contents_differ(clean, faulty) &&
		    !server_ended_first(faulty))
			fail_msg("%s: the decoder sees nothing wrong", name);
		json_decref(clean);
	}
	json_decref(faulty);
}

/* The cases of the suite that have faults, but for those that take as long as patience lasts. */
static void check_suite(struct lab *lab, const char *name)
{
	static const char *const silence[] = {"silence", NULL};
	struct suite *suite = NULL;
	struct error error = {0};

	if (suite_load(&suite, name, &error) != 0)
		fail_msg("%s", error.text);
	for (size_t i = 0; i < suite_n_cases(suite); i++) {
		json_t *one = suite_case(suite, i);
		const json_t *server = json_object_get(one, "server");

		if (json_object_get(server, "faults") != NULL && !all_are(server, silence))
			check_case(lab, one);
		json_decref(one);
	}
	suite_free(suite);
}

static void each_fault_is_seen_where_it_was_put(void **state)
{
	static const char *const suites[] = {"protocol", "certificates", "resilience", "smoke"};

	for (size_t i = 0; i < sizeof(suites) / sizeof(suites[0]); i++)
		check_suite(*state, suites[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(each_fault_is_seen_where_it_was_put, lab_open,
	                                        lab_close),
	};

	return cmocka_run_group_tests_name("scenario/protocol", tests, lab_certificates, NULL);
}
