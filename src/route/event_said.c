/* Room for a chunk's head is left before the first byte, so that what was said leaves without a copy. */
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/check.h"
#include "base/utf8.h"

#include "route/event_said.h"

enum {
    GIVEN_MOST = 128,     /* of a place that is none of ours, in the reset */
    RETRY_MS = 1000,      /* for the client, after whatever ends the stream, and up to as much again */
    BYE_RETRY_MS = 500,   /* the same after a goodbye ... */
    BYE_SPREAD_MS = 2500, /* ... and up to so much more: not all come at the same time */
};

struct event_said event_said_new(void)
{
    struct event_said said = {.bytes = BUFFER(EVENT_SAID_MOST)};
    CHECK(buffer_reserve(&said.bytes, CHUNKS_HEAD_SIZE));
    buffer_added(&said.bytes, CHUNKS_HEAD_SIZE);
    return said;
}

void event_said_drop(struct event_said *said)
{
    buffer_free(&said->bytes);
}

static int64_t random_ms(int64_t least, int64_t more)
{
    uint32_t random = 0;
    ssize_t size = getrandom(&random, sizeof random, GRND_NONBLOCK);
    return least + (size == sizeof random ? random % more : more / 2);
}

void event_said_retry(struct event_said *said)
{
    sse_retry(&said->bytes, random_ms(RETRY_MS, RETRY_MS));
}

void event_said_event(struct event_said *said, const char *name, const struct event_id *id, json_t *data)
{
    char *text = json_dumps(data, JSON_COMPACT);
    sse_event(&said->bytes, name, id, slice_of_text(text));
    free(text);
    json_decref(data);
}

json_t *event_said_reset(struct slice from, const char *reason)
{
    char text[GIVEN_MOST + 1];
    size_t size = from.size < GIVEN_MOST ? from.size : GIVEN_MOST;
    memcpy(text, from.data, size);
    text[size] = '\0';
    return json_pack("{s:s, s:s}", "from", utf8_clean(text), "reason", reason);
}

void event_said_auth(struct event_said *said, const char *reason)
{
    event_said_event(said, "auth", NULL, json_pack("{s:s}", "reason", reason));
}

void event_said_bye(struct event_said *said)
{
    int64_t retry = random_ms(BYE_RETRY_MS, BYE_SPREAD_MS);
    sse_retry(&said->bytes, retry);
    event_said_event(said, "bye", NULL, json_pack("{s:I}", "retry_ms", (json_int_t)retry));
}

struct chunks_piece event_said_piece(struct event_said *said)
{
    size_t size = buffer_size(&said->bytes) - CHUNKS_HEAD_SIZE;
    said->bytes.limit += CHUNKS_PIECE_EXTRA;
    CHECK(buffer_reserve(&said->bytes, CHUNKS_PIECE_EXTRA));
    return size > 0 ? chunks_frame(said->bytes.data, size) : (struct chunks_piece){0};
}
