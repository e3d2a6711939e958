/*
 * cells.h: cells for the tests of verdicts: one that passed, and what differs from it in JSON.
 */
#ifndef SHAKEDOWN_TESTS_VERDICT_CELLS_H
#define SHAKEDOWN_TESTS_VERDICT_CELLS_H

#include "base/json.h"
#include "verdict/confirm.h"

/* JSON with ' for ". The caller's to release. */
static inline json_t *parsed(const char *text)
{
	char *copy = strdup(text);
	json_t *value;

	for (char *at = copy; *at != '\0'; at++)
		if (*at == '\'')
			*at = '"';
	value = json_loads(copy, JSON_DECODE_ANY, NULL);
	if (value == NULL)
		fail_msg("not JSON: %s", copy);
	free(copy);
	return value;
}

/* A cell in which all three witnesses agree that it worked, changed by the merge patch `patch`. */
static inline json_t *cell_with(const char *patch)
{
	json_t *passed = parsed(
		"{'id': 's/c/b', 'suite': 's', 'scenario': 'c', 'case': 'c', 'board': 'b',"
		" 'server': {'versions': ['1.2', '1.3'], 'certificate': ['rsa-2048']},"
		" 'expect': {'result': 'connect'}, 'witnesses': {"
		" 'server': {'connected': true, 'state': 'closed', 'handshake': true,"
		"  'version': '1.3', 'ciphersuite': 'TLS_AES_128_GCM_SHA256',"
		"  'alerts': [], 'errors': [], 'bytes_received': 9, 'bytes_sent': 9,"
		"  'closed_by': 'client', 'ended': 'closed'},"
		" 'wire': {'client_hello': {'legacy_version': 'TLS 1.2',"
		"   'cipher_suites': ['TLS_AES_128_GCM_SHA256',"
		"    'TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256'], 'extensions': ["
		"    {'name': 'supported_versions', 'versions': ['TLS 1.3', 'TLS 1.2']},"
		"    {'name': 'supported_groups', 'named_group_list': ['secp256r1']},"
		"    {'name': 'signature_algorithms', 'supported_signature_algorithms':"
		"     ['rsa_pss_rsae_sha256', 'rsa_pkcs1_sha256', 'ecdsa_secp256r1_sha256']}]},"
		"  'server_hello': {}, 'version': 'TLS 1.3',"
		"  'cipher_suite': 'TLS_AES_128_GCM_SHA256',"
		"  'messages': [{'from': 'client', 'type': 'client_hello'}], 'alerts': [],"
		"  'faults': [], 'tcp': {'gaps': 0}, 'close': {'first': 'client'},"
		"  'capture': 'sniffer'},"
		" 'board': {'phase': 'close', 'status': '0', 'version': '1.3', 'alert': null,"
		"  'log': ''}}}");
	json_t *change = parsed(patch);
	json_t *cell = json_merge_patched(passed, change);

	json_decref(passed);
	json_decref(change);
	return cell;
}

#endif
