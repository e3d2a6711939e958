#include "decode/quic_parameters.h"

/* RFC 9000 section 16: an integer of 1, 2, 4 or 8 bytes, of which the first two bits tell. */
static uint64_t read_varint(struct reader *reader, const char *field)
{
	uint64_t value = reader_u8(reader, field);
	unsigned n = 1u << (value >> 6);

	value &= 0x3f;
	while (--n > 0)
		value = value << 8 | reader_u8(reader, field);
	return reader_ok(reader) ? value : 0;
}

/* Whether a transport parameter is one integer (RFC 9000 section 18.2, RFC 9221 section 3). */
static bool is_varint_parameter(uint64_t id)
{
	return id == 0x01 || (id >= 0x03 && id <= 0x0b) || id == 0x0e || id == 0x20 ||
	       id == 0x3127 || id == 0xff04de1b;
}

static void show_name(struct emit *emit, uint64_t id)
{
	const char *name = id <= UINT32_MAX ? registry_name(REGISTRY_QUIC_TRANSPORT_PARAMETER,
	                                                    (uint32_t)id)
	                                    : NULL;

	if (name != NULL)
		emit_text(emit, "name", name);
	else if (id % 31 == 27) /* RFC 9000 section 18.1 */
		emit_printf(emit, "name", "GREASE (0x%llx)", (unsigned long long)id);
	else
		emit_printf(emit, "name", "0x%llx", (unsigned long long)id);
}

static void show_parameter(struct emit *emit, struct reader *parameters)
{
	uint64_t id = read_varint(parameters, "transport_parameter_id");
	uint64_t length = read_varint(parameters, "transport_parameter_length");
	struct reader value;

	if (!reader_ok(parameters))
		return;
	value = reader_take(parameters, (size_t)length, "transport_parameter_value");
	emit_item(emit, "Transport Parameter");
	show_name(emit, id);
	if (is_varint_parameter(id) && reader_ok(&value)) {
		emit_uint(emit, "value", read_varint(&value, "transport_parameter_value"));
		reader_end(&value, "transport_parameter_value");
	} else {
		emit_hex(emit, "value", reader_rest(&value));
	}
	emit_close(emit);
}

void quic_parameters_show(struct emit *emit, struct reader *body)
{
	emit_list(emit, "transport_parameters");
	while (reader_left(body) > 0)
		show_parameter(emit, body);
	emit_close(emit);
}
