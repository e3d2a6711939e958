/* ClientHellos of captures and of bare files that have too many of them, or parts of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/file.h"
#include "flow/hellos.h"
#include "tests/flow/data.h"

#include <unistd.h>

#define PCAP_HEADER 24
#define CLIENT_PORT (PCAP_HEADER + 16 + 14 + 20) /* of the first packet: Ethernet, IPv4, TCP */
#define N_BEYOND 4

/* The hellos of a file with this content; what is noted goes to `notes`, which the caller frees. */
static int read_content(struct bytes content, struct hellos *hellos, char **notes,
                        struct error *error)
{
	char path[] = "/tmp/shakedown-test-XXXXXX";
	int fd = mkstemp(path), rc;
	size_t len;
	FILE *out = open_memstream(notes, &len);

	assert_int_equal(write(fd, content.data, content.len), content.len);
	close(fd);
	rc = hellos_read(hellos, &(struct decode_request){.path = path}, HELLOS_BY_OFFER, out,
	                 error);
	fclose(out);
	unlink(path);
	return rc;
}

/* The least that a ClientHello can be, with one cipher suite: RFC 8446 section 4.1.2. */
static void put_hello(struct buf *out, uint16_t cipher_suite)
{
	buf_u32(out, 0x01000029);
	buf_u16(out, 0x0303);
	for (int i = 0; i < 32; i++)
		buf_u8(out, 7);
	buf_u8(out, 0);
	buf_u16(out, 2);
	buf_u16(out, cipher_suite);
	buf_u16(out, 0x0100);
}

static void kinds_beyond_the_most_that_are_held_are_counted(void **state)
{
	struct hellos hellos;
	struct error error = {0};
	struct buf content = {0};
	char *notes;

	(void)state;
	for (int i = 0; i < HELLOS_MAX + N_BEYOND; i++)
		put_hello(&content, (uint16_t)i);
	put_hello(&content, 5);
	assert_int_equal(read_content(buf_view(&content), &hellos, &notes, &error), 0);
	assert_int_equal(hellos.n, HELLOS_MAX);
	assert_int_equal(hellos.n_dropped, N_BEYOND);
	assert_non_null(strstr(notes, "there are more than 4096 kinds of ClientHellos; 4 of later "
	                              "kinds are passed over\n"));
	assert_int_equal(hellos.items[5].n, 2);
	hellos_fini(&hellos);
	buf_fini(&content);
	free(notes);
}

/* The forum's ClientHello; and before it, from another port, as much of it as `cut` leaves. */
static struct buf cut_and_whole(size_t cut)
{
	char *path = data_capture("st-forum-rsa-refused.pcap");
	struct error error = {0};
	struct buf file = {0}, out = {0};
	size_t len;

	assert_int_equal(file_read(path, 1 << 20, &file, &error), 0);
	len = file.data[PCAP_HEADER + 8];
	buf_add(&out, file.data, PCAP_HEADER + 16 + len - cut);
	out.data[PCAP_HEADER + 8] = (uint8_t)(len - cut);
	out.data[CLIENT_PORT] ^= 1;
	buf_add(&out, file.data + PCAP_HEADER, file.len - PCAP_HEADER);
	buf_fini(&file);
	free(path);
	return out;
}

static void a_hello_that_is_cut_short_is_passed_over_and_noted(void **state)
{
	struct buf content = cut_and_whole(50);
	struct hellos hellos;
	struct error error = {0};
	char *notes;

	(void)state;
	assert_int_equal(read_content(buf_view(&content), &hellos, &notes, &error), 0);
	assert_int_equal(hellos.n, 1);
	assert_non_null(strstr(notes, "1 ClientHello is cut short and passed over, the first in "
	                              "connection 1\n"));
	hellos_fini(&hellos);
	buf_fini(&content);
	free(notes);
}

static void a_capture_of_cut_hellos_alone_is_refused_with_what_to_do(void **state)
{
	struct buf content = cut_and_whole(50);
	struct hellos hellos;
	struct error error = {0};
	char *notes;

	(void)state;
	content.len = PCAP_HEADER + 16 + content.data[PCAP_HEADER + 8];
	assert_int_equal(read_content(buf_view(&content), &hellos, &notes, &error), ERR_INPUT);
	assert_non_null(strstr(error.text, "the ClientHello of connection 1 is cut short, and no "
	                                   "other is there; capture whole packets"));
	hellos_fini(&hellos);
	buf_fini(&content);
	free(notes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kinds_beyond_the_most_that_are_held_are_counted),
		cmocka_unit_test(a_hello_that_is_cut_short_is_passed_over_and_noted),
		cmocka_unit_test(a_capture_of_cut_hellos_alone_is_refused_with_what_to_do),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
