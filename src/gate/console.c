/* On its own listener there is nothing but the console: no page of a kept program has that origin. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "route/api.h"
#include "route/health.h"
#include "route/problem.h"

#include "gate/console.h"

struct console {
    char *path; /* "/_reeve/" */
    size_t path_size;
    char **allow;
    size_t allow_count;
    bool open;               /* no credential is needed on its own listener */
    bool auth;               /* people can sign in */
    bool own[ENTRANCE_MOST]; /* listeners, by their index in the snapshot */
};

/* --- building ------------------------------------------------------------------------------------------- */

static bool read_rules(struct console *console, const json_t *rules)
{
    console->allow = MEMORY_ARRAY(char *, json_array_size(rules) + 1);
    for (size_t i = 0; i < json_array_size(rules); i++) {
        const char *rule = json_string_value(json_array_get(rules, i));
        if (!rule)
            return false;
        console->allow[console->allow_count++] = memory_text(rule);
    }
    return json_is_array(rules);
}

struct console *console_new(const json_t *snapshot, struct error *error)
{
    struct console *console = MEMORY_NEW(struct console);
    const json_t *object = json_object_get(snapshot, "console"),
                 *listeners = json_object_get(snapshot, "listeners");
    const char *path = json_string_value(json_object_get(object, "path"));
    const json_t *open = json_object_get(object, "open"), *auth = json_object_get(object, "auth");
    console->path = memory_text(path);
    console->path_size = path ? strlen(path) : 0;
    console->open = json_is_true(open);
    console->auth = json_is_true(auth);
    for (size_t i = 0; i < json_array_size(listeners) && i < ENTRANCE_MOST; i++)
        console->own[i] = json_is_true(json_object_get(json_array_get(listeners, i), "console"));
    if (path && path[0] == '/' && json_is_boolean(open) && json_is_boolean(auth) &&
        read_rules(console, json_object_get(object, "allow")))
        return console;
    error_set(error, "\"console\" in the snapshot is not complete");
    console_free(&console);
    return NULL;
}

void console_free(struct console **owned)
{
    struct console *console = *owned;
    if (!console)
        return;
    for (size_t i = 0; i < console->allow_count; i++)
        free(console->allow[i]);
    free(console->allow);
    free(console->path);
    free(console);
    *owned = NULL;
}

/* --- answering ------------------------------------------------------------------------------------------ */

bool console_is_own(const struct console *console, const struct exchange_request *request)
{
    return request->listener < ENTRANCE_MOST && console->own[request->listener];
}

enum console_part console_find(const struct console *console, const struct exchange_request *request)
{
    struct slice below;
    bool reserved;
    if (api_is(slice_of(console->path, console->path_size), request->path, &below))
        return CONSOLE_API;
    if (!console_is_own(console, request) || health_find(request->path, &reserved) != HEALTH_NONE)
        return CONSOLE_NOTHING;
    return slice_equal(request->path, SLICE("/")) || slice_equal(request->path, slice_of_text(console->path))
               ? CONSOLE_PAGE
               : CONSOLE_MISSING;
}

bool console_is_open(const struct console *console)
{
    return console->open;
}

/* Without sign-in it is open on this machine only; elsewhere it takes a token. */
static bool is_closed(const struct console *console, const struct exchange_request *request,
                      const struct principal *principal)
{
    return console_is_own(console, request) && !console->auth && !console->open &&
           principal->kind != PRINCIPAL_TOKEN;
}

void console_ask(const struct console *console, const struct exchange_request *request,
                 const struct principal *principal, enum console_part part, struct door_question *question)
{
    static const char *const anyone[] = {"anyone"};
    bool own = console_is_own(console, request);
    if (part == CONSOLE_MISSING || is_closed(console, request, principal))
        return; /* for everybody: both are refused with words of their own */
    question->door = own ? ADMIT_CONSOLE : ADMIT_API;
    question->allow = own && console->open ? anyone : (const char *const *)console->allow;
    question->allow_count = own && console->open ? 1 : console->allow_count;
}

static void answer_page(const struct console *console, struct exchange *exchange)
{
    struct slice body = arena_format(
        exchange_arena(exchange),
        "<!doctype html><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">"
        "<link rel=\"icon\" href=\"data:,\"><title>reeve</title><h1>reeve</h1><p>The API is below <a "
        "href=\"%sapi/v1/openapi.json\">"
        "%sapi/v1/</a>: <a href=\"%sapi/v1/targets\">targets</a>, <a href=\"%sapi/v1/routes\">routes</a>, "
        "<a href=\"%sapi/v1/journal?last=100\">journal</a>.</p>\n",
        console->path, console->path, console->path, console->path, console->path);
    const struct exchange_field fields[] = {
        {SLICE("Content-Type"), SLICE("text/html; charset=utf-8"), true},
        {SLICE("Cache-Control"), SLICE("no-store"), true},
        {SLICE("Content-Security-Policy"), SLICE("default-src 'none'; img-src data:; frame-ancestors 'none'"),
         true},
    };
    exchange_reply(exchange, 200, fields, sizeof fields / sizeof *fields, body);
}

/* "services/NAME/terminal", "instances/TEMPLATE/ID/terminal": the target; data NULL for other paths. */
static struct slice terminal_of(struct slice below)
{
    static const struct slice starts[] = {{"services/", 9}, {"instances/", 10}};
    struct slice end = SLICE("/terminal"), nothing = {0};
    for (size_t i = 0; i < sizeof starts / sizeof *starts; i++) {
        if (!slice_starts_with(below, starts[i]) || !slice_ends_with(below, end) ||
            below.size <= starts[i].size + end.size)
            continue;
        struct slice target = slice_between(below, starts[i].size, below.size - end.size);
        bool instance = slice_find(target, '/') < target.size;
        return instance == (i == 1) ? target : nothing;
    }
    return nothing;
}

/* ?view=1 watches only. */
static void answer_terminal(struct terminals *terminals, struct exchange *exchange, struct slice target)
{
    struct slice query = exchange_request(exchange)->query;
    const struct terminals_visit visit = {
        .target = arena_copy(exchange_arena(exchange), target),
        .may_type = !slice_equal(query, SLICE("view=1")),
        .api = true,
    };
    terminals_answer_socket(terminals, exchange, &visit);
}

static void answer_api(const struct console *console, const struct api_means *means,
                       struct terminals *terminals, struct exchange *exchange)
{
    struct slice below = {0};
    api_is(slice_of(console->path, console->path_size), exchange_request(exchange)->path, &below);
    if (is_closed(console, exchange_request(exchange), exchange_principal(exchange)))
        problem_reply_status(exchange, 403,
                             "Without `auth` this API is open on a loopback or unix `console.listen` only; "
                             "elsewhere it takes a token.");
    else if (exchange_request(exchange)->head->method == HTTP1_GET && terminal_of(below).data)
        answer_terminal(terminals, exchange, terminal_of(below));
    else
        api_answer(means, exchange, console->path, below);
}

void console_answer(const struct console *console, const struct api_means *means, struct terminals *terminals,
                    struct exchange *exchange)
{
    switch (console_find(console, exchange_request(exchange))) {
    case CONSOLE_API:
        answer_api(console, means, terminals, exchange);
        break;
    case CONSOLE_PAGE:
        answer_page(console, exchange);
        break;
    case CONSOLE_MISSING:
    case CONSOLE_NOTHING:
        problem_reply_status(exchange, 404, "This listener has the console only.");
        break;
    }
}
