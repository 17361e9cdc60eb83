/* Lines that lie in the source whole and hold no CR are copied in one piece; the rest goes byte by byte. */
#include "base/check.h"

#include "wire/sse.h"

#define DATA SLICE("data: ")

static void append(struct buffer *out, struct slice bytes)
{
    CHECK(buffer_append(out, bytes));
}

static void append_id(struct buffer *out, const struct event_id *id)
{
    char text[EVENT_ID_SIZE];
    append(out, SLICE("id: "));
    append(out, slice_of(text, event_id_format(id, text)));
    append(out, SLICE("\n"));
}

/* What stands before the line's first byte; `rest` is the line from there on. */
static void begin_line(struct sse_source *source, struct buffer *out, struct slice rest)
{
    struct slice name = source->names.data ? event_name_of(rest, source->names) : (struct slice){0};
    if (name.data) {
        append(out, SLICE("event: "));
        append(out, name);
        append(out, SLICE("\n"));
    }
    append(out, DATA);
    source->line.begun = true;
}

/* The line's newline has been passed: its id, and the empty line that sends it off. */
static void end_line(struct sse_source *source, struct buffer *out)
{
    bool event = source->line.begun || !source->line.skipped;
    if (!source->line.begun && event)
        append(out, DATA);
    source->line = (struct sse_line){0};
    if (!event)
        return;
    append(out, SLICE("\n"));
    const struct event_id id = {.generation = source->generation,
                                .offset = source->offset + (int64_t)source->place,
                                .check = event_id_check(slice_between(source->bytes, 0, source->place))};
    append_id(out, &id);
    append(out, SLICE("\n"));
}

/* One byte of the line, which is begun. */
static void add_byte(struct sse_source *source, struct buffer *out, char byte)
{
    if (source->line.after_cr) {
        append(out, SLICE("\n"));
        append(out, DATA);
    }
    source->line.after_cr = byte == '\r';
    if (byte != '\r')
        append(out, slice_of(&byte, 1));
}

/* The same as all of its bytes one by one; `rest` is a part of the line, which is begun, without its newline.
 */
static void add_bytes(struct sse_source *source, struct buffer *out, struct slice rest)
{
    source->place += rest.size;
    if (!source->line.after_cr && !memchr(rest.data, '\r', rest.size)) {
        append(out, rest);
        return;
    }
    for (size_t i = 0; i < rest.size; i++)
        add_byte(source, out, rest.data[i]);
}

/* How many bytes `rest` has once it is formatted, at most. */
static size_t formatted_size(struct slice rest)
{
    size_t size = rest.size + SSE_LEAST_ROOM;
    for (const char *cr = rest.data; (cr = memchr(cr, '\r', (size_t)(rest.data + rest.size - cr))); cr++)
        size += DATA.size + 1;
    return size;
}

/* How much of a line that does not fit in `room` is added to it. */
static size_t part_size(const struct sse_source *source, struct slice rest, size_t room)
{
    size_t part = room - SSE_LEAST_ROOM + 1;
    bool plain = !source->line.after_cr && !memchr(rest.data, '\r', part < rest.size ? part : rest.size);
    return plain ? part : part / (DATA.size + 2) + 1; /* every byte may be a CR */
}

/* Whether there were any. */
static bool skip_nul(struct sse_source *source, size_t end)
{
    size_t before = source->place;
    while (!source->line.begun && source->place < end && source->bytes.data[source->place] == '\0') {
        source->place++;
        source->line.skipped = true;
    }
    return source->place > before;
}

bool sse_lines(struct sse_source *source, struct buffer *out, size_t most)
{
    size_t before = buffer_size(out);
    CHECK(most >= before + SSE_LEAST_ROOM);
    while (source->place < source->bytes.size) {
        size_t newline = source->place + slice_find(slice_from(source->bytes, source->place), '\n');
        bool whole = newline < source->bytes.size, first = buffer_size(out) == before;
        bool skipped = skip_nul(source, newline);
        struct slice rest = slice_between(source->bytes, source->place, newline);
        size_t room = most - buffer_size(out);
        bool fits = formatted_size(rest) <= room;
        if (!first && (!whole || !fits))
            return false;
        if (skipped && !whole && source->names.data)
            return false; /* with more of the line behind the NULs */
        if (rest.size > 0 && !source->line.begun)
            begin_line(source, out, rest);
        if (!fits) {
            add_bytes(source, out, slice_between(rest, 0, part_size(source, rest, room)));
            return false;
        }
        if (rest.size > 0)
            add_bytes(source, out, rest);
        if (whole) {
            source->place++;
            end_line(source, out);
        }
    }
    return true;
}

void sse_comment(struct buffer *out, struct slice text)
{
    append(out, SLICE(":"));
    if (text.size > 0)
        append(out, SLICE(" "));
    append(out, text);
    append(out, SLICE("\n\n"));
}

void sse_place(struct buffer *out, const struct event_id *id)
{
    append_id(out, id);
    append(out, SLICE("\n"));
}

void sse_retry(struct buffer *out, int64_t milliseconds)
{
    CHECK(buffer_append_format(out, "retry: %lld\n\n", (long long)milliseconds));
}

static void append_line(struct buffer *out, struct slice field, struct slice value)
{
    append(out, field);
    append(out, value);
    append(out, SLICE("\n"));
}

void sse_event_at(struct buffer *out, struct slice name, struct slice id, struct slice data)
{
    if (name.data)
        append_line(out, SLICE("event: "), name);
    append_line(out, DATA, data);
    if (id.data)
        append_line(out, SLICE("id: "), id);
    append(out, SLICE("\n"));
}

void sse_event(struct buffer *out, const char *name, const struct event_id *id, struct slice data)
{
    CHECK(buffer_append_format(out, "event: %s\n", name));
    append(out, DATA);
    append(out, data);
    append(out, SLICE("\n"));
    if (id)
        append_id(out, id);
    append(out, SLICE("\n"));
}
