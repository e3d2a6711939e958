/*
 * status.h: what a TLS stack's status code is called and means. Layer: verdict. Pure: no I/O, no
 * clock, no globals of its own.
 *
 * Tables: status_netxduo.def, status_mbedtls.def (which ESP-IDF and Zephyr use),
 * status_wolfssl.def, status_gnutls.def, status_bearssl.def, status_curl.def; OpenSSL's codes are
 * looked up in libssl.
 */
#ifndef SHAKEDOWN_VERDICT_STATUS_H
#define SHAKEDOWN_VERDICT_STATUS_H

#include <jansson.h>

#define STATUS_NAME_MAX 160 /* bytes with the final zero; longer names are cut */

struct status {
	char name[STATUS_NAME_MAX]; /* empty if the code is not known */
	const char *meaning;        /* static text; empty if the name says it */
};

/*
 * Looks up `code`, a number as the board wrote it ("0x20007", "-0x7780", "-313"), for the profile's
 * `stack` ("netxduo") and `stack_version` ("6.2.0", or ""). Where versions of the stack differ and
 * this one is not known, the name is "A or B". Two codes with a slash between, as firmware joins
 * esp_tls's and that of Mbed TLS within ("0x801A/-0x7780"), are told one after the other. Codes
 * that are not known leave both texts empty.
 */
void status_look_up(struct status *status, const char *stack, const char *stack_version,
                    const char *code);

/*
 * The flags with which Mbed TLS says what it found in verifying a chain, if the board's log tells
 * them ("verify flags 0x200", "verify result: 0x08"): a new list of their names, empty if it does
 * not. The last word of the log counts.
 */
json_t *status_verify_flags(const char *stack, const char *log);

#endif
