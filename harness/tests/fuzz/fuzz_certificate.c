/* Certificates and bare public keys in DER. */
#include "tests/fuzz/fuzz.h"

#include "decode/certificate.h"

static void tell(struct emit *emit, const void *der)
{
	certificate_tell(emit, *(const struct bytes *)der);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_tell(tell, &(struct bytes){data, size});
	return 0;
}
