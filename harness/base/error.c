#include "base/error.h"

#include "base/utf8.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Foreign words shall not drive the terminal. */
static void disarm(char *text)
{
	for (; *text != '\0'; text++)
		if (utf8_is_control((const uint8_t *)text, 2))
			*text = '?'; /* what is left of two bytes is repaired */
}

/*
 * The sentence will stand in JSON and on terminals, and parts of it may be foreign, or cut in the
 * middle of a letter.
 */
static void append_va(struct error *error, const char *format, va_list arguments)
{
	size_t used = strlen(error->text);

	vsnprintf(error->text + used, sizeof(error->text) - used, format, arguments);
	disarm(error->text + used);
	utf8_repair(error->text + used);
}

static void set_va(struct error *error, int code, const char *format, va_list arguments)
{
	error->code = code;
	error->text[0] = '\0';
	append_va(error, format, arguments);
}

int error_set(struct error *error, int code, const char *format, ...)
{
	va_list arguments;

	if (error == NULL)
		return code;
	va_start(arguments, format);
	set_va(error, code, format, arguments);
	va_end(arguments);
	return code;
}

int error_system(struct error *error, int code, int system_errno, const char *format, ...)
{
	va_list arguments;

	if (error == NULL)
		return code;
	va_start(arguments, format);
	set_va(error, code, format, arguments);
	va_end(arguments);
	return error_append(error, ": %s", strerror(system_errno));
}

int error_prefix(struct error *error, const char *format, ...)
{
	char sentence[ERROR_TEXT_MAX];
	va_list arguments;

	if (error == NULL)
		return 0;
	memcpy(sentence, error->text, sizeof(sentence));
	error->text[0] = '\0';
	va_start(arguments, format);
	append_va(error, format, arguments);
	va_end(arguments);
	return error_append(error, ": %s", sentence);
}

int error_append(struct error *error, const char *format, ...)
{
	va_list arguments;

	if (error == NULL)
		return 0;
	va_start(arguments, format);
	append_va(error, format, arguments);
	va_end(arguments);
	return error->code;
}
