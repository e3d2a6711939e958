#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "flow/private_network.h"

#include <arpa/inet.h>
#include <errno.h>
#include <grp.h>
#include <linux/sockios.h>
#include <seccomp.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOBODY 65534
#define SKIPPED 77

/* Runs `part` in a child: entering a network cannot be undone. Returns its exit status. */
static int in_child(int (*part)(void))
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(part());
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* As after a log-in: a process that only changed its user could not open its own files in /proc. */
static int become_nobody(void)
{
	if (geteuid() != 0)
		return 0;
	return setgroups(0, NULL) | setresgid(NOBODY, NOBODY, NOBODY) |
	       setresuid(NOBODY, NOBODY, NOBODY) | prctl(PR_SET_DUMPABLE, 1);
}

/* Fails the child with a number of its own at each step, for the message. */
static int step(int number, int failed)
{
	if (failed)
		_exit(number);
	return 0;
}

/* A TCP connection to itself over `lo`. */
static int connects_over_loopback(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
	                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM, 0), client = socket(AF_INET, SOCK_STREAM, 0);

	return bind(listener, (struct sockaddr *)&address, len) == 0 && listen(listener, 1) == 0 &&
	       getsockname(listener, (struct sockaddr *)&address, &len) == 0 &&
	       connect(client, (struct sockaddr *)&address, len) == 0;
}

/* The effective capabilities of a program that is started now. */
static unsigned long long capabilities_of_child(void)
{
	FILE *child = popen("grep CapEff /proc/self/status", "r");
	unsigned long long found = ~0ull;

	if (child == NULL || fscanf(child, "CapEff: %llx", &found) != 1)
		found = ~0ull;
	if (child != NULL)
		pclose(child);
	return found;
}

static int enters(void)
{
	struct error error = {0};
	unsigned long long own = geteuid() == 0 ? capabilities_of_child() : 0;

	if (private_network_enter(&error) != 0) {
		fprintf(stderr, "%s\n", error.text);
		return SKIPPED;
	}
	step(2, !connects_over_loopback());
	step(3, capabilities_of_child() != own);
	private_network_spawn_begin();
	step(4, capabilities_of_child() != (own | 1ull << 13)); /* CAP_NET_RAW */
	private_network_spawn_end();
	step(5, capabilities_of_child() != own);
	return 0;
}

static int enters_as_nobody(void)
{
	step(6, become_nobody() != 0);
	return enters();
}

static void check_entered(int status)
{
	if (status == SKIPPED)
		skip(); /* the machine allows none; the sentence has been printed */
	assert_int_equal(status, 0);
}

static void whoever_runs_the_test_gets_a_network_and_only_the_sniffer_a_new_right(void **state)
{
	(void)state;
	check_entered(in_child(enters));
}

static void a_user_without_privileges_gets_the_same(void **state)
{
	(void)state;
	check_entered(in_child(enters_as_nobody));
}

/* The kernel says no to one system call; `argument_1` is its second argument, or 0 for any. */
static int forbid(int number, unsigned argument_1)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	unsigned n_arguments = argument_1 != 0;

	return seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), number, n_arguments,
	                        SCMP_A1(SCMP_CMP_EQ, argument_1, 0)) != 0 ||
	       seccomp_load(filter) != 0;
}

static ino_t network(void)
{
	struct stat status = {0};

	stat("/proc/self/ns/net", &status);
	return status.st_ino;
}

/* Refused with `sentence`, and in the same network as before. */
static int is_refused(const char *sentence)
{
	struct error error = {0};
	ino_t before = network();

	step(2, private_network_enter(&error) != ERR_ENVIRONMENT);
	step(3, strstr(error.text, sentence) == NULL);
	step(4, strstr(error.text, "Operation not permitted; on Ubuntu 24.04") == NULL);
	step(5, before == 0 || network() != before);
	private_network_spawn_begin();
	private_network_spawn_end();
	return 0;
}

static int is_refused_a_namespace(void)
{
	step(6, become_nobody() != 0 || forbid(SCMP_SYS(unshare), 0));
	return is_refused("does not allow a private network");
}

static int is_refused_its_loopback(void)
{
	step(6, become_nobody() != 0 || forbid(SCMP_SYS(ioctl), SIOCSIFFLAGS));
	return is_refused("does not let its loopback interface be brought up");
}

static void a_kernel_that_forbids_namespaces_is_told_in_one_sentence(void **state)
{
	(void)state;
	assert_int_equal(in_child(is_refused_a_namespace), 0);
}

static void a_network_whose_loopback_stays_down_is_not_entered(void **state)
{
	int status = in_child(enters_as_nobody);

	(void)state;
	if (status == SKIPPED)
		skip();
	assert_int_equal(in_child(is_refused_its_loopback), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whoever_runs_the_test_gets_a_network_and_only_the_sniffer_a_new_right),
		cmocka_unit_test(a_user_without_privileges_gets_the_same),
		cmocka_unit_test(a_kernel_that_forbids_namespaces_is_told_in_one_sentence),
		cmocka_unit_test(a_network_whose_loopback_stays_down_is_not_entered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
