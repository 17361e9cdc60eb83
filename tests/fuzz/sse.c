/* Lines of any bytes, read in pieces of any size into room of any size, are to a browser what the rules of
 * wire/sse.h say. */
#include <stdlib.h>

#include "../unit/sse_reader.h"
#include "base/check.h"
#include "base/memory.h"
#include "wire/sse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void format(struct slice text, size_t read, size_t most, struct buffer *all)
{
    struct sse_line line = {0};
    for (size_t place = 0; place < text.size;) {
        size_t start = place < EVENT_ID_CHECKED ? 0 : place - EVENT_ID_CHECKED;
        struct sse_source source = {.bytes = slice_between(text, start, place + read),
                                    .offset = (int64_t)start,
                                    .place = place - start,
                                    .generation = 1,
                                    .line = line};
        struct buffer out = BUFFER(most);
        sse_lines(&source, &out, most);
        CHECK(start + source.place > place);
        place = start + source.place;
        line = source.line;
        CHECK(buffer_append(all, buffer_slice(&out)));
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

static void compare(struct slice text, struct slice stream)
{
    struct sse_seen seen = sse_seen_new();
    struct slice rest = text, line;
    while (rest.size > 0 && slice_next(&rest, '\n', &line)) {
        struct buffer event = BUFFER(1 << 20);
        if (expected(line, &event)) {
            struct event_id id;
            CHECK(sse_next_event(&stream, &seen));
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
    format(buffer_slice(&text), 1 + data[0] + 256 * (size_t)(data[1] & 3),
           SSE_LEAST_ROOM + 4 * (size_t)data[2], &stream);
    compare(buffer_slice(&text), buffer_slice(&stream));
    buffer_free(&text);
    buffer_free(&stream);
    return 0;
}
