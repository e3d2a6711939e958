#include "peer/staple.h"

#include <openssl/ocsp.h>

#define DAYS_EXPIRED 7 /* how long the expired answer held */

/* `time`, some days earlier. The caller frees it; NULL on failure. */
static ASN1_GENERALIZEDTIME *days_before(const ASN1_TIME *time, int days)
{
	struct tm tm;

	if (ASN1_TIME_to_tm(time, &tm) != 1)
		return NULL;
	return ASN1_GENERALIZEDTIME_adj(NULL, timegm(&tm), -days, 0);
}

static bool add_status(OCSP_BASICRESP *basic, enum staple kind, X509 *certificate, X509 *issuer)
{
	const ASN1_TIME *begin = X509_get0_notBefore(certificate);
	const ASN1_TIME *end =
		kind == STAPLE_EXPIRED ? begin : X509_get0_notAfter(certificate);
	ASN1_GENERALIZEDTIME *this_update =
		days_before(begin, kind == STAPLE_EXPIRED ? DAYS_EXPIRED : 0);
	ASN1_GENERALIZEDTIME *next_update = days_before(end, 0);
	OCSP_CERTID *id = OCSP_cert_to_id(NULL, certificate, issuer);
	bool revoked = kind == STAPLE_REVOKED;
	bool done = this_update != NULL && next_update != NULL && id != NULL &&
	            OCSP_basic_add1_status(basic, id,
	                                   revoked ? V_OCSP_CERTSTATUS_REVOKED
	                                           : V_OCSP_CERTSTATUS_GOOD,
	                                   OCSP_REVOKED_STATUS_KEYCOMPROMISE,
	                                   revoked ? this_update : NULL, this_update,
	                                   next_update) != NULL;

	OCSP_CERTID_free(id);
	ASN1_GENERALIZEDTIME_free(next_update);
	ASN1_GENERALIZEDTIME_free(this_update);
	return done;
}

bool staple_write(enum staple kind, X509 *certificate, X509 *issuer, EVP_PKEY *issuer_key,
                  const EVP_MD *digest, BIO *out)
{
	OCSP_BASICRESP *basic = OCSP_BASICRESP_new();
	OCSP_RESPONSE *response = NULL;
	bool done = basic != NULL && add_status(basic, kind, certificate, issuer) &&
	            OCSP_basic_sign(basic, issuer, issuer_key, digest, NULL, OCSP_NOCERTS) == 1 &&
	            (response = OCSP_response_create(OCSP_RESPONSE_STATUS_SUCCESSFUL, basic)) !=
	                NULL &&
	            i2d_OCSP_RESPONSE_bio(out, response) > 0;

	OCSP_RESPONSE_free(response);
	OCSP_BASICRESP_free(basic);
	return done;
}
