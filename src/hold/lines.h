/* Cuts one stream of a program's output into the texts of records: at newlines, and where a line grows beyond
 * LOGLINE_TEXT_LARGEST. Pure: bytes in, callbacks out. */
#pragma once

#include "base/buffer.h"

/* One text without its newline; `more`: the line goes on in the next one. Valid only during the call. */
typedef void lines_text_fn(void *owner, struct slice text, bool more);

struct lines {
    lines_text_fn *on_text;
    void *owner;
    struct buffer partial; /* of the line whose newline has not come yet */
};

struct lines lines_new(lines_text_fn *on_text, void *owner);
/* Takes the next bytes of the stream; on_text fires once per text that is complete with them. */
void lines_feed(struct lines *lines, struct slice bytes);
/* The stream has ended: a last line without a newline comes out as it is. */
void lines_finish(struct lines *lines);
/* Gives back memory that an idle stream does not need; an unfinished line is kept. */
void lines_trim(struct lines *lines);
void lines_free(struct lines *lines);
