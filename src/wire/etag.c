/* A tag may hold commas and has no escapes, so its list is read tag by tag. */
#include "wire/etag.h"

static bool etag_is_weak(struct slice etag)
{
    return slice_starts_with(etag, SLICE("W/"));
}

static struct slice etag_opaque(struct slice etag)
{
    return slice_from(etag, etag_is_weak(etag) ? 2 : 0);
}

/* The size of the tag at the front; 0 when there is none. */
static size_t etag_size(struct slice text)
{
    size_t start = etag_is_weak(text) ? 2 : 0;
    if (start >= text.size || text.data[start] != '"')
        return 0;
    for (size_t i = start + 1; i < text.size; i++) {
        uint8_t byte = (uint8_t)text.data[i];
        if (byte == '"')
            return i + 1;
        if (byte <= 0x20 || byte == 0x7f)
            return 0;
    }
    return 0;
}

bool etag_is_valid(struct slice etag)
{
    return etag.size > 0 && etag_size(etag) == etag.size;
}

bool etag_is_strong(struct slice etag)
{
    return etag_is_valid(etag) && !etag_is_weak(etag);
}

static bool etag_matches(struct slice list, struct slice etag, bool strongly)
{
    if (slice_equal(slice_trim(list), SLICE("*")))
        return etag.size > 0;
    for (;;) {
        while (list.size > 0 && (list.data[0] == ' ' || list.data[0] == '\t' || list.data[0] == ','))
            list = slice_from(list, 1);
        size_t size = etag_size(list);
        if (size == 0)
            return false;
        struct slice entry = slice_of(list.data, size);
        bool usable = !strongly || (!etag_is_weak(entry) && !etag_is_weak(etag));
        if (usable && slice_equal(etag_opaque(entry), etag_opaque(etag)))
            return true;
        list = slice_from(list, size);
    }
}

bool etag_matches_weakly(struct slice list, struct slice etag)
{
    return etag_matches(list, etag, false);
}

bool etag_matches_strongly(struct slice list, struct slice etag)
{
    return etag_matches(list, etag, true);
}
