/* Certificates and bare public keys in DER. */
#include "tests/fuzz/fuzz.h"

#include "decode/certificate.h"

static void tell(struct emit *emit, const void *der)
{
	struct fault fault;

	certificate_tell(emit, *(const struct bytes *)der, &fault);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_tell(tell, &(struct bytes){data, size});
	return 0;
}
