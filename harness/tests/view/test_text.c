#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "view/text.h"

struct pair {
	const char *text, *shown;
};

static void put_utf8(struct buf *out, const char *text)
{
	text_clean(out, text, TEXT_UTF8);
}

static void put_ascii(struct buf *out, const char *text)
{
	text_clean(out, text, TEXT_ASCII);
}

static void assert_pairs(void (*put)(struct buf *out, const char *text), const struct pair *pairs,
                         size_t n)
{
	struct buf out = {0};

	for (size_t i = 0; i < n; i++) {
		buf_clear(&out);
		put(&out, pairs[i].text);
		assert_string_equal(buf_string(&out), pairs[i].shown);
	}
	buf_fini(&out);
}

static void controls_and_direction_marks_become_numbers(void **state)
{
	static const struct pair pairs[] = {
		{"plain text, ümlaut, 漢字 and →", "plain text, ümlaut, 漢字 and →"},
		{"\x1b[2J", "<1b>[2J"},
		{"a\r\n\tb  c", "a b  c"},
		{"\x7f\x01", "<7f><01>"},
		{"\xc2\x9b" "31m", "<9b>31m"},
		{"x\xe2\x80\xae" "fdp", "x<202e>fdp"},
		{"\xef\xbb\xbf", "<feff>"},
		{"\xff\xfe", "<ff><fe>"},
		{"\xe2\x82", "<e2><82>"},
		{"\xc0\xaf", "<c0><af>"},
		{"\xed\xa0\x80", "<d800>"},
		{"\xf4\x90\x80\x80", "<110000>"},
		{"", ""},
	};

	(void)state;
	assert_pairs(put_utf8, pairs, sizeof(pairs) / sizeof(pairs[0]));
}

static void what_is_not_ascii_becomes_a_question_mark_where_only_that_can_be_shown(void **state)
{
	static const struct pair pairs[] = {
		{"gr\xc3\xbc\xc3\x9f" "e", "gr??e"},
		{"\x1b\xe2\x80\xae", "<1b><202e>"},
	};

	(void)state;
	assert_pairs(put_ascii, pairs, sizeof(pairs) / sizeof(pairs[0]));
}

static void xml_holds_no_markup_and_nothing_forbidden(void **state)
{
	static const struct pair pairs[] = {
		{"<a href=\"x\">&amp;</a>]]>",
		 "&lt;a href=&quot;x&quot;&gt;&amp;amp;&lt;/a&gt;]]&gt;"},
		{"line\nline\t", "line\nline\t"},
		{"\x01\x1b\x7f", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
		{"\xff", "\xef\xbf\xbd"},
		{"\xef\xbf\xbf", "\xef\xbf\xbd"},
		{"\xed\xa0\x80", "\xef\xbf\xbd"},
		{"\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80"},
	};

	(void)state;
	assert_pairs(text_xml, pairs, sizeof(pairs) / sizeof(pairs[0]));
}

static void markdown_is_shown_and_not_obeyed(void **state)
{
	static const struct pair pairs[] = {
		{"a|b `c` *d* _e_ [f](g) <h>", "a\\|b \\`c\\` \\*d\\* \\_e\\_"
		 " \\[f\\](g) &lt;h&gt;"},
		{"@everyone\n# x \\", "\\@everyone \\# x \\\\"},
		{"\x1b", "&lt;1b&gt;"},
	};

	(void)state;
	assert_pairs(text_markdown, pairs, sizeof(pairs) / sizeof(pairs[0]));
}

static void assert_column(const char *text, size_t width, enum text_charset charset,
                          const char *shown)
{
	struct buf out = {0};

	text_column(&out, text, width, charset);
	assert_string_equal(buf_string(&out), shown);
	assert_int_equal(text_width(buf_string(&out)), width);
	buf_fini(&out);
}

static void column_is_filled_up_or_cut_in_its_middle(void **state)
{
	(void)state;
	assert_column("pass", 6, TEXT_UTF8, "pass  ");
	assert_column("✓ pass", 6, TEXT_UTF8, "✓ pass");
	assert_column("rsa-certificate/1.2+1.3", 13, TEXT_UTF8, "rsa-ce….2+1.3");
	assert_column("rsa-certificate/1.2+1.3", 13, TEXT_ASCII, "rsa-c...2+1.3");
	assert_column("long", 1, TEXT_UTF8, "l");
	assert_column("long", 3, TEXT_ASCII, "lon");
	assert_column("long", 0, TEXT_UTF8, "");
}

static void lines_break_at_spaces_and_keep_their_indent(void **state)
{
	struct buf out = {0};

	(void)state;
	text_wrap(&out, "one two  three aword-that-is-too-long-for-it four", 2, 12);
	assert_string_equal(buf_string(&out),
	                    "one two\n  three\n  aword-that-is-too-long-for-it\n  four\n");
	buf_clear(&out);
	text_wrap(&out, "", 2, 12);
	assert_string_equal(buf_string(&out), "\n");
	buf_fini(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(controls_and_direction_marks_become_numbers),
		cmocka_unit_test(
			what_is_not_ascii_becomes_a_question_mark_where_only_that_can_be_shown),
		cmocka_unit_test(xml_holds_no_markup_and_nothing_forbidden),
		cmocka_unit_test(markdown_is_shown_and_not_obeyed),
		cmocka_unit_test(column_is_filled_up_or_cut_in_its_middle),
		cmocka_unit_test(lines_break_at_spaces_and_keep_their_indent),
	};

	return cmocka_run_group_tests_name("view/text", tests, NULL, NULL);
}
