#include "decode/sct.h"

#include <time.h>

#define LOG_ID_LEN 32

/* Milliseconds since 1970. */
static void tell_timestamp(struct emit *emit, struct reader *sct)
{
	uint64_t ms = reader_u64(sct, "timestamp");
	time_t seconds = (time_t)(ms / 1000);
	struct tm tm;

	if (!reader_ok(sct))
		return;
	if (gmtime_r(&seconds, &tm) == NULL || tm.tm_year > 9999 - 1900)
		emit_printf(emit, "timestamp", "%llu", (unsigned long long)ms);
	else
		emit_printf(emit, "timestamp", "%04d-%02d-%02dT%02d:%02d:%02d.%03uZ",
		            tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min,
		            tm.tm_sec, (unsigned)(ms % 1000));
}

static void tell_version_1(struct emit *emit, struct reader *sct)
{
	tell_bytes(emit, sct, LOG_ID_LEN, "log_id");
	tell_timestamp(emit, sct);
	tell_vec16(emit, sct, "extensions");
	tell_name(emit, sct, "signature_algorithm", REGISTRY_SIGNATURE_SCHEME);
	tell_vec16(emit, sct, "signature");
	reader_end(sct, "SignedCertificateTimestamp");
}

/* SignedCertificateTimestamp. */
static void tell_sct(struct emit *emit, struct reader *list)
{
	struct reader sct = reader_vec16(list, "SerializedSCT");
	struct fault own;
	struct reader fields = reader_isolate(&sct, &own);
	uint8_t version;

	emit_item(emit, "Signed Certificate Timestamp");
	version = reader_u8(&fields, "sct_version");
	if (reader_ok(&fields))
		emit_uint(emit, "version", version + 1u);
	if (version == 0)
		tell_version_1(emit, &fields);
	else
		tell_rest(emit, &fields, "data");
	emit_close(emit);
	tell_end(list, &fields, "SignedCertificateTimestamp");
}

static void tell_trans_item(struct emit *emit, struct reader *list)
{
	struct reader item = reader_vec16(list, "SerializedTransItem");
	struct fault own;
	struct reader fields = reader_isolate(&item, &own);
	uint16_t type;

	emit_item(emit, "Trans Item");
	type = reader_u16(&fields, "versioned_type");
	if (reader_ok(&fields))
		emit_name(emit, "versioned_type", REGISTRY_VERSIONED_TRANS_TYPE, type);
	if (type == 0x0102 || type == 0x0103) {
		tell_vec8(emit, &fields, "log_id");
		tell_timestamp(emit, &fields);
		tell_vec16(emit, &fields, "sct_extensions");
		tell_vec16(emit, &fields, "signature");
	} else {
		tell_rest(emit, &fields, "data");
	}
	emit_close(emit);
	tell_end(list, &fields, "TransItem");
}

/* A list `key`, each element of which `tell` reads and writes. */
static void tell_list(struct emit *emit, struct reader *body, const char *key,
                      void tell(struct emit *emit, struct reader *list))
{
	struct reader list = reader_vec16(body, key);
	struct fault own;
	struct reader elements = reader_isolate(&list, &own);

	emit_list(emit, key);
	while (reader_left(&elements) > 0)
		tell(emit, &elements);
	emit_close(emit);
	tell_end(&list, &elements, key);
}

void sct_list_tell(struct emit *emit, struct reader *body)
{
	tell_list(emit, body, "sct_list", tell_sct);
}

void trans_item_list_tell(struct emit *emit, struct reader *body)
{
	tell_list(emit, body, "trans_item_list", tell_trans_item);
}
