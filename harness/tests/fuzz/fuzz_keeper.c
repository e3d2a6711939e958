/*
 * The daemon of a lab, over its socket: whatever a visitor sends, it is answered or let go, and the
 * next one is answered. No run begins: beside a fuzz target is no program that would be its process.
 */
#include "tests/fuzz/fuzz.h"

#include "base/json.h"
#include "base/message.h"
#include "keeper.h"
#include "lab_socket.h"

#include <openssl/crypto.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>

static const char lab_text[] =
	"{\"boards\": [{\"name\": \"a\", \"profile\": \"openssl\", \"tags\": [\"desk\"]},"
	" {\"name\": \"b\", \"profile\": \"mbedtls\"}]}";

static char *socket_path, *lab_path;
static pthread_t keeper;

static void *serve(void *unused)
{
	struct keeper_options options = {lab_path, socket_path, NULL, KEEPER_TURN_S};
	struct error error = {0};
	int status = keeper_serve(&options, &error);

	(void)unused;
	if (status != 0)
		fprintf(stderr, "%s\n", error.text);
	CHECK(status == 0);
	OPENSSL_thread_stop();
	return NULL;
}

static void stop(void)
{
	kill(getpid(), SIGTERM);
	pthread_join(keeper, NULL);
	free(socket_path);
	free(lab_path);
}

static void start(void)
{
	struct bytes lab = {(const uint8_t *)lab_text, strlen(lab_text)};
	struct error error = {0};

	OPENSSL_init_crypto(OPENSSL_INIT_LOAD_CONFIG, NULL); /* so that it ends after the keeper */
	socket_path = file_join(fuzz_folder(), "socket");
	lab_path = file_join(fuzz_folder(), "lab.json");
	CHECK(file_write(lab_path, lab, 0600, &error) == 0);
	CHECK(pthread_create(&keeper, NULL, serve, NULL) == 0);
	atexit(stop);
	while (access(socket_path, F_OK) != 0)
		sched_yield();
}

static int visit(void)
{
	struct error error = {0};
	int fd = lab_socket_connect(socket_path, &error);

	while (fd < 0) /* it is bound, and does not listen yet */
		fd = lab_socket_connect(socket_path, &error);
	return fd;
}

/* Until the daemon hangs up, or has nothing to say to one who does. */
static void say(struct bytes words)
{
	uint8_t answer[4096];
	int fd = visit();

	if (send(fd, words.data, words.len, MSG_NOSIGNAL) >= 0)
		shutdown(fd, SHUT_WR);
	while (read(fd, answer, sizeof(answer)) > 0)
		;
	close(fd);
}

static void ask_how_it_stands(void)
{
	struct message_reader reader = {0};
	json_t *question = json_made(json_pack("{s:s}", "op", "status")), *answer = NULL;
	struct bytes attached;
	struct error error = {0};
	int fd = visit();

	CHECK(message_write(fd, question, (struct bytes){0}, &error) == 0);
	CHECK(message_read(fd, &reader, -1, &answer, &attached, &error) == 1);
	CHECK(strcmp(json_text(answer, "event"), "status") == 0);
	CHECK(json_array_size(json_object_get(answer, "runs")) == 0);
	json_decref(answer);
	json_decref(question);
	message_reader_fini(&reader);
	close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (socket_path == NULL)
		start();
	say((struct bytes){data, size});
	ask_how_it_stands();
	return 0;
}
