/* The ClientHellos of a file, bare or in a capture; what was kept of each is a whole message. */
#include "tests/fuzz/fuzz.h"

#include "flow/hellos.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char path[FUZZ_PATH_MAX];
	int fd = fuzz_file((struct bytes){data, size}, path);

	for (int apart = HELLOS_BY_OFFER; apart <= HELLOS_BY_COURSE; apart++) {
		struct decode_request request = {.path = path};
		struct hellos hellos;
		struct error error = {0};
		int rc = hellos_read(&hellos, &request, (enum hellos_apart)apart, fuzz_nowhere(),
		                     &error);

		CHECK(rc != 0 || hellos.n > 0);
		CHECK((rc != 0) == (error.text[0] != '\0'));
		for (size_t i = 0; i < hellos.n; i++) {
			struct bytes message = buf_view(&hellos.items[i].message);

			CHECK(message.len >= 4 && message.data[0] == 1 && hellos.items[i].n > 0);
			CHECK(json_object_get(hellos.items[i].connection, "client_hello") != NULL);
		}
		hellos_fini(&hellos);
	}
	close(fd);
	return 0;
}
