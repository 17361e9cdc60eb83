/* One query per operation; its number goes with the question and comes back with the answers.
 *
 * A list of thousands is work for a gate. It is asked for one at a time: questions that nobody waits for any
 * more would pile up at one that is slow, and make it slower still. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "link/memfd.h"

#include "keep/connections.h"

enum {
    CONNECTIONS_PATIENCE_MS = 500,
    CONNECTIONS_MOST = 5000, /* rows of one gate */
    CONNECTIONS_BYTES = 16 * 1024 * 1024,
};

struct connections {
    struct connections_settings settings;
    struct list open;
    uint32_t last_id;
    uint32_t owed[GATES_MOST]; /* the list that a gate was asked for and has not sent; 0: none */
};

struct query {
    struct list link;
    struct connections *connections;
    struct operation *operation;
    uint32_t id;
    uint64_t generations[GATES_MOST]; /* 0: not asked */
    bool waits[GATES_MOST], asked[GATES_MOST];
    json_t *rows; /* of a list */
    json_int_t more;
    char close[64]; /* the id of the one to close; "": a list */
    struct loop_timer patience;
};

/* --- the end of a query ---------------------------------------------------------------------------- */

static void query_free(struct query *query)
{
    list_remove(&query->link);
    loop_timer_stop(&query->patience);
    json_decref(query->rows);
    free(query);
}

static void query_forget(struct operation *operation)
{
    query_free(operation->state);
}

static void query_answer(struct query *query, int status, json_t *body)
{
    struct operation *operation = query->operation;
    query_free(query);
    operation_answer(operation, status, body);
}

static void query_refuse(struct query *query, int status, const char *text)
{
    query_answer(query, status, json_pack("{s:s}", "text", text));
}

static bool query_waits(const struct query *query)
{
    for (unsigned slot = 0; slot < GATES_MOST; slot++)
        if (query->waits[slot])
            return true;
    return false;
}

static void query_finish(struct query *query)
{
    if (query->close[0]) {
        query_refuse(query, 503, "the gate that has this connection does not answer");
        return;
    }
    json_t *silent = json_array();
    for (unsigned slot = 0; slot < GATES_MOST; slot++)
        if (query->waits[slot])
            json_array_append_new(silent, json_integer(slot));
    query_answer(
        query, 200,
        json_pack("{s:O, s:o, s:I}", "connections", query->rows, "silent", silent, "more", query->more));
}

static void query_on_patience(struct loop_timer *timer)
{
    query_finish(LIST_ENTRY(timer, struct query, patience));
}

/* --- questions to gates ------------------------------------------------------------------------------- */

/* `body` is borrowed. */
static void query_ask(struct query *query, unsigned slot, json_t *body)
{
    const struct gates_message message = {
        .type = MESSAGE_GATE_STREAMS, .id = query->id, .body = json_incref(body)};
    query->asked[slot] = true;
    gates_send(query->connections->settings.gates, slot, &message);
}

/* The next list that somebody waits for. */
static void connections_ask_list(struct connections *connections, unsigned slot)
{
    LIST_FOR_EACH(link, &connections->open)
    {
        struct query *query = LIST_ENTRY(link, struct query, link);
        if (connections->owed[slot] || query->close[0] || !query->waits[slot] || query->asked[slot])
            continue;
        json_t *body = json_pack("{s:i}", "most", CONNECTIONS_MOST);
        connections->owed[slot] = query->id;
        query_ask(query, slot, body);
        json_decref(body);
    }
}

/* --- answers of gates: hostile until checked ---------------------------------------------------------- */

/* Makes a gate's row ours: its id and its time are of the whole. */
static void query_add_row(struct query *query, unsigned slot, json_t *row)
{
    const struct clock *clock = loop_clock(query->connections->settings.loop);
    char id[64], text[CLOCK_TEXT_SIZE];
    snprintf(id, sizeof id, "%u.%" PRIu64 ".%" JSON_INTEGER_FORMAT, slot, query->generations[slot],
             json_integer_value(json_object_get(row, "id")));
    int64_t since_ms = clock->wall_ms(clock) - json_integer_value(json_object_get(row, "age_ms"));
    json_object_set_new(row, "id", json_string(id));
    json_object_set_new(row, "since", json_string(clock_format(since_ms, text)));
    json_array_append(query->rows, row);
}

static json_t *query_read_rows(const struct channel_message *message)
{
    struct slice bytes;
    struct error error;
    if (message->descriptor_count < 1 || memfd_map(message->descriptors[0], CONNECTIONS_BYTES, &bytes) < 0)
        return NULL;
    json_t *rows = message_parse(bytes, &error);
    memfd_unmap(&bytes);
    return rows;
}

static void query_take_list(struct query *query, unsigned slot, const struct channel_message *message)
{
    json_t *answer = query_read_rows(message), *row;
    size_t i;
    query->more += json_integer_value(json_object_get(answer, "more"));
    json_array_foreach(json_object_get(answer, "streams"), i,
                       row) if (json_is_object(row) && i < CONNECTIONS_MOST) query_add_row(query, slot, row);
    json_decref(answer);
}

/* What the gate said of it, for the journal; `stream` may be anything. */
static json_t *query_evidence(const struct query *query, const json_t *stream)
{
    static const char *const shown[] = {"kind", "target", "user", "address", "route"};
    json_t *evidence =
        json_pack("{s:s, s:s}", "connection", query->close, "by", operation_by(query->operation));
    for (size_t i = 0; i < sizeof shown / sizeof *shown; i++)
        if (json_is_string(json_object_get(stream, shown[i])))
            json_object_set(evidence, shown[i], json_object_get(stream, shown[i]));
    return evidence;
}

static void query_closed(struct query *query, bool found, const json_t *stream)
{
    struct journal *journal = query->connections->settings.journal;
    char id[sizeof query->close];
    memcpy(id, query->close, sizeof id);
    if (!found) {
        query_refuse(query, 404, "there is no such connection (any more)");
        return;
    }
    journal_note(journal, "connection-closed", query_evidence(query, stream));
    query_answer(query, 200, json_pack("{s:s}", "id", id));
}

static void connections_take_answer(struct connections *connections, unsigned slot,
                                    const struct channel_message *message)
{
    LIST_FOR_EACH(link, &connections->open)
    {
        struct query *query = LIST_ENTRY(link, struct query, link);
        if (query->id != message->id || !query->waits[slot])
            continue;
        query->waits[slot] = false;
        if (query->close[0]) {
            query_closed(query, json_is_true(json_object_get(message->body, "found")),
                         json_object_get(message->body, "stream"));
            return;
        }
        query_take_list(query, slot, message);
        if (!query_waits(query))
            query_finish(query);
        return;
    }
}

void connections_answered(struct connections *connections, unsigned slot,
                          const struct channel_message *message)
{
    if (connections->owed[slot] == message->id)
        connections->owed[slot] = 0;
    connections_take_answer(connections, slot, message);
    connections_ask_list(connections, slot);
}

void connections_slot_gone(struct connections *connections, unsigned slot)
{
    connections->owed[slot] = 0;
    LIST_FOR_EACH(link, &connections->open)
    {
        struct query *query = LIST_ENTRY(link, struct query, link);
        if (!query->waits[slot])
            continue;
        query->waits[slot] = false;
        if (query->close[0])
            query_closed(query, false, NULL);
        else if (!query_waits(query))
            query_finish(query);
    }
}

/* --- questions -------------------------------------------------------------------------------------- */

static struct query *query_new(struct connections *connections, struct operation *operation)
{
    struct query *query = MEMORY_NEW(struct query);
    query->connections = connections;
    query->operation = operation;
    query->rows = json_array();
    query->id = ++connections->last_id;
    list_append(&connections->open, &query->link);
    operation->state = query;
    operation->on_forget = query_forget;
    loop_timer_start(connections->settings.loop, &query->patience, CONNECTIONS_PATIENCE_MS,
                     query_on_patience);
    return query;
}

static void connections_list(void *context, struct operation *operation)
{
    struct connections *connections = context;
    struct query *query = query_new(connections, operation);
    for (unsigned slot = 0; slot < GATES_MOST; slot++)
        query->waits[slot] = gates_runs(connections->settings.gates, slot, &query->generations[slot]);
    if (!query_waits(query)) {
        query_finish(query);
        return;
    }
    for (unsigned slot = 0; slot < GATES_MOST; slot++)
        connections_ask_list(connections, slot);
}

/* "gate.generation.serial" */
static bool connections_read_id(const char *id, uint64_t parts[3])
{
    struct slice rest = slice_of_text(id), part;
    int count = 0;
    while (count < 3 && slice_next(&rest, '.', &part))
        if (!slice_to_u64(part, &parts[count++]))
            return false;
    return count == 3 && !rest.data && parts[0] < GATES_MOST;
}

static void connections_close(void *context, struct operation *operation)
{
    struct connections *connections = context;
    const char *id = operation_text(operation, "id");
    uint64_t parts[3], generation = 0;
    if (!id || strlen(id) >= sizeof((struct query *)0)->close || !connections_read_id(id, parts)) {
        operation_refuse(operation, 404, "a connection is named as the list does: gate.generation.serial");
        return;
    }
    unsigned slot = (unsigned)parts[0];
    if (!gates_runs(connections->settings.gates, slot, &generation) || generation != parts[1]) {
        operation_refuse(operation, 404, "there is no such connection (any more)");
        return;
    }
    struct query *query = query_new(connections, operation);
    snprintf(query->close, sizeof query->close, "%s", id);
    json_t *body = json_pack("{s:I}", "close", (json_int_t)parts[2]);
    query->waits[slot] = true;
    query_ask(query, slot, body);
    json_decref(body);
}

static const struct operation_row connections_rows[] = {
    {"connections", OPERATION_CONSOLE, connections_list},
    {"connection-close", OPERATION_CONSOLE, connections_close},
};

struct connections *connections_new(const struct connections_settings *settings)
{
    struct connections *connections = MEMORY_NEW(struct connections);
    connections->settings = *settings;
    list_init(&connections->open);
    operations_add(settings->operations, connections_rows, sizeof connections_rows / sizeof *connections_rows,
                   connections);
    return connections;
}

void connections_free(struct connections **owned)
{
    struct connections *connections = *owned;
    if (!connections)
        return;
    LIST_FOR_EACH(link, &connections->open)
    query_free(LIST_ENTRY(link, struct query, link));
    free(connections);
    *owned = NULL;
}
