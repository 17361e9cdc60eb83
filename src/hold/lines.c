/* A line that lies whole in the bytes just read goes out from there, uncopied; only a line that is cut by the
 * end of a read is kept. */
#include <string.h>

#include "base/check.h"
#include "base/utf8.h"
#include "wire/logline.h"

#include "hold/lines.h"

struct lines lines_new(lines_text_fn *on_text, void *owner)
{
    return (struct lines){.on_text = on_text, .owner = owner, .partial = BUFFER(LOGLINE_TEXT_LARGEST)};
}

/* How much of `text` (one byte too long, at least) makes a record: not half a character, if it is one. */
static size_t lines_cut(struct slice text)
{
    const size_t most = LOGLINE_TEXT_LARGEST;
    for (size_t back = 1; back <= 3; back++) {
        unsigned char byte = (unsigned char)text.data[most - back];
        if (byte < 0x80)
            break;
        if (byte >= 0xc0) /* a character's first byte: is the rest of it within? */
            return utf8_character(slice_of(text.data + most - back, back)) == UTF8_CUT ? most - back : most;
    }
    return most;
}

/* Gives out full records until at most LOGLINE_TEXT_LARGEST bytes are left; returns what is left. */
static struct slice lines_split(struct lines *lines, struct slice text)
{
    while (text.size > LOGLINE_TEXT_LARGEST) {
        size_t size = lines_cut(text);
        lines->on_text(lines->owner, slice_between(text, 0, size), true);
        text = slice_from(text, size);
    }
    return text;
}

/* Adds to the kept piece. When that is full, as much goes out as makes a record. */
static void lines_keep(struct lines *lines, struct slice bytes)
{
    struct buffer *partial = &lines->partial;
    while (bytes.size > buffer_room(partial)) {
        /* The record's end is looked for in the last bytes of the full buffer: room for one less than all. */
        struct slice head = slice_between(bytes, 0, buffer_room(partial));
        CHECK(buffer_append(partial, head));
        bytes = slice_from(bytes, head.size);
        size_t size = lines_cut(buffer_slice(partial));
        lines->on_text(lines->owner, slice_between(buffer_slice(partial), 0, size), true);
        buffer_consume(partial, size);
    }
    CHECK(buffer_append(partial, bytes));
}

static void lines_end(struct lines *lines, struct slice rest)
{
    if (buffer_size(&lines->partial) == 0) {
        lines->on_text(lines->owner, lines_split(lines, rest), false);
        return;
    }
    lines_keep(lines, rest);
    lines->on_text(lines->owner, buffer_slice(&lines->partial), false);
    buffer_clear(&lines->partial);
}

void lines_feed(struct lines *lines, struct slice bytes)
{
    const char *newline;
    while (bytes.size && (newline = memchr(bytes.data, '\n', bytes.size))) {
        size_t size = (size_t)(newline - bytes.data);
        lines_end(lines, slice_between(bytes, 0, size));
        bytes = slice_from(bytes, size + 1);
    }
    if (bytes.size)
        lines_keep(lines, bytes);
}

void lines_finish(struct lines *lines)
{
    if (buffer_size(&lines->partial))
        lines_end(lines, (struct slice){0});
}

void lines_trim(struct lines *lines)
{
    if (buffer_size(&lines->partial) == 0)
        buffer_free(&lines->partial);
}

void lines_free(struct lines *lines)
{
    buffer_free(&lines->partial);
}
