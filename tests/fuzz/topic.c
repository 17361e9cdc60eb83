/* What a client gives to a stream of several topics: a list, an id, and events of a file that get names and
 * ids of that list. Each that is read is written the same again, and every event is the one it was. */
#include <stdlib.h>

#include "../unit/sse_reader.h"
#include "base/check.h"
#include "base/memory.h"
#include "wire/sse_edit.h"
#include "wire/topic.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_list(struct slice list)
{
    struct topic topics[TOPIC_MOST];
    size_t count, length = 0;
    if (!topic_read_list(list, topics, &count))
        return;
    CHECK(count > 0 && count <= TOPIC_MOST && topic_hash(list) != 0);
    for (size_t i = 0; i < count; i++) {
        length += topics[i].text.size + 1;
        CHECK(!memchr(topics[i].text.data, '\n', topics[i].text.size) &&
              topics[i].target.size <= TOPIC_TARGET_MOST);
        CHECK(!event_name_is_free(topics[i].text) || topics[i].target.size == 0); /* no file speaks for it */
    }
    CHECK(length == list.size + 1);
}

static void try_id(struct slice text)
{
    struct topic_places places;
    char again[TOPIC_ID_SIZE];
    if (!topic_parse_id(text, &places))
        return;
    size_t size = topic_format_id(&places, again);
    CHECK(slice_equal(text, slice_of(again, size)));
}

struct stream {
    struct buffer out;
    struct event_id last;
};

static void add_id(void *owner, const struct event_id *place, struct buffer *out)
{
    struct stream *stream = owner;
    stream->last = *place;
    struct topic_places places = {.list = 7, .count = 2, .items = {{1, 2, 3}, *place}};
    char text[TOPIC_ID_SIZE];
    size_t size = topic_format_id(&places, text);
    CHECK(buffer_append(out, slice_of(text, size)));
}

/* The text's lines as events of a file, and the same under a topic's name. */
static void try_events(struct slice text, size_t most, size_t at_once)
{
    struct buffer plain = BUFFER(64 << 20);
    struct stream stream = {.out = BUFFER(64 << 20)};
    struct sse_edit_title title = {.name = SLICE("log:api"), .add_id = add_id, .owner = &stream};
    struct sse_edit edit = {0};
    struct sse_source source = {.bytes = text, .generation = 5, .names = SLICE("t")};
    bool done = false;
    while (!done) {
        struct buffer out = BUFFER(most);
        done = sse_lines(&source, &out, most);
        CHECK(buffer_append(&plain, buffer_slice(&out)));
        struct slice piece = buffer_slice(&out);
        while (piece.size > 0)
            sse_edit_retitle(&edit, sse_edit_cut(&piece, at_once), &title, &stream.out);
        buffer_free(&out);
    }
    CHECK(!edit.inside);
    struct sse_seen one = sse_seen_new(), other = sse_seen_new();
    struct slice left = buffer_slice(&plain), right = buffer_slice(&stream.out);
    while (sse_next_event(&left, &one)) {
        struct topic_places places;
        char id[EVENT_ID_SIZE];
        CHECK(sse_next_event(&right, &other) && strcmp(other.event, "log:api") == 0);
        CHECK(slice_equal(buffer_slice(&one.data), buffer_slice(&other.data)));
        CHECK(topic_parse_id(slice_of_text(other.id), &places) && places.count == 2);
        event_id_format(&places.items[1], id);
        CHECK(strcmp(id, one.id) == 0);
    }
    CHECK(!sse_next_event(&right, &other) && right.size == 0);
    buffer_free(&one.data);
    buffer_free(&other.data);
    buffer_free(&plain);
    buffer_free(&stream.out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2 || size > 65536)
        return 0;
    struct slice rest = slice_of(data + 2, size - 2);
    try_list(rest);
    try_id(rest);
    struct buffer text = BUFFER(1 << 20);
    buffer_append(&text, rest);
    buffer_append_text(&text, "\n");
    try_events(buffer_slice(&text), SSE_LEAST_ROOM + 4 * (size_t)data[0], 1 + data[1] % 40);
    buffer_free(&text);
    return 0;
}
