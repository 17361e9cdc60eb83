/* A pair ends at ';' and nowhere else: browsers know no quoting there. */
#include "admit/cookies.h"

static const struct slice host_prefix = {"__Host-", 7};

bool cookies_next(struct slice *rest, struct slice *name, struct slice *value)
{
    struct slice piece;
    if (!slice_next(rest, ';', &piece))
        return false;
    size_t equals = slice_find(piece, '=');
    bool named = equals < piece.size;
    *name = named ? slice_trim(slice_between(piece, 0, equals)) : slice_of(piece.data, 0);
    *value = slice_trim(named ? slice_from(piece, equals + 1) : piece);
    return true;
}

bool cookies_is_own(struct slice name, struct slice own)
{
    return cookies_counts(name, own, false) || cookies_counts(name, own, true);
}

bool cookies_counts(struct slice name, struct slice own, bool secure)
{
    if (!secure)
        return slice_equal(name, own);
    return slice_starts_with(name, host_prefix) && slice_equal(slice_from(name, host_prefix.size), own);
}

static bool has_own(struct slice value, struct slice own)
{
    struct slice name, text;
    while (cookies_next(&value, &name, &text))
        if (cookies_is_own(name, own))
            return true;
    return false;
}

struct slice cookies_without(struct slice value, struct slice own, struct arena *arena)
{
    struct slice rest = value, name, text;
    if (!has_own(value, own))
        return value;
    char *kept = arena_new(arena, value.size), *at = kept;
    if (!kept)
        return (struct slice){0};
    while (rest.data) {
        const char *start = rest.data;
        cookies_next(&rest, &name, &text);
        const char *end = rest.data ? rest.data - 1 : value.data + value.size;
        struct slice piece = slice_of(start, (size_t)(end - start));
        if (cookies_is_own(name, own))
            continue;
        if (at > kept)
            *at++ = ';';
        else
            piece = slice_trim(piece);
        memcpy(at, piece.data, piece.size);
        at += piece.size;
    }
    return slice_of(kept, (size_t)(at - kept));
}
