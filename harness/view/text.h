/*
 * text.h: text for people, made safe and fitted into columns. Layer: view. Pure: no I/O, no clock,
 * no globals.
 *
 * Whatever comes from a board, a peer or a file may hold anything: control characters would move
 * the cursor or forge lines, direction marks would turn text around. All of it passes through
 * text_clean before it is shown. Widths count code points, which is right for the scripts that
 * names here use.
 */
#ifndef SHAKEDOWN_VIEW_TEXT_H
#define SHAKEDOWN_VIEW_TEXT_H

#include "base/buf.h"

enum text_charset { TEXT_UTF8, TEXT_ASCII };

/*
 * Appends `text` with every control character, direction mark and invisible or invalid one replaced
 * by its number, "<1b>" or "<202e>"; line breaks and tabs become one space. In TEXT_ASCII other
 * characters outside ASCII become "?".
 */
void text_clean(struct buf *out, const char *text, enum text_charset charset);

/*
 * Appends `text` as it may stand in an XML 1.0 document: markup escaped, forbidden characters
 * replaced by U+FFFD. Line breaks stay.
 */
void text_xml(struct buf *out, const char *text);

/* Appends `text` on one line of Markdown: cleaned, with everything escaped that is markup there. */
void text_markdown(struct buf *out, const char *text);

/*
 * The next line of `*rest`, borrowed: it has no zero at its end, and `*len` is without its "\n".
 * NULL where `*rest` is empty. `*rest` becomes what follows it.
 */
const char *text_line(const char **rest, size_t *len);

/* Code points of `text`. */
size_t text_width(const char *text);

/*
 * Appends `text`, which is clean, in exactly `width` columns: filled up with spaces, or cut in its
 * middle with "…" ("..." in ASCII), as names differ at their ends.
 */
void text_column(struct buf *out, const char *text, size_t width, enum text_charset charset);

/*
 * Appends `text`, which is clean, broken at spaces into lines of at most `width` columns; all but
 * the first begin with `indent` spaces. The first is taken to begin at column `indent`. Ends with
 * "\n".
 */
void text_wrap(struct buf *out, const char *text, size_t indent, size_t width);

#endif
