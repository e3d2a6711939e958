#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "peer/lock.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* Each test has a folder of its own in place of the user's. */
static int set_up(void **state)
{
	static char folder[32];

	strcpy(folder, "/tmp/test-lock-XXXXXX");
	*state = mkdtemp(folder);
	return *state == NULL || setenv("XDG_RUNTIME_DIR", folder, 1) != 0;
}

static int tear_down(void **state)
{
	char path[64];

	snprintf(path, sizeof(path), "%s/shakedown", (char *)*state);
	if (rmdir(path) != 0) /* also proves that no lock is left behind */
		return -1;
	return rmdir(*state);
}

static void names_of_one_device_share_a_lock(void **state)
{
	struct lock *lock, *other = NULL;
	struct error error = {0};
	char name[64];

	snprintf(name, sizeof(name), "%s/usb-board", (char *)*state);
	assert_int_equal(symlink("/dev/null", name), 0);
	assert_int_equal(lock_take("/dev/null", &lock, &error), 0);
	assert_int_equal(lock_take(name, &other, &error), ERR_ENVIRONMENT);
	assert_int_equal(lock_take("/dev/zero", &other, &error), 0);
	lock_release(other);
	lock_release(lock);
	assert_int_equal(lock_take(name, &lock, &error), 0);
	lock_release(lock);
	unlink(name);
}

static pid_t hold_in_a_child(const char *device)
{
	struct error error = {0};
	struct lock *lock;
	int ready[2];
	pid_t pid;
	char byte;

	assert_int_equal(pipe(ready), 0);
	pid = fork();
	if (pid == 0) {
		byte = lock_take(device, &lock, &error) == 0 ? 'y' : 'n';
		while (write(ready[1], &byte, 1) == 1)
			pause();
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	assert_int_equal(byte, 'y');
	close(ready[0]);
	close(ready[1]);
	return pid;
}

static void holder_is_named_and_its_death_frees_the_lock(void **state)
{
	pid_t pid = hold_in_a_child("/dev/ttyABSENT0");
	struct error error = {0};
	struct lock *lock;
	char sentence[128];

	(void)state;
	snprintf(sentence, sizeof(sentence),
	         "/dev/ttyABSENT0 is in use by another Shakedown (process %d): wait for its end, or stop it",
	         (int)pid);
	assert_int_equal(lock_take("/dev/ttyABSENT0", &lock, &error), ERR_ENVIRONMENT);
	assert_string_equal(error.text, sentence);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	assert_int_equal(lock_take("/dev/ttyABSENT0", &lock, &error), 0);
	lock_release(lock);
}

/* Two processes take and release the lock as fast as they can; in it, each sees that it is alone. */
static void contend(const char *witness)
{
	for (int n = 0; n < 100;) {
		struct lock *lock;

		if (lock_take("rfc2217://lab:4000", &lock, NULL) != 0)
			continue;
		if (mkdir(witness, 0700) != 0)
			_exit(1);
		rmdir(witness);
		lock_release(lock);
		n++;
	}
	_exit(0);
}

static void removal_of_the_file_never_lets_two_in(void **state)
{
	pid_t pids[2];
	char witness[64];

	snprintf(witness, sizeof(witness), "%s/witness", (char *)*state);
	for (int i = 0; i < 2; i++) {
		pids[i] = fork();
		if (pids[i] == 0)
			contend(witness);
	}
	for (int i = 0; i < 2; i++) {
		int status;

		waitpid(pids[i], &status, 0);
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	}
}

static void folder_that_others_may_enter_is_refused(void **state)
{
	struct error error = {0};
	struct lock *lock;
	char folder[64], sentence[256];

	snprintf(folder, sizeof(folder), "%s/shakedown", (char *)*state);
	assert_int_equal(mkdir(folder, 0700), 0);
	assert_int_equal(chmod(folder, 0755), 0);
	assert_int_equal(lock_take("/dev/null", &lock, &error), ERR_ENVIRONMENT);
	snprintf(sentence, sizeof(sentence),
	         "%s, for the locks of serial ports, is not a folder that only you may enter: remove it",
	         folder);
	assert_string_equal(error.text, sentence);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(names_of_one_device_share_a_lock, set_up, tear_down),
		cmocka_unit_test_setup_teardown(holder_is_named_and_its_death_frees_the_lock, set_up, tear_down),
		cmocka_unit_test_setup_teardown(removal_of_the_file_never_lets_two_in, set_up, tear_down),
		cmocka_unit_test_setup_teardown(folder_that_others_may_enter_is_refused, set_up, tear_down),
	};

	return cmocka_run_group_tests_name("peer/lock", tests, NULL, NULL);
}
