/* A text is cut into pieces: plain ones, and places in the path or host where a value is found. */
#include <stdlib.h>

#include "base/memory.h"
#include "wire/uri.h"

#include "route/captures.h"

enum { VALUE_MOST = 64 };

enum piece_kind {
    PIECE_TEXT,
    PIECE_SEGMENT, /* of the path */
    PIECE_LABEL,   /* of the host */
};

struct piece {
    enum piece_kind kind;
    struct slice text; /* PIECE_TEXT: into captures.text */
    unsigned place;    /* else: how many segments or labels come before it */
};

struct captures {
    char *text;
    struct piece *pieces;
    size_t count;
    bool any;
};

/* --- compiling ----------------------------------------------------------------------------------- */

static bool is_capture_of(struct slice part, struct slice name)
{
    return part.size == name.size + 2 && part.data[0] == '{' && part.data[part.size - 1] == '}' &&
           slice_equal(slice_between(part, 1, part.size - 1), name);
}

static bool find_segment(const char *path, struct slice name, struct piece *piece)
{
    struct slice rest = slice_of_text(path), segment;
    *piece = (struct piece){.kind = PIECE_SEGMENT};
    while (rest.data && uri_next_segment(&rest, &segment)) {
        if (is_capture_of(segment, name))
            return true;
        piece->place++;
    }
    return false;
}

static bool find_label(const char *host, struct slice name, struct piece *piece)
{
    struct slice rest = slice_of_text(host), label;
    *piece = (struct piece){.kind = PIECE_LABEL};
    while (rest.data && slice_next(&rest, '.', &label)) {
        if (is_capture_of(label, name))
            return true;
        piece->place++;
    }
    return false;
}

static void add(struct captures *captures, struct piece piece)
{
    captures->pieces = memory_resize(captures->pieces, (captures->count + 1) * sizeof *captures->pieces);
    captures->pieces[captures->count++] = piece;
    captures->any |= piece.kind != PIECE_TEXT;
}

static bool compile(struct captures *captures, const char *path, const char *host, struct error *error)
{
    struct slice rest = slice_of_text(captures->text);
    while (rest.size > 0) {
        size_t open = slice_find(rest, '{');
        if (open > 0)
            add(captures, (struct piece){PIECE_TEXT, slice_between(rest, 0, open), 0});
        rest = slice_from(rest, open);
        if (rest.size == 0)
            break;
        size_t close = slice_find(rest, '}');
        struct slice name = slice_between(rest, 1, close);
        struct piece piece;
        if (close == rest.size)
            return error_set(error, "\"%s\" has a { that is not closed", captures->text);
        if (!find_segment(path, name, &piece) && !find_label(host, name, &piece))
            return error_set(error, "\"%s\": {" SLICE_FORMAT "} is captured by neither path nor host",
                             captures->text, SLICE_ARGUMENTS(name));
        add(captures, piece);
        rest = slice_from(rest, close + 1);
    }
    return true;
}

struct captures *captures_new(const char *text, const char *path, const char *host, struct error *error)
{
    struct captures *captures = MEMORY_NEW(struct captures);
    captures->text = memory_text(text);
    if (!compile(captures, path, host, error))
        captures_free(&captures);
    return captures;
}

bool captures_any(const struct captures *captures)
{
    return captures->any;
}

void captures_free(struct captures **captures)
{
    if (!*captures)
        return;
    free((*captures)->text);
    free((*captures)->pieces);
    free(*captures);
    *captures = NULL;
}

/* --- filling in ---------------------------------------------------------------------------------- */

static bool is_plain(char byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9');
}

bool captures_is_name(struct slice value)
{
    if (value.size == 0 || value.size > VALUE_MOST || !is_plain(value.data[0]))
        return false;
    for (size_t i = 1; i < value.size; i++) {
        char byte = value.data[i];
        if (!is_plain(byte) && byte != '.' && byte != '_' && byte != '-')
            return false;
    }
    return true;
}

static struct slice segment_at(struct slice path, unsigned place)
{
    struct slice segment = {0};
    for (unsigned i = 0; i <= place; i++)
        if (!path.data || !uri_next_segment(&path, &segment))
            return (struct slice){0};
    return segment;
}

static struct slice label_at(struct slice host, unsigned place)
{
    struct slice label = {0};
    for (unsigned i = 0; i <= place; i++)
        if (!host.data || !slice_next(&host, '.', &label))
            return (struct slice){0};
    return label;
}

static struct slice value_of(const struct piece *piece, const struct exchange_request *request)
{
    switch (piece->kind) {
    case PIECE_TEXT:
        return piece->text;
    case PIECE_SEGMENT:
        return segment_at(request->path, piece->place);
    case PIECE_LABEL:
        return label_at(request->host, piece->place);
    }
    UNREACHABLE();
}

struct slice captures_fill(const struct captures *captures, const struct exchange_request *request,
                           struct arena *arena)
{
    if (!captures->any)
        return slice_of_text(captures->text);
    struct slice *parts = arena_new(arena, captures->count * sizeof *parts);
    if (!parts)
        return (struct slice){0};
    for (size_t i = 0; i < captures->count; i++) {
        parts[i] = value_of(&captures->pieces[i], request);
        if (captures->pieces[i].kind != PIECE_TEXT && !captures_is_name(parts[i]))
            return (struct slice){0};
    }
    return arena_join(arena, parts, captures->count);
}

/* Cuts the value of piece `i` off the name: it ends where the next plain piece begins. */
static bool take_value(const struct captures *target, size_t i, struct slice *name, struct slice *value)
{
    const struct piece *piece = &target->pieces[i];
    if (piece->kind == PIECE_TEXT) {
        *value = slice_between(*name, 0, piece->text.size);
        *name = slice_from(*name, piece->text.size);
        return slice_equal(*value, piece->text);
    }
    bool last = i + 1 == target->count;
    if (!last && target->pieces[i + 1].kind != PIECE_TEXT)
        return false;
    size_t size = last ? name->size : slice_find(*name, target->pieces[i + 1].text.data[0]);
    *value = slice_between(*name, 0, size);
    *name = slice_from(*name, size);
    return captures_is_name(*value);
}

static bool is_same_place(const struct piece *a, const struct piece *b)
{
    return a->kind == b->kind && a->place == b->place;
}

struct slice captures_fill_from(const struct captures *captures, const struct captures *target,
                                struct slice name, struct arena *arena)
{
    struct slice *parts = arena_new(arena, (captures->count + target->count + 1) * sizeof *parts);
    struct slice *values = parts ? parts + captures->count : NULL;
    for (size_t i = 0; parts && i < target->count; i++)
        if (!take_value(target, i, &name, &values[i]))
            return (struct slice){0};
    if (!parts || name.size > 0)
        return (struct slice){0};
    for (size_t i = 0; i < captures->count; i++) {
        const struct piece *piece = &captures->pieces[i];
        parts[i] = piece->text;
        for (size_t k = 0; k < target->count && piece->kind != PIECE_TEXT; k++)
            if (is_same_place(piece, &target->pieces[k]))
                parts[i] = values[k];
        if (!parts[i].data)
            return (struct slice){0};
    }
    return arena_join(arena, parts, captures->count);
}
