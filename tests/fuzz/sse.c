/* Lines of any bytes, read in pieces of any size into room of any size, are to a browser what the rules of
 * wire/sse.h say; so are those that wire/sse_edit.h picks, by names of wire/event_name.h. */
#include <stdlib.h>

#include "../unit/sse_reader.h"
#include "base/check.h"
#include "base/memory.h"
#include "wire/sse_edit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct form {
    size_t read, most; /* bytes at a time */
    struct slice names;
    struct sse_edit_names wanted; /* none: all */
};

static void format(struct slice text, const struct form *form, struct buffer *all)
{
    size_t read = form->read, most = form->most;
    struct sse_line line = {0};
    struct sse_edit edit = {0};
    for (size_t place = 0; place < text.size;) {
        size_t start = place < EVENT_ID_CHECKED ? 0 : place - EVENT_ID_CHECKED;
        struct sse_source source = {.bytes = slice_between(text, start, place + read),
                                    .offset = (int64_t)start,
                                    .place = place - start,
                                    .generation = 1,
                                    .names = form->names,
                                    .line = line};
        struct buffer out = BUFFER(most);
        sse_lines(&source, &out, most);
        CHECK(start + source.place > place);
        place = start + source.place;
        line = source.line;
        if (form->wanted.count > 0)
            sse_edit_pick(&edit, buffer_slice(&out), &form->wanted, all);
        else
            CHECK(buffer_append(all, buffer_slice(&out)));
        CHECK(form->wanted.count == 0 || edit.inside == line.begun);
        buffer_free(&out);
    }
    CHECK(!line.begun);
}

/* The rules, said once more: false for a line that is no event. */
static bool expected(struct slice line, struct buffer *event)
{
    size_t all = line.size;
    while (line.size > 0 && line.data[0] == '\0')
        line = slice_from(line, 1);
    if (line.size == 0 && all > 0)
        return false;
    if (slice_ends_with(line, SLICE("\r")))
        line.size--;
    for (size_t i = 0; i < line.size; i++)
        buffer_append(event, line.data[i] == '\r' ? SLICE("\n") : slice_between(line, i, i + 1));
    return true;
}

/* The name the line's event has. Without names: none. */
static struct slice name_of(struct slice line, struct slice names)
{
    while (line.size > 0 && line.data[0] == '\0')
        line = slice_from(line, 1);
    return names.data ? event_name_of(line, names) : (struct slice){0};
}

static bool is_wanted(const struct form *form, struct slice name)
{
    bool wanted = form->wanted.count == 0;
    for (size_t i = 0; i < form->wanted.count; i++)
        wanted |= slice_equal(form->wanted.items[i], name.data ? name : EVENT_NAME_NONE);
    return wanted;
}

static void compare(struct slice text, struct slice stream, const struct form *form)
{
    struct sse_seen seen = sse_seen_new();
    struct slice rest = text, line;
    while (rest.size > 0 && slice_next(&rest, '\n', &line)) {
        struct buffer event = BUFFER(1 << 20);
        struct slice name = name_of(line, form->names);
        if (expected(line, &event) && is_wanted(form, name)) {
            struct event_id id;
            CHECK(sse_next_event(&stream, &seen));
            CHECK(slice_equal(slice_of_text(seen.event), name));
            CHECK(slice_equal(buffer_slice(&event), buffer_slice(&seen.data)));
            CHECK(event_id_parse(slice_of_text(seen.id), &id));
            CHECK(id.offset == (line.data + line.size + 1) - text.data);
            CHECK(id.check == event_id_check(slice_between(text, 0, (size_t)id.offset)));
        }
        buffer_free(&event);
    }
    CHECK(!sse_next_event(&stream, &seen) && stream.size == 0);
    buffer_free(&seen.data);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buffer text = BUFFER(1 << 20), stream = BUFFER(64 << 20);
    struct event_id id;
    if (size < 3 || size > 65536)
        return 0;
    buffer_append(&text, slice_of(data + 3, size - 3));
    event_id_parse(buffer_slice(&text), &id);
    buffer_append_text(&text, "\n");
    struct form form = {.read = 1 + data[0] + 256 * (size_t)(data[1] & 3),
                        .most = SSE_LEAST_ROOM + 4 * (size_t)data[2]};
    if (data[1] & 4) { /* as much of a line as is looked at for its name has to be there */
        form.names = SLICE("t");
        form.read = EVENT_NAME_WITHIN + buffer_size(&text);
        if (data[1] & 8)
            CHECK(sse_edit_read_names(data[1] & 16 ? SLICE("a") : SLICE("b,message"), &form.wanted));
    }
    format(buffer_slice(&text), &form, &stream);
    compare(buffer_slice(&text), buffer_slice(&stream), &form);
    buffer_free(&text);
    buffer_free(&stream);
    return 0;
}
