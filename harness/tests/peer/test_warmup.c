#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "peer/warmup.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define ONLY_TLS13 "/tmp/test-warmup-XXXXXX"

static void leaves_no_error_behind(void **state)
{
	(void)state;
	warmup();
	assert_int_equal(ERR_peek_error(), 0);
}

/* A configuration as some systems have it, which a process reads when it starts with OpenSSL. */
static void gets_along_with_a_system_that_refuses_tls_1_2(void **state)
{
	static const char text[] = "openssl_conf = all\n[all]\nssl_conf = ssl\n[ssl]\n"
				   "system_default = least\n[least]\nMinProtocol = TLSv1.3\n";
	char path[] = ONLY_TLS13;
	int fd = mkstemp(path), status = 0;
	pid_t pid;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, sizeof(text) - 1), sizeof(text) - 1);
	close(fd);
	pid = fork();
	if (pid == 0) {
		OPENSSL_INIT_SETTINGS *settings = OPENSSL_INIT_new();

		OPENSSL_INIT_set_config_filename(settings, path);
		OPENSSL_init_crypto(OPENSSL_INIT_LOAD_CONFIG, settings);
		warmup();
		_exit(ERR_peek_error() == 0 ? 0 : 1);
	}
	waitpid(pid, &status, 0);
	unlink(path);
	assert_int_equal(status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gets_along_with_a_system_that_refuses_tls_1_2),
		cmocka_unit_test(leaves_no_error_behind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
