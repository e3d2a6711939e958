#include "flow/rights.h"

#include "base/clock.h"

#include <errno.h>
#include <jansson.h>
#include <linux/capability.h>
#include <linux/sockios.h>
#include <openssl/crypto.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

void rights_close_files(void)
{
	close_range(3, ~0u, 0);
}

int rights_drop(struct error *error)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {0};

	/* Fails without CAP_SETPCAP; no_new_privs closes that way in any case. */
	for (int cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
		prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	if (syscall(SYS_capset, &header, none) != 0)
		return error_system(error, ERR_ENVIRONMENT, errno,
		                    "cannot give up the capabilities");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return error_system(error, ERR_ENVIRONMENT, errno, "cannot forbid new privileges");
	return 0;
}

void rights_warm_up(void)
{
	char text[CLOCK_TEXT_MAX];

	OPENSSL_init_crypto(OPENSSL_INIT_LOAD_CONFIG | OPENSSL_INIT_LOAD_CRYPTO_STRINGS, NULL);
	clock_text(0, text);
	json_object_seed(0);
}

/* What is allowed with any arguments. */
static const int allowed[] = {
	/* waiting and reading, the ring's counters */
	SCMP_SYS(read),
	SCMP_SYS(pread64),
	SCMP_SYS(poll),
	SCMP_SYS(ppoll),
	SCMP_SYS(recvfrom),
	SCMP_SYS(recvmsg),
	SCMP_SYS(getsockopt),
	SCMP_SYS(getsockname), /* libpcap tells an interface that is gone from one that is down */
	SCMP_SYS(close),
	SCMP_SYS(fstat),
	/* memory */
	SCMP_SYS(brk),
	SCMP_SYS(munmap),
	SCMP_SYS(mremap),
	SCMP_SYS(madvise),
	SCMP_SYS(futex),
	SCMP_SYS(sysinfo), /* qsort asks how much there is */
	/* time */
	SCMP_SYS(clock_gettime),
	SCMP_SYS(gettimeofday),
	SCMP_SYS(restart_syscall),
	/* OpenSSL notices forks, and may want random numbers */
	SCMP_SYS(getpid),
	SCMP_SYS(getrandom),
	/* the end, also by abort(), and the sanitizers of test builds */
	SCMP_SYS(exit),
	SCMP_SYS(exit_group),
	SCMP_SYS(gettid),
	SCMP_SYS(rt_sigaction),
	SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(rt_sigreturn),
	SCMP_SYS(sigaltstack),
	SCMP_SYS(sched_yield),
};

/*
 * What fails instead of ending the process. glibc asks this way for what a descriptor is, and for
 * the time zone's file, and goes on without; nothing is told of any file.
 */
static const int failing[] = {
	SCMP_SYS(newfstatat),
};

static const int written[] = {STDOUT_FILENO, STDERR_FILENO};

static int add_rules(scmp_filter_ctx filter)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < sizeof(allowed) / sizeof(allowed[0]); i++)
		rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed[i], 0);
	for (size_t i = 0; rc == 0 && i < sizeof(failing) / sizeof(failing[0]); i++)
		rc = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EACCES), failing[i], 0);
	/* Not to the capture: what is written there is sent, by whoever has it open. */
	for (size_t i = 0; rc == 0 && i < sizeof(written) / sizeof(written[0]); i++)
		rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(write), 1,
		                      SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)written[i], 0));
	if (rc == 0)
		rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
		                      SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	if (rc == 0)
		rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
		                      SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	if (rc == 0) /* abort() */
		rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
		                      SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid(), 0));
	if (rc == 0) /* libpcap looks whether the interface is up */
		rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
		                      SCMP_A1(SCMP_CMP_EQ, SIOCGIFFLAGS, 0));
	return rc;
}

int rights_confine(struct error *error)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
	int rc = filter != NULL ? add_rules(filter) : -ENOMEM;

	if (rc == 0)
		rc = seccomp_load(filter);
	seccomp_release(filter);
	if (rc != 0)
		return error_system(error, ERR_ENVIRONMENT, -rc,
		                    "cannot confine this process with seccomp");
	return 0;
}
