#include "peer/cookie.h"

#include "decode/registry.h"
#include "peer/context.h"
#include "peer/fault_client.h"

#include <errno.h>
#include <openssl/err.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#define HELLO_MAX (1 << 17) /* bytes of a hello in its records, more than libssl takes */

static int make_cookie(SSL *ssl, unsigned char *cookie, size_t *len)
{
	*len = context_of(ssl)->conduct.cookie;
	memset(cookie, 'c', *len);
	return 1;
}

static int check_cookie(SSL *ssl, const unsigned char *cookie, size_t len)
{
	unsigned char made[COOKIE_MAX];
	size_t made_len;

	make_cookie(ssl, made, &made_len);
	return len == made_len && memcmp(cookie, made, len) == 0;
}

void cookie_set(SSL_CTX *context)
{
	SSL_CTX_set_stateless_cookie_generate_cb(context, make_cookie);
	SSL_CTX_set_stateless_cookie_verify_cb(context, check_cookie);
}

bool cookie_is_due(const SSL *ssl, struct bytes client_hello)
{
	SSL_CTX *context = SSL_get_SSL_CTX(ssl);
	long highest = SSL_CTX_get_max_proto_version(context);

	return context_of(ssl)->conduct.cookie > 0 &&
	       (highest == 0 || highest == TLS1_3_VERSION) &&
	       client_offers(client_hello, VERSION_TLS_1_3);
}

/* What is known of the client's next hello. */
enum hello { HELLO_AWAITED, HELLO_WHOLE, HELLO_OLD, HELLO_NONE };

static enum hello look_at(const SSL *ssl, struct bytes came)
{
	struct client_hellos hellos;
	enum hello hello = HELLO_AWAITED;

	if (came.data[0] != SSL3_RT_HANDSHAKE && came.data[0] != SSL3_RT_CHANGE_CIPHER_SPEC)
		return HELLO_NONE;
	client_hellos_read(&hellos, came);
	if (hellos.n > 0)
		hello = cookie_is_due(ssl, buf_view(&hellos.messages[0])) ? HELLO_WHOLE : HELLO_OLD;
	else if (came.len == HELLO_MAX)
		hello = HELLO_NONE;
	client_hellos_fini(&hellos);
	return hello;
}

/* Waits for more than `n` bytes, or for what ends the connection. */
static enum step await_more(int socket, struct patience *patience, ssize_t n)
{
	int least = (int)n + 1;
	enum step step;

	setsockopt(socket, SOL_SOCKET, SO_RCVLOWAT, &least, sizeof(least));
	step = patience_await(patience, socket, POLLIN);
	least = 1;
	setsockopt(socket, SOL_SOCKET, SO_RCVLOWAT, &least, sizeof(least));
	return step;
}

/* Waits until the hello is whole, as libssl would forget the half of it, and leaves it there. */
static enum step await_hello(const SSL *ssl, int socket, struct patience *patience,
                             enum hello *hello)
{
	static uint8_t came[HELLO_MAX];
	enum step step = STEP_ON;
	ssize_t before = 0;

	*hello = HELLO_AWAITED;
	while (step == STEP_ON && *hello == HELLO_AWAITED) {
		ssize_t n = recv(socket, came, sizeof(came), MSG_PEEK | MSG_DONTWAIT);

		if (n > before) {
			*hello = look_at(ssl, (struct bytes){came, (size_t)n});
			before = n;
		} else if (before > 0 || n == 0 || errno != EAGAIN) {
			*hello = HELLO_NONE; /* the connection has ended */
		}
		if (*hello == HELLO_AWAITED)
			step = await_more(socket, patience, before);
	}
	return step;
}

/* A change_cipher_spec came, which SSL_stateless takes for itself alone. */
static bool passed_over(const SSL *ssl)
{
	return ERR_peek_error() == 0 && !BIO_eof(SSL_get_rbio(ssl));
}

enum step cookie_exchange(SSL *ssl, int socket, struct patience *patience, int *rc)
{
	enum hello hello;
	enum step step;

	*rc = 0;
	for (;;) {
		step = await_hello(ssl, socket, patience, &hello);
		if (step != STEP_ON || hello == HELLO_OLD)
			return step;
		ERR_clear_error();
		errno = 0;
		*rc = SSL_stateless(ssl);
		if (*rc == 1)
			return STEP_ON;
		if (*rc < 0 && !passed_over(ssl))
			return STEP_BROKEN;
		step = patience_check(patience);
		if (step != STEP_ON)
			return step;
	}
}
