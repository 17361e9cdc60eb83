/* An event ends with the only empty line there can be: data has none, and its last line but that is its id.
 */
#include "base/check.h"

#include "wire/sse_edit.h"

#define END  SLICE("\n\n")
#define NAME SLICE("event: ")
#define ID   SLICE("\nid: ")

static void append(struct buffer *out, struct slice bytes)
{
    CHECK(buffer_append(out, bytes));
}

bool sse_edit_read_names(struct slice list, struct sse_edit_names *names)
{
    struct slice name;
    *names = (struct sse_edit_names){0};
    while (list.data && slice_next(&list, ',', &name)) {
        bool fits = event_name_is_free(name) || slice_equal(name, EVENT_NAME_NONE);
        if (!fits || names->count == SSE_EDIT_NAMES)
            return false;
        names->items[names->count++] = name;
    }
    return names->count > 0;
}

/* Cuts one event off, or the part of one that the piece ends with. */
static struct slice next_event(struct slice *rest, bool *whole)
{
    const char *end = memmem(rest->data, rest->size, END.data, END.size);
    size_t size = end ? (size_t)(end - rest->data) + END.size : rest->size;
    struct slice event = slice_between(*rest, 0, size);
    *whole = end != NULL;
    *rest = slice_from(*rest, size);
    return event;
}

struct slice sse_edit_cut(struct slice *piece, size_t most)
{
    const char *start = piece->data;
    bool whole;
    for (size_t i = 0; i < most && piece->size > 0; i++)
        next_event(piece, &whole);
    return slice_of(start, (size_t)(piece->data - start));
}

/* The name with which an event begins, and the rest of it behind that. */
static struct slice take_name(struct slice *event)
{
    if (!slice_starts_with(*event, NAME))
        return EVENT_NAME_NONE;
    size_t end = slice_find(*event, '\n');
    struct slice name = slice_between(*event, NAME.size, end);
    *event = slice_from(*event, end + 1);
    return name;
}

static bool passes(const struct sse_edit_names *names, struct slice name)
{
    bool found = names->count == 0;
    for (size_t i = 0; i < names->count; i++)
        found |= slice_equal(names->items[i], name);
    return found;
}

bool sse_edit_pick(struct sse_edit *edit, struct slice piece, const struct sse_edit_names *names,
                   struct buffer *out)
{
    while (piece.size > 0) {
        bool whole;
        struct slice event = next_event(&piece, &whole), rest = event;
        if (!edit->inside)
            edit->passing = passes(names, take_name(&rest));
        if (edit->passing)
            append(out, event);
        edit->inside = !whole;
    }
    return edit->passing;
}

/* Parts a whole event's end from its data, and reads its id. */
static struct slice take_data(struct slice event, struct event_id *place)
{
    struct slice body = slice_between(event, 0, event.size - END.size);
    size_t start = body.size;
    while (start > 0 && body.data[start - 1] != '\n')
        start--;
    struct slice line = slice_from(body, start);
    bool known =
        slice_starts_with(line, slice_from(ID, 1)) && event_id_parse(slice_from(line, ID.size - 1), place);
    CHECK(known);
    return slice_between(body, 0, start);
}

void sse_edit_retitle(struct sse_edit *edit, struct slice piece, const struct sse_edit_title *title,
                      struct buffer *out)
{
    while (piece.size > 0) {
        bool whole;
        struct slice event = next_event(&piece, &whole);
        if (!edit->inside) {
            take_name(&event);
            if (title->name.data) {
                append(out, NAME);
                append(out, title->name);
                append(out, SLICE("\n"));
            }
        }
        edit->inside = !whole;
        if (!whole) {
            append(out, event);
            continue;
        }
        struct event_id place;
        append(out, take_data(event, &place));
        append(out, slice_from(ID, 1));
        title->add_id(title->owner, &place, out);
        append(out, END);
    }
}
