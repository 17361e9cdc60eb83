/* Browsers read "//x", "/\x" and "/<tab>/x" as another host; what is not plainly a path of ours is none. */
#include "wire/uri.h"

#include "admit/next.h"

static bool is_plain(struct slice text)
{
    for (size_t i = 0; i < text.size; i++) {
        unsigned char byte = (unsigned char)text.data[i];
        if (byte <= 0x20 || byte >= 0x7f || byte == '\\' || byte == '#' || byte == '"' || byte == '<' ||
            byte == '>')
            return false;
    }
    return true;
}

/* No segment but the last may be empty, and none may be "." or ".." however it is spelled: uri_parse() takes
 * those out, so that a path which it shortens had some. */
static bool is_normal(struct slice next)
{
    char memory[2 * NEXT_MOST + 64];
    struct uri uri;
    size_t end = slice_find(next, '?');
    for (size_t i = 1; i < end; i++)
        if (next.data[i] == '/' && next.data[i - 1] == '/')
            return false;
    return uri_memory(next) <= sizeof memory && uri_parse(next, memory, &uri) && uri.raw_path.size == end;
}

static bool is_ours(struct slice next)
{
    return next.size > 0 && next.size <= NEXT_MOST && next.data[0] == '/' && is_plain(next) &&
           is_normal(next);
}

struct slice next_path(struct slice next)
{
    struct slice path = slice_between(next, 0, slice_find(next, '?'));
    bool loops = slice_equal(path, SLICE("/_reeve/login")) || slice_equal(path, SLICE("/_reeve/logout"));
    return is_ours(next) && !loops ? next : SLICE("/");
}
