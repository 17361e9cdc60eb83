/* Clients that come and go between the gates, and what they may get: each line once and in order; what is
 * missing was cut off or deleted, and a reset says so. */
#pragma once

#include "storm_moves.h"

static struct storm_client *storm_client_of(struct tail_reader *reader)
{
    return LIST_ENTRY(reader, struct storm_client, reader);
}

static bool storm_may_miss(const struct storm_client *client, int n)
{
    const struct storm_line *line = &storm.lines[n];
    for (int gate = 0; gate < STORM_GATES; gate++)
        if (client->gates & 1U << gate && (storm.files[line->file].excused[gate] || line->excused[gate]))
            return true;
    return client->reset && (line->lost || !client->strict);
}

/* 0: it begins with none. */
static int storm_number(struct slice line)
{
    uint64_t number = 0;
    bool is = slice_to_u64(slice_between(line, 0, slice_find(line, ' ')), &number);
    return is && number <= STORM_LINES ? (int)number : 0;
}

static void storm_take_line(struct storm_client *client, struct slice data)
{
    char text[32], again[32];
    int n = storm_number(data), i = (int)(client - storm.clients);
    size_t size = (size_t)snprintf(text, sizeof text, "%d ", n);
    size_t end = (size_t)snprintf(again, sizeof again, " %d", n);
    if (n < 1 || n > storm.line_count || !slice_starts_with(data, slice_of(text, size)) ||
        !slice_ends_with(data, slice_of(again, end)))
        STORM_FAIL("client %d: torn line \"%.*s\"", i, (int)(data.size < 60 ? data.size : 60), data.data);
    int last = client->last ? client->last : client->after;
    STORM_SAY("    client %d gets %d\n", i, n);
    if (n <= client->last && !(client->reset && !client->strict))
        STORM_FAIL("client %d: %d behind %d%s", i, n, client->last, client->reset ? ", a reset" : "");
    for (int k = last + 1; last >= 0 && k < n; k++)
        if (!storm_may_miss(client, k)) {
            STORM_FAIL("client %d: %d behind %d%s, missing %d", i, n, last, client->reset ? ", a reset" : "",
                       k);
            break;
        }
    client->last = n;
    client->gates = 1U << client->gate;
    client->reset = false;
    client->strict = true;
}

static void storm_take(struct storm_client *client)
{
    struct sse_seen event = sse_seen_new();
    struct slice rest = buffer_slice(&client->stream);
    while (sse_next_event(&rest, &event)) {
        storm_take_line(client, buffer_slice(&event.data));
        CHECK(event_id_parse(slice_of_text(event.id), &client->id));
    }
    buffer_consume(&client->stream, buffer_size(&client->stream) - rest.size);
    buffer_free(&event.data);
}

static bool storm_on_piece(struct tail_reader *reader, const struct chunks_piece *piece)
{
    struct storm_client *client = storm_client_of(reader);
    CHECK(buffer_append(&client->stream, piece->body));
    return !client->restless;
}

static void storm_leave(struct storm_client *client)
{
    if (!client->joined)
        return;
    storm_take(client);
    tail_leave(&client->reader);
    buffer_free(&client->stream);
    client->joined = false;
    STORM_SAY("    client %d leaves\n", (int)(client - storm.clients));
}

static void storm_on_torn(struct tail_reader *reader)
{
    storm_leave(storm_client_of(reader));
}

static void storm_told_reset(struct storm_client *client, const struct event_id *from,
                             enum tail_reason reason)
{
    int i = (int)(client - storm.clients);
    STORM_SAY("    client %d is reset, %s, from %llx:%lld\n", i, tail_reason_name(reason),
              (unsigned long long)from->generation, (long long)from->offset);
    if (!storm.lossy)
        STORM_FAIL("client %d: a reset (%s) behind %d for nothing", i, tail_reason_name(reason),
                   client->last);
    client->strict &= reason == TAIL_CUT;
    client->reset = true;
    client->id = tail_place(&client->reader);
}

static void storm_on_reset(struct tail_reader *reader, const struct event_id *from, enum tail_reason reason)
{
    storm_take(storm_client_of(reader));
    storm_told_reset(storm_client_of(reader), from, reason);
}

static void storm_on_found(struct tail_reader *reader)
{
    (void)reader;
}

static const struct tail_reader_events storm_events = {.on_piece = storm_on_piece,
                                                       .on_torn = storm_on_torn,
                                                       .on_reset = storm_on_reset,
                                                       .on_found = storm_on_found,
                                                       .on_level = storm_on_found};

static void storm_join(struct storm_client *client, int gate, bool anew)
{
    struct place place = {.root = storm.folder, .path = "events.jsonl"};
    struct event_id id = client->id;
    int i = (int)(client - storm.clients);
    if (client->joined)
        return;
    client->gate = gate;
    client->gates |= 1U << gate;
    client->restless = false;
    client->stream = BUFFER(64 << 20);
    client->reader = (struct tail_reader){.events = &storm_events};
    STORM_SAY("    client %d comes to gate %d%s, behind %d, %llx:%lld\n", i, gate, anew ? " anew" : "",
              client->last, (unsigned long long)id.generation, (long long)id.offset);
    client->joined = true;
    storm.inside = true;
    enum tail_reason reason = tail_join(storm.gates[gate].group, &place, &client->reader,
                                        anew ? TAIL_START : TAIL_AFTER, anew ? NULL : &id);
    storm.inside = false;
    if (anew) {
        client->last = 0;
        client->after = -1;
        client->reset = false;
        client->strict = true;
    }
    if (reason == TAIL_NO_RESET)
        client->id = tail_place(&client->reader);
    else
        storm_told_reset(client, &id, reason);
}
