/* One call per exchange, in the exchange's memory: read the body, ask, write the answer as the client takes
 * it. It ends with the exchange, whoever ends that. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/check.h"

#include "route/api.h"
#include "route/api_arguments.h"
#include "route/api_openapi.h"
#include "route/api_reply.h"

enum { BASE_SIZE = 256, MOST_FIELDS = 8 };

struct call {
    struct api_means means;
    struct exchange *exchange;
    struct asking asking;
    struct api_found found;
    char base[BASE_SIZE]; /* "/_reeve/api/v1/" */
    struct buffer body;   /* of the request */
    char *text;           /* of the answer; NULL: there is none yet */
    size_t size, sent;
};

static void release(struct call *call)
{
    asking_cancel(&call->asking);
    buffer_free(&call->body);
    free(call->text);
    call->text = NULL;
}

/* --- the answer ------------------------------------------------------------------------------------------
 */

static void go_on_writing(struct call *call)
{
    while (call->sent < call->size) {
        ssize_t taken = exchange_write(call->exchange, call->text + call->sent, call->size - call->sent);
        if (taken < 0)
            return; /* on_gone follows */
        call->sent += (size_t)taken;
        if (taken == 0 || call->sent < call->size)
            return;
    }
    struct exchange *exchange = call->exchange;
    release(call);
    exchange_end(exchange);
}

static size_t add_field(struct exchange_field *fields, size_t count, struct slice name, const char *value)
{
    if (value && *value)
        fields[count++] = (struct exchange_field){.name = name, .value = slice_of_text(value)};
    return count;
}

static void respond(struct call *call, const struct api_reply *reply)
{
    struct exchange_field fields[MOST_FIELDS];
    const char *allow = reply->status == 405 ? call->found.allow : NULL;
    size_t count = 0;
    count = add_field(fields, count, SLICE("Content-Type"),
                      reply->status >= 400 ? "application/problem+json" : "application/json");
    count = add_field(fields, count, SLICE("Cache-Control"), "no-store");
    count = add_field(fields, count, SLICE("X-Content-Type-Options"), "nosniff");
    count = add_field(fields, count, SLICE("ETag"), reply->tag);
    count = add_field(fields, count, SLICE("Location"), reply->location);
    count = add_field(fields, count, SLICE("Allow"), allow);
    count = add_field(fields, count, SLICE("Retry-After"),
                      reply->status == 503 || reply->status == 429 ? "1" : NULL);
    CHECK(count <= MOST_FIELDS);
    call->text = json_dumps(reply->body, JSON_COMPACT);
    CHECK(call->text);
    call->size = strlen(call->text);
    if (exchange_head(call->exchange, reply->status, fields, count, (int64_t)call->size)) {
        go_on_writing(call);
        return;
    }
    struct exchange *exchange = call->exchange;
    release(call);
    exchange_fail(exchange);
}

static void refuse(struct call *call, int status, const char *detail, const json_t *errors)
{
    struct api_reply reply = {.status = status, .body = api_reply_problem(status, detail, errors)};
    respond(call, &reply);
    json_decref(reply.body);
}

static void on_answer(struct asking *asking, int status, const json_t *body)
{
    struct call *call = LIST_ENTRY(asking, struct call, asking);
    struct api_reply reply;
    api_reply_make(call->found.row, call->base, status, body, &reply);
    respond(call, &reply);
    json_decref(reply.body);
}

/* --- the question ----------------------------------------------------------------------------------------
 */

static void refuse_wrong(struct call *call, const struct api_wrong *wrong)
{
    json_t *errors = wrong->status == 422
                         ? json_pack("[{s:s, s:s}]", "pointer", wrong->pointer, "detail", wrong->detail)
                         : NULL;
    refuse(call, wrong->status, wrong->detail, errors);
    json_decref(errors);
}

/* The stream has the exchange from then on. */
static void open_stream(struct call *call, json_t *arguments)
{
    release(call);
    if (event_stream_is_asked(call->exchange))
        api_streams_answer(call->means.streams, call->found.row, arguments, call->base, call->exchange);
    json_decref(arguments);
}

static void ask(struct call *call)
{
    const struct exchange_request *head = exchange_request(call->exchange);
    const struct api_request request = {
        .found = &call->found,
        .query = head->query,
        .if_match = fields_get(&head->head->fields, FIELD_IF_MATCH),
        .body = buffer_slice(&call->body),
    };
    struct api_wrong wrong;
    json_t *arguments = api_arguments(&request, &wrong);
    if (!arguments) {
        refuse_wrong(call, &wrong);
        return;
    }
    if (call->found.row->form == API_STREAM) {
        open_stream(call, arguments);
        return;
    }
    call->asking.on_answer = on_answer;
    asker_ask(call->means.asker, &call->asking, call->found.row->operation,
              exchange_principal(call->exchange), arguments);
}

static void answer_own(struct call *call)
{
    char base[BASE_SIZE];
    snprintf(base, sizeof base, "%.*s", (int)strlen(call->base) - 1, call->base);
    struct api_reply reply = {.status = 200, .body = api_openapi(base)};
    respond(call, &reply);
    json_decref(reply.body);
}

static void on_body(void *owner)
{
    struct call *call = owner;
    ssize_t got;
    do {
        char *room = buffer_reserve(&call->body, 4096);
        got = room ? exchange_read(call->exchange, room, 4096) : -EFBIG;
        if (got > 0)
            buffer_added(&call->body, (size_t)got);
    } while (got > 0);
    if (got == -EAGAIN)
        return;
    if (got == -EFBIG)
        refuse(call, 413, "A request to this API has at most 1 MiB.", NULL);
    else if (got < 0)
        refuse(call, 400, "The body is malformed.", NULL);
    else if (buffer_size(&call->body) &&
             !fields_get(&exchange_request(call->exchange)->head->fields, FIELD_CONTENT_TYPE).data)
        refuse(call, 415, "A body is sent with Content-Type: application/json.", NULL);
    else
        ask(call);
}

static void on_room(void *owner)
{
    struct call *call = owner;
    if (call->text)
        go_on_writing(call);
}

static void on_gone(void *owner)
{
    release(owner);
}

static const struct exchange_events events = {.on_body = on_body, .on_room = on_room, .on_gone = on_gone};

/* A form of some page can send anything but this type without asking first. */
static bool fits_type(struct call *call)
{
    struct slice type = fields_get(&exchange_request(call->exchange)->head->fields, FIELD_CONTENT_TYPE);
    return !type.data || api_arguments_fit_type(type);
}

static void begin(struct call *call)
{
    const struct api_row *row = call->found.row;
    if ((!row && !call->found.allow[0]) || (row && row->form == API_TERMINAL))
        refuse(call, 404, "The API has no such path; openapi.json lists them.", NULL);
    else if (!row)
        refuse(call, 405, "This path has other methods.", NULL);
    else if (row->form == API_OWN)
        answer_own(call);
    else if (!row->body)
        ask(call);
    else if (!fits_type(call))
        refuse(call, 415, "A body is sent with Content-Type: application/json.", NULL);
    else if (exchange_limit_body(call->exchange, API_BODY_MOST) < 0)
        refuse(call, 413, "A request to this API has at most 1 MiB.", NULL);
    else
        on_body(call);
}

void api_answer(const struct api_means *means, struct exchange *exchange, const char *console_path,
                struct slice below)
{
    struct call *call = arena_new(exchange_arena(exchange), sizeof *call);
    CHECK(call);
    call->means = *means;
    call->exchange = exchange;
    call->body = BUFFER(API_BODY_MOST + 4096);
    snprintf(call->base, sizeof call->base, "%sapi/v1/", console_path);
    api_table_find(exchange_request(exchange)->head->method, below, &call->found);
    exchange_set_events(exchange, &events, call);
    begin(call);
}

bool api_is(struct slice console_path, struct slice path, struct slice *below)
{
    const struct slice api = SLICE("api/v1");
    if (!slice_starts_with(path, console_path))
        return false;
    *below = slice_from(path, console_path.size);
    if (!slice_starts_with(*below, api))
        return false;
    *below = slice_from(*below, api.size);
    if (below->size > 0 && below->data[0] != '/')
        return false;
    *below = slice_from(*below, 1);
    return true;
}
