#include <string.h>

#include "base/buffer.h"

#include "route/api_openapi.h"
#include "route/api_table.h"

enum { PAGE_LIMIT = 1 << 20 };

/* --- openapi.json ----------------------------------------------------------------------------------------
 */

static json_t *schema_of(enum api_kind kind)
{
    switch (kind) {
    case API_COUNT:
        return json_pack("{s:s, s:i}", "type", "integer", "minimum", 1);
    case API_DURATION:
        return json_pack("{s:s, s:s}", "type", "string", "pattern", "^[0-9]+(ms|s|m|h|d)$");
    case API_SIGNAL:
        return json_pack("{s:[s, s]}", "type", "string", "integer");
    case API_TEXTS:
        return json_pack("{s:s, s:{s:s}}", "type", "object", "additionalProperties", "type", "string");
    case API_TEXT:
        break;
    }
    return json_pack("{s:s}", "type", "string");
}

static void add_captures(const char *path, json_t *parameters)
{
    for (const char *at = strchr(path, '{'); at; at = strchr(at + 1, '{'))
        json_array_append_new(parameters, json_pack("{s:o, s:s, s:b, s:o}", "name",
                                                    json_stringn(at + 1, strcspn(at + 1, "}")), "in", "path",
                                                    "required", true, "schema", schema_of(API_TEXT)));
}

static json_t *parameters_of(const struct api_row *row)
{
    json_t *parameters = json_array();
    add_captures(row->path, parameters);
    for (const struct api_parameter *at = row->query; at->name; at++)
        json_array_append_new(parameters, json_pack("{s:s, s:s, s:s, s:o}", "name", at->name, "in", "query",
                                                    "description", at->about, "schema", schema_of(at->kind)));
    if (row->form == API_VERB)
        json_array_append_new(parameters, json_pack("{s:s, s:s, s:s, s:o}", "name", "If-Match", "in",
                                                    "header", "description",
                                                    "only this generation, such as \"4\"; another one is 412",
                                                    "schema", schema_of(API_TEXT)));
    return parameters;
}

static json_t *body_of(const struct api_row *row)
{
    json_t *members = json_object(), *required = json_array();
    for (const struct api_parameter *at = row->body; at->name; at++) {
        json_t *member = schema_of(at->kind);
        json_object_set_new(member, "description", json_string(at->about));
        json_object_set_new(members, at->name, member);
        if (at->required)
            json_array_append_new(required, json_string(at->name));
    }
    bool needed = json_array_size(required) > 0;
    json_t *schema =
        json_pack("{s:s, s:o, s:b}", "type", "object", "properties", members, "additionalProperties", false);
    if (needed)
        json_object_set(schema, "required", required);
    json_decref(required);
    return json_pack("{s:b, s:{s:{s:o}}}", "required", needed, "content", "application/json", "schema",
                     schema);
}

static json_t *operation_of(const struct api_row *row)
{
    json_t *operation =
        json_pack("{s:s, s:o, s:{s:{s:s}, s:{s:s, s:{s:{s:{s:s}}}}}}", "summary", row->about, "parameters",
                  parameters_of(row), "responses", "200", "description", "done", "default", "description",
                  "a problem (RFC 9457)", "content", "application/problem+json", "schema", "type", "object");
    if (row->body && row->body->name)
        json_object_set_new(operation, "requestBody", body_of(row));
    return operation;
}

json_t *api_openapi(const char *base)
{
    json_t *paths = json_object();
    const struct api_row *row;
    for (size_t i = 0; (row = api_table_row(i)); i++) {
        json_t *path = json_sprintf("/%s", row->path);
        const char *name = json_string_value(path);
        if (!json_object_get(paths, name))
            json_object_set_new(paths, name, json_object());
        const char *method = row->method == HTTP1_GET ? "get" : row->method == HTTP1_POST ? "post" : "delete";
        json_object_set_new(json_object_get(paths, name), method, operation_of(row));
        json_decref(path);
    }
    return json_pack("{s:s, s:{s:s, s:s}, s:[{s:s}], s:o, s:{s:{s:{s:s, s:s}}}}", "openapi", "3.1.0", "info",
                     "title", "reeve", "version", "1", "servers", "url", base, "paths", paths, "components",
                     "securitySchemes", "token", "type", "http", "scheme", "bearer");
}

/* --- docs/api.md ------------------------------------------------------------------------------------------
 */

static const char page_head[] =
    "<!-- Written by tools/generated from the table in src/route/api_table.c. -->\n"
    "# The HTTP API\n\n"
    "Below `console.path` + `api/v1/`, so `/_reeve/api/v1/` unless configured otherwise.\n\n"
    "- On the console's own listener (`reeve status` names it): with a session's cookie or a token; without "
    "any credential while `auth` is `none` and the listener is on loopback or a unix socket.\n"
    "- On every other listener: with `Authorization: Bearer TOKEN` only (`reeve token create NAME`).\n"
    "- Who may use it is `console.allow`.\n"
    "- Answers are JSON; errors are `application/problem+json` with `type`, `title`, `status`, `detail`, and "
    "with 422 `errors: [{pointer, detail}]`.\n"
    "- A body is JSON and says so in Content-Type (else 415); unknown members are 422, unknown names in the "
    "query 400, unknown paths 404, other methods 405 with `Allow`.\n"
    "- `start`, `stop`, `restart` and `signal` take `If-Match: \"GENERATION\"`: with another generation "
    "nothing is "
    "done and the answer is 412. A target without a command of its own (`address:`) is 409.\n\n"
    "| request | query | body | |\n|---|---|---|---|\n";

/* Not from a table: objects are the keeper's (wire/target.c, keep/connections.c); tests/system/test_api.py
 * looks whether each member is here. */
static const char page_objects[] =
    "\n## A target\n\n"
    "The same object wherever a target is shown: in answers of the API (`GET targets` has them as "
    "`targets`), in "
    "`reeve status --json`, in the topic `targets` of a stream.\n\n"
    "| member | |\n|---|---|\n"
    "| `name` | `NAME` of a service, `TEMPLATE/ID` of an instance |\n"
    "| `kind` | `service` or `instance` |\n"
    "| `href` | its path in the API; in answers of the API only |\n"
    "| `wanted` | `up` or `down` |\n"
    "| `state` | `down`, `starting`, `ready`, `stopping`, `backoff`, `ended`, `failed` |\n"
    "| `since` | when it came into that state (RFC 3339) |\n"
    "| `ready` | whether requests are passed on to it |\n"
    "| `address` | where it listens, with `https://` before it where it speaks TLS; null: nowhere |\n"
    "| `tls` | how a peer over TLS is checked: `pin`, `ca`, `system`, or `none` (it is not); null: in the "
    "clear |\n"
    "| `url` | the path of a route that leads to it, or null |\n"
    "| `owner` | who has created it, or null |\n"
    "| `restarts` | how often it was started again by itself |\n"
    "| `next_attempt` | in `backoff`: when it is started again; else null |\n"
    "| `cause` | why its last run ended, or null: `kind` (`exit`, `signal`, `oom`, `exec`, `not-ready`, "
    "`liveness`, `stopped`, `idle`, `max-lifetime`, `dependency`, `lost`), `code` and `signal` (or null), "
    "`text` "
    "|\n"
    "| `run` | its last run, or null: `generation`, `pid` and `started` (null while there is no process), "
    "`ready_after_ms` (or null) |\n"
    "| `generation` | that of `run`; in answers of `start`, `stop`, `restart` and `signal` only |\n"
    "| `streams` | requests and streams that are open to it now |\n"
    "| `idle_since` | when users' traffic to it was last seen; null: it is in use, or never was |\n"
    "| `terminal` | of a run with a terminal: `columns`, `rows`, `viewers` (those of all gates and of `reeve "
    "attach`); else null |\n"
    "\n## A connection\n\n"
    "`GET connections` is `{\"connections\": [...], \"silent\": [...], \"more\": N}`: the open streams, the "
    "gates that did not answer in time (by their number), and how many are not listed (of one gate 5,000 "
    "are).\n\n"
    "| member | |\n|---|---|\n"
    "| `id` | `GATE.GENERATION.SERIAL`, for `DELETE` |\n"
    "| `kind` | `websocket`, `upgrade` (to another protocol), `events` or `terminal` |\n"
    "| `route` | where its route stands (`reeve.yaml:12:5`); null: it has gone, or it is one of the API |\n"
    "| `user` | who has signed in, or the token's name; null: nobody |\n"
    "| `address` | the client's, or whom a trusted proxy names; null: a unix socket's |\n"
    "| `since`, `age_ms` | when it began, and how long ago that is |\n"
    "| `target` | what it leads to; not there for a stream of several topics, or of a route without `target` "
    "|\n"
    "| `idle_ms` | how long no data of a user has passed; not for event streams |\n"
    "| `bytes_in`, `bytes_out` | from and to the client; of terminals what was typed and shown; not for "
    "event "
    "streams |\n"
    "| `messages_in`, `messages_out` | whole messages from and to the client, of WebSockets |\n";

static void append_parameters(struct buffer *page, const struct api_parameter *list)
{
    bool first = true;
    for (; list && list->name; list++, first = false)
        buffer_append_format(page, "%s`%s`%s: %s", first ? "" : "; ", list->name,
                             list->required ? " (required)" : "", list->about);
}

char *api_openapi_page(void)
{
    struct buffer page = BUFFER(PAGE_LIMIT);
    const struct api_row *row;
    buffer_append_text(&page, page_head);
    for (size_t i = 0; (row = api_table_row(i)); i++) {
        buffer_append_format(&page, "| `%s %s` | ", api_table_method(row->method), row->path);
        append_parameters(&page, row->query);
        buffer_append_text(&page, " | ");
        append_parameters(&page, row->body);
        buffer_append_format(&page, " | %s |\n", row->about);
    }
    buffer_append_text(&page, page_objects);
    char *text = slice_to_text(buffer_slice(&page));
    buffer_free(&page);
    return text;
}
