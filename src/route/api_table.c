#include <stdio.h>
#include <string.h>

#include "wire/uri.h"

#include "route/api_table.h"

static const struct api_parameter no_parameters[] = {{0}};

static const struct api_parameter verb_query[] = {
    {"wait", "wait_ms", API_DURATION, false,
     "how long to wait for the effect (at most 55s): 200 when it is there, else 202"},
    {0},
};

static const struct api_parameter terminal_query[] = {
    {"view", "view", API_COUNT, false, "1: it only watches"},
    {0},
};

static const struct api_parameter journal_query[] = {
    {"target", "target", API_TEXT, false, "only rows of this target"},
    {"last", "last", API_COUNT, false, "only so many, the newest (10000)"},
    {0},
};

#define FROM                                                                                                 \
    {                                                                                                        \
        "from", "from", API_TEXT, false,                                                                     \
            "start (default), end, or the id of an event: where to begin; Last-Event-ID wins"                \
    }

static const struct api_parameter from_query[] = {FROM, {0}};

static const struct api_parameter events_query[] = {
    {"type", "type", API_TEXT, false, "only events of these names, with commas between them"},
    FROM,
    {0},
};

static const struct api_parameter stream_query[] = {
    {"topics", "topics", API_TEXT, true,
     "up to 16 of targets, journal, history:NAME, log:NAME, events:NAME, with commas between them"},
    FROM,
    {0},
};

static const struct api_parameter signal_body[] = {
    {"signal", "signal", API_SIGNAL, true, "\"HUP\", \"SIGHUP\" or 1"},
    {0},
};

static const struct api_parameter create_body[] = {
    {"id", "id", API_TEXT, false, "one is made without it"},
    {"parameters", "parameters", API_TEXTS, false, "as the template's `parameters` demand"},
    {0},
};

static const struct api_parameter token_body[] = {
    {"name", "name", API_TEXT, true, "whom the token is"},
    {"expires", "expires_ms", API_DURATION, false, "how long it counts, such as \"90d\"; for ever without"},
    {0},
};

#define GET(path, form, operation, query, about)                                                             \
    {                                                                                                        \
        HTTP1_GET, path, form, operation, query, NULL, about                                                 \
    }
#define DELETE(path, operation, about)                                                                       \
    {                                                                                                        \
        HTTP1_DELETE, path, API_PLAIN, operation, no_parameters, NULL, about                                 \
    }
#define POST(path, form, operation, query, body, about)                                                      \
    {                                                                                                        \
        HTTP1_POST, path, form, operation, query, body, about                                                \
    }
#define STREAMS(path, what)                                                                                  \
    GET(path "/log", API_STREAM, "log", from_query, "event stream: the output of " what),                    \
        GET(path "/events", API_STREAM, "events", events_query,                                              \
            "event stream: the file that a route's `events` has for " what),                                 \
        GET(path "/history", API_STREAM, "history", from_query,                                              \
            "event stream: what reeve decided about " what)
#define VERBS(path, what)                                                                                    \
    POST(path "/start", API_VERB, "start", verb_query, no_parameters, "starts " what),                       \
        POST(path "/stop", API_VERB, "stop", verb_query, no_parameters,                                      \
             "stops " what "; it stays stopped over restarts of reeve"),                                     \
        POST(path "/restart", API_VERB, "restart", verb_query, no_parameters, "starts " what " anew"),       \
        POST(path "/signal", API_VERB, "signal", no_parameters, signal_body,                                 \
             "sends a signal to the main process of " what)

static const struct api_row rows[] = {
    GET("targets", API_PLAIN, "targets", no_parameters, "all targets"),
    GET("services/{service}", API_TARGET, "target", no_parameters, "one service"),
    VERBS("services/{service}", "a service"),
    STREAMS("services/{service}", "a service"),
    GET("services/{service}/terminal", API_TERMINAL, NULL, terminal_query,
        "WebSocket: the terminal of a service (docs/terminals.md)"),
    GET("templates", API_PLAIN, "templates", no_parameters, "what instances can be made of"),
    POST("instances/{template}", API_PLAIN, "create", no_parameters, create_body,
         "makes an instance: 201 with Location, 200 when the same is there already"),
    GET("instances/{template}/{id}", API_TARGET, "target", no_parameters, "one instance"),
    {HTTP1_DELETE, "instances/{template}/{id}", API_TARGET, "remove", no_parameters, NULL,
     "ends an instance and removes what it has stored"},
    VERBS("instances/{template}/{id}", "an instance"),
    STREAMS("instances/{template}/{id}", "an instance"),
    GET("instances/{template}/{id}/terminal", API_TERMINAL, NULL, terminal_query,
        "WebSocket: the terminal of an instance (docs/terminals.md)"),
    GET("stream", API_STREAM, NULL, stream_query, "event stream of several topics (docs/events.md)"),
    GET("loops", API_PLAIN, "loops", no_parameters, "background work: last result, age, failures"),
    GET("routes", API_PLAIN, "routes", no_parameters, "what leads where, and who may"),
    GET("journal", API_PLAIN, "journal", journal_query, "what reeve decided, with evidence; oldest first"),
    GET("connections", API_PLAIN, "connections", no_parameters,
        "open WebSockets, event streams and terminals of all gates"),
    DELETE("connections/{id}", "connection-close", "ends one of them"),
    GET("sessions", API_PLAIN, "sessions", no_parameters, "who is signed in"),
    DELETE("sessions/{id}", "session-revoke", "signs somebody out, and ends their streams"),
    GET("tokens", API_PLAIN, "tokens", no_parameters, "tokens, without their secrets"),
    POST("tokens", API_PLAIN, "token-create", no_parameters, token_body,
         "makes a token: 201, its secret is in this answer only"),
    DELETE("tokens/{name}", "token-revoke", "revokes a token, and ends its streams"),
    GET("users", API_PLAIN, "users", no_parameters, "users and their groups"),
    GET("version", API_PLAIN, "version", no_parameters, "of reeve"),
    GET("config", API_PLAIN, "config", no_parameters, "the effective configuration, secrets masked"),
    POST("reload", API_PLAIN, "reload", no_parameters, no_parameters, "reads the configuration again"),
    GET("openapi.json", API_OWN, NULL, no_parameters, "this list, for programs"),
};
enum { ROWS = sizeof rows / sizeof *rows };

static bool is_capture(struct slice segment)
{
    return segment.size > 2 && segment.data[0] == '{';
}

static bool matches(const char *pattern, struct slice path, struct api_found *found)
{
    struct slice left = slice_of_text(pattern), wanted, segment;
    found->count = 0;
    while (slice_next(&left, '/', &wanted)) {
        if (!path.data || !slice_next(&path, '/', &segment))
            return false;
        if (!is_capture(wanted)) {
            if (!slice_equal(wanted, segment))
                return false;
            continue;
        }
        if (segment.size == 0 || found->count == API_CAPTURES)
            return false;
        found->names[found->count] = slice_between(wanted, 1, wanted.size - 1);
        found->values[found->count++] = segment;
    }
    return !path.data;
}

void api_table_find(enum http1_method method, struct slice path, struct api_found *found)
{
    *found = (struct api_found){0};
    struct api_found other;
    enum http1_method wanted = method == HTTP1_HEAD ? HTTP1_GET : method;
    for (size_t i = 0; i < ROWS && path.data; i++) {
        if (!matches(rows[i].path, path, &other))
            continue;
        size_t used = strlen(found->allow);
        snprintf(found->allow + used, sizeof found->allow - used, "%s%s", used ? ", " : "",
                 rows[i].method == HTTP1_GET ? "GET, HEAD" : api_table_method(rows[i].method));
        if (rows[i].method != wanted)
            continue;
        found->row = &rows[i];
        memcpy(found->names, other.names, sizeof other.names);
        memcpy(found->values, other.values, sizeof other.values);
        found->count = other.count;
    }
}

const struct api_row *api_table_row(size_t index)
{
    return index < ROWS ? &rows[index] : NULL;
}

const char *api_table_method(enum http1_method method)
{
    return method == HTTP1_POST ? "POST" : method == HTTP1_DELETE ? "DELETE" : "GET";
}
