#include "flow/private_network.h"

#include "base/assert.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <net/if.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* One bit for each capability. */
struct capabilities {
	uint64_t effective, permitted, inheritable;
};

#define BIT(capability) (1ull << (capability))

static bool entered;
static bool may_pass_on; /* the capability to capture, which is not ours by birth */

static struct capabilities get_capabilities(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {0};

	CHECK(syscall(SYS_capget, &header, data) == 0);
	return (struct capabilities){
		.effective = data[0].effective | (uint64_t)data[1].effective << 32,
		.permitted = data[0].permitted | (uint64_t)data[1].permitted << 32,
		.inheritable = data[0].inheritable | (uint64_t)data[1].inheritable << 32,
	};
}

static int set_capabilities(struct capabilities set)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {
		{(uint32_t)set.effective, (uint32_t)set.permitted, (uint32_t)set.inheritable},
		{(uint32_t)(set.effective >> 32), (uint32_t)(set.permitted >> 32),
	         (uint32_t)(set.inheritable >> 32)},
	};

	return (int)syscall(SYS_capset, &header, data);
}

/* What most often forbids it, by distribution. */
static int advise(struct error *error)
{
	return error_append(error, "; on Ubuntu 24.04 \"sudo sysctl "
	                           "kernel.apparmor_restrict_unprivileged_userns=0\" allows it, "
	                           "in a container CAP_SYS_ADMIN does");
}

static int make_namespaces(bool privileged, struct error *error)
{
	int why;

	if (unshare(privileged ? CLONE_NEWNET : CLONE_NEWUSER | CLONE_NEWNET) == 0)
		return 0;
	why = errno;
	error_system(error, ERR_ENVIRONMENT, why,
	             "the system does not allow a private network (user and network namespace)");
	return why == ENOSPC ? error_append(error, "; see /proc/sys/user/max_user_namespaces")
	                     : advise(error);
}

static int write_text(const char *path, const char *text, struct error *error)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	int rc = 0;

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		rc = error_system(error, ERR_ENVIRONMENT, errno,
		                  "cannot set up a private network's user namespace: %s", path);
	if (fd >= 0)
		close(fd);
	return rc;
}

/* The user and the group keep their numbers. */
static int map_ids(uid_t uid, gid_t gid, struct error *error)
{
	char uids[40], gids[40];
	int rc;

	snprintf(uids, sizeof(uids), "%u %u 1", uid, uid);
	snprintf(gids, sizeof(gids), "%u %u 1", gid, gid);
	rc = write_text("/proc/self/setgroups", "deny", error);
	if (rc == 0)
		rc = write_text("/proc/self/uid_map", uids, error);
	if (rc == 0)
		rc = write_text("/proc/self/gid_map", gids, error);
	return rc;
}

static int raise_loopback(struct error *error)
{
	struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int rc = 0;

	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &request) != 0) {
		error_system(error, ERR_ENVIRONMENT, errno,
		             "the system makes a private network but does not let its loopback "
		             "interface be brought up");
		rc = advise(error);
	}
	if (fd >= 0)
		close(fd);
	return rc;
}

/* In a user namespace: back to the capabilities of before, with CAP_NET_RAW to pass on. */
static int keep_net_raw(struct capabilities before, struct error *error)
{
	struct capabilities after = before;

	after.permitted |= BIT(CAP_NET_RAW);
	after.inheritable |= BIT(CAP_NET_RAW);
	if (prctl(PR_SET_SECUREBITS, SECBIT_NOROOT, 0, 0, 0) != 0 || set_capabilities(after) != 0)
		return error_system(error, ERR_ENVIRONMENT, errno,
		                    "cannot keep the right to capture in a private network");
	return 0;
}

static int enter(struct error *error)
{
	struct capabilities before = get_capabilities();
	bool privileged = (before.effective & BIT(CAP_SYS_ADMIN)) != 0;
	uid_t uid = geteuid();
	gid_t gid = getegid();
	int rc = make_namespaces(privileged, error);

	if (rc == 0 && !privileged)
		rc = map_ids(uid, gid, error);
	if (rc == 0)
		rc = raise_loopback(error);
	if (rc == 0 && !privileged)
		rc = keep_net_raw(before, error);
	may_pass_on = may_pass_on || (rc == 0 && !privileged);
	return rc;
}

static void enter_in_child(int fd)
{
	struct error error = {0};

	enter(&error);
	_exit(write(fd, &error, sizeof(error)) == (ssize_t)sizeof(error) ? 0 : 1);
}

/* There is no way back out of a network without a loopback: a child goes first. */
static int try_in_child(struct error *error)
{
	struct error found = {.code = ERR_ENVIRONMENT};
	int ends[2];
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) != 0)
		return error_system(error, ERR_ENVIRONMENT, errno, "cannot try a private network");
	pid = fork();
	if (pid == 0)
		enter_in_child(ends[1]);
	close(ends[1]);
	if (pid < 0 || read(ends[0], &found, sizeof(found)) != (ssize_t)sizeof(found))
		error_system(&found, ERR_ENVIRONMENT, errno, "cannot try a private network");
	close(ends[0]);
	if (pid > 0)
		waitpid(pid, NULL, 0);
	if (found.code != 0)
		error_set(error, found.code, "%s", found.text);
	return found.code;
}

int private_network_enter(struct error *error)
{
	int rc;

	CHECK(!entered);
	rc = try_in_child(error);
	if (rc == 0)
		rc = enter(error);
	entered = rc == 0;
	return rc;
}

void private_network_keep_right(void)
{
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_NET_RAW, 0, 0) == 1)
		may_pass_on = prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_LOWER, CAP_NET_RAW, 0, 0) == 0;
}

void private_network_spawn_begin(void)
{
	if (may_pass_on)
		CHECK(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_RAW, 0, 0) == 0);
}

void private_network_spawn_end(void)
{
	if (may_pass_on)
		CHECK(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_LOWER, CAP_NET_RAW, 0, 0) == 0);
}
