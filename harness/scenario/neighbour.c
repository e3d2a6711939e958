#include "scenario/neighbour.h"

#include "base/json.h"

#include <string.h>

#define SERVER "server."

/* What a key is changed to, in the order of trying; null leaves it out. */
static const struct {
	const char *key, *value;
	bool even_if_absent; /* a server without the key is changed too */
} candidates[] = {
	{"faults", "null", false},
	{"client_auth", "\"none\"", false},
	{"certificate", "[\"ecdsa-p256\"]", true},
	{"certificate", "[\"rsa-2048\"]", true},
	{"versions", "[\"1.2\"]", true},
	{"versions", "[\"1.3\"]", true},
	{"versions", "[\"1.2\", \"1.3\"]", true},
	{"groups", "null", false},
	{"groups", "[\"P-256\"]", true},
	{"cipher_list", "null", false},
	{"ciphersuites", "null", false},
	{"ciphersuites", "[\"TLS_AES_128_GCM_SHA256\"]", true},
	{"signature_algorithms", "null", false},
	{"client_signature_algorithms", "null", false},
	{"alpn", "null", false},
	{"sni", "null", false},
	{"psk", "null", false},
	{"ocsp", "null", false},
	{"max_send_fragment", "null", false},
	{"max_send_fragment", "1024", true},
	{"record_padding", "null", false},
	{"segment", "null", false},
	{"pause_ms", "null", false},
	{"cookie", "null", false},
	{"key_update", "null", false},
	{"post_handshake_auth", "null", false},
	{"encrypt_then_mac", "null", false},
	{"renegotiation_info", "null", false},
	{"max_fragment_length", "null", false},
	{"extended_master_secret", "null", false},
	{"tickets", "false", true},
	{"close", "null", false},
	{"application", "null", false},
};

static void add(json_t *list, const json_t *server, const char *key, json_t *value)
{
	if (!json_equal(json_object_get(server, key), value))
		json_array_append_new(list, json_made(json_pack("{s:O}", key, value)));
}

static void add_axes(json_t *list, const json_t *server, const json_t *axes)
{
	const char *path;
	json_t *values, *value;
	size_t i;

	json_object_foreach((json_t *)axes, path, values)
		json_array_foreach(values, i, value)
			if (strncmp(path, SERVER, strlen(SERVER)) == 0)
				add(list, server, path + strlen(SERVER), value);
}

json_t *neighbours_of(const json_t *server, const json_t *axes)
{
	json_t *list = json_made(json_array());

	add_axes(list, server, axes);
	for (size_t i = 0; i < sizeof(candidates) / sizeof(candidates[0]); i++) {
		json_t *value;

		if (!candidates[i].even_if_absent &&
		    json_object_get(server, candidates[i].key) == NULL)
			continue;
		value = json_made(json_loads(candidates[i].value, JSON_DECODE_ANY, NULL));
		add(list, server, candidates[i].key, value);
		json_decref(value);
	}
	return list;
}
