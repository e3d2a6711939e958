/*
 * The sniffer's confinement, from the inside: what code that a hostile packet has taken over could
 * try, each in a process of its own that has given up its rights as the sniffer does.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "flow/evidence.h"
#include "flow/rights.h"
#include "tests/flow/data.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define N_DAMAGED 60 /* damaged copies of each capture */

static int made_before; /* a socket that the process had from before its confinement */

static void give_up_everything(void)
{
	struct error error = {0};

	CHECK(rights_drop(&error) == 0);
	rights_warm_up();
	CHECK(rights_confine(&error) == 0);
}

/* --- what is tried ---------------------------------------------------------------------------- */

static void open_a_file(void)
{
	open("/etc/passwd", O_RDONLY);
}

static void write_a_file(void)
{
	open("shakedown-was-here", O_WRONLY | O_CREAT, 0600);
}

static void open_by_the_newer_call(void)
{
	static const uint64_t how[3] = {O_RDONLY};

	syscall(SYS_openat2, AT_FDCWD, "/etc/passwd", how, sizeof(how));
}

static void remove_a_file(void)
{
	unlink("shakedown-was-here");
}

static void read_a_link(void)
{
	char target[64];

	CHECK(readlink("/proc/self/exe", target, sizeof(target)) < 64);
}

static void run_a_program(void)
{
	execl("/bin/true", "true", (char *)NULL);
}

static void run_an_open_file(void)
{
	syscall(SYS_execveat, made_before, "", NULL, NULL, AT_EMPTY_PATH);
}

static void become_two(void)
{
	if (fork() == 0)
		_exit(0);
}

static void spawn_a_program(void)
{
	char *const words[] = {"true", NULL};
	pid_t pid;

	posix_spawn(&pid, "/bin/true", NULL, NULL, words, NULL);
}

static void *idle(void *nothing)
{
	return nothing;
}

static void start_a_thread(void)
{
	pthread_t thread;

	pthread_create(&thread, NULL, idle, NULL);
}

static void make_a_socket(void)
{
	socket(AF_INET, SOCK_STREAM, 0);
}

static void capture_anew(void)
{
	socket(AF_PACKET, SOCK_RAW, 0);
}

static void connect_a_socket_from_before(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
	                              .sin_port = htons(9),
	                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

	connect(made_before, (struct sockaddr *)&address, sizeof(address));
}

static void listen_on_a_socket_from_before(void)
{
	listen(made_before, 1);
}

static void send_on_a_socket_from_before(void)
{
	send(made_before, "x", 1, MSG_NOSIGNAL);
}

static void write_to_a_socket_from_before(void)
{
	CHECK(write(made_before, "x", 1) <= 1);
}

static void watch_another_process(void)
{
	ptrace(PTRACE_ATTACH, getppid(), NULL, NULL);
}

static void read_another_process(void)
{
	char byte;
	struct iovec own = {&byte, 1}, other = {&byte, 1};

	CHECK(process_vm_readv(getppid(), &own, 1, &other, 1, 0) <= 1);
}

static void kill_another_process(void)
{
	kill(getppid(), 0);
}

static void signal_another_thread(void)
{
	syscall(SYS_tgkill, getppid(), getppid(), 0);
}

static void become_another_user(void)
{
	syscall(SYS_setuid, 65534);
}

static void look_for_new_rights(void)
{
	unshare(CLONE_NEWUSER);
}

static void change_its_confinement(void)
{
	prctl(PR_SET_SECCOMP, 0, 0, 0, 0);
}

static void make_memory_executable(void)
{
	mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void make_own_memory_executable(void)
{
	static _Alignas(4096) char page[4096];

	mprotect(page, sizeof(page), PROT_READ | PROT_EXEC);
}

static void type_on_the_terminal(void)
{
	ioctl(STDIN_FILENO, TIOCSTI, "x");
}

static void queue_work_for_the_kernel(void)
{
	syscall(SYS_io_uring_setup, 1, NULL);
}

#define TRY(act) {#act, act}

static const struct {
	const char *name;
	void (*act)(void);
} tries[] = {
	TRY(open_a_file),
	TRY(write_a_file),
	TRY(open_by_the_newer_call),
	TRY(remove_a_file),
	TRY(read_a_link),
	TRY(run_a_program),
	TRY(run_an_open_file),
	TRY(become_two),
	TRY(spawn_a_program),
	TRY(start_a_thread),
	TRY(make_a_socket),
	TRY(capture_anew),
	TRY(connect_a_socket_from_before),
	TRY(listen_on_a_socket_from_before),
	TRY(send_on_a_socket_from_before),
	TRY(write_to_a_socket_from_before),
	TRY(watch_another_process),
	TRY(read_another_process),
	TRY(kill_another_process),
	TRY(signal_another_thread),
	TRY(become_another_user),
	TRY(look_for_new_rights),
	TRY(change_its_confinement),
	TRY(make_memory_executable),
	TRY(make_own_memory_executable),
	TRY(type_on_the_terminal),
	TRY(queue_work_for_the_kernel),
};

/* How a process ends that gives everything up and then does `act`, which may be NULL. */
static int end_of(void (*act)(void))
{
	const struct rlimit no_dump = {0};
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		setrlimit(RLIMIT_CORE, &no_dump);
		give_up_everything();
		if (act != NULL)
			act();
		_exit(0);
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void whatever_is_tried_ends_the_process(void **state)
{
	(void)state;
	assert_int_equal(end_of(NULL), 0);
	for (size_t i = 0; i < sizeof(tries) / sizeof(tries[0]); i++) {
		int status = end_of(tries[i].act);

		if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGSYS)
			fail_msg("%s was not killed by the filter: status %x", tries[i].name,
			         (unsigned)status);
	}
	assert_int_not_equal(access("shakedown-was-here", F_OK), 0);
}

static void ask_about_a_file(void)
{
	struct stat about;

	_exit(stat("/etc/passwd", &about) != 0 && errno == EACCES ? 0 : 1);
}

static void nothing_is_told_of_files(void **state)
{
	(void)state;
	assert_int_equal(end_of(ask_about_a_file), 0);
}

/* --- and what has to work --------------------------------------------------------------------- */

static struct packet_list packets; /* of one capture */
static struct keylog *keylog;

static uint64_t sum_of(struct bytes bytes)
{
	uint64_t sum = bytes.len;

	for (size_t i = 0; i < bytes.len; i++)
		sum = sum * 31 + bytes.data[i];
	return sum;
}

/* Decodes the packets as the sniffer does, and with their secrets; a sum of what came of it. */
static uint64_t decode(void)
{
	struct buf json = {0}, pcapng = {0};
	json_t *decrypted = data_decode(&packets, keylog);
	char *text = json_dumps(decrypted, JSON_COMPACT);
	uint64_t sum;

	evidence_make(&packets, "lo", LINKTYPE_ETHERNET, (struct bytes){0}, &json, &pcapng);
	CHECK(text != NULL);
	sum = sum_of(buf_view(&json)) ^ sum_of(buf_view(&pcapng)) ^
	      sum_of((struct bytes){(const uint8_t *)text, strlen(text)});
	free(text);
	json_decref(decrypted);
	buf_fini(&json);
	buf_fini(&pcapng);
	return sum;
}

static uint64_t expected;

static void decode_as_outside(void)
{
	_exit(decode() == expected ? 0 : 1);
}

/* Some bytes of some packets are others, the same in each run. */
static void decode_damaged(void)
{
	uint32_t random = 1;

	for (int round = 0; round < N_DAMAGED; round++) {
		for (size_t i = 0; i < packets.n; i++) {
			struct packet packet = packet_list_get(&packets, i);

			random = random * 1664525u + 1013904223u;
			if (packet.data.len > 0 && random >> 30 == 0)
				((uint8_t *)packet.data.data)[(random >> 8) % packet.data.len] ^=
					(uint8_t)(random >> 4 | 1);
		}
		decode();
	}
	_exit(0);
}

static void check_capture(const char *path)
{
	struct capture *capture = NULL;
	struct error error = {0};

	packets = (struct packet_list){0};
	keylog = keylog_new();
	assert_int_equal(capture_open(&capture, path, &error), 0);
	assert_int_equal(data_read(capture, &packets, keylog, &error), 0);
	capture_close(capture);
	expected = decode();
	assert_int_equal(end_of(decode_as_outside), 0);
	assert_int_equal(end_of(decode_damaged), 0);
	packet_list_fini(&packets);
	keylog_free(keylog);
}

static void captures_decode_inside_as_they_do_outside(void **state)
{
	char *golden = data_capture("golden");
	struct dirent **names = NULL;
	int n = scandir(golden, &names, NULL, alphasort), n_captures = 0;

	(void)state;
	for (int i = 0; i < n; i++) {
		static const char *const forms[] = {"in.pcap", "in.pcapng"};

		for (int form = 0; form < 2; form++) {
			char *path = NULL;

			CHECK(asprintf(&path, "%s/%s/%s", golden, names[i]->d_name, forms[form]) > 0);
			if (names[i]->d_name[0] != '.' && access(path, R_OK) == 0) {
				check_capture(path);
				n_captures++;
			}
			free(path);
		}
		free(names[i]);
	}
	free(names);
	free(golden);
	assert_true(n_captures > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whatever_is_tried_ends_the_process),
		cmocka_unit_test(nothing_is_told_of_files),
		cmocka_unit_test(captures_decode_inside_as_they_do_outside),
	};

	made_before = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
