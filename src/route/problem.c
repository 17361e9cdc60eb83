/* One set of facts, two forms. The page reloads itself when there is a time to come back at. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/check.h"

#include "route/navigation.h"
#include "route/page.h"
#include "route/problem.h"

enum { PAGE_LIMIT = 16384, MOST_FIELDS = 9, NUMBER_SIZE = 24 };

static void append_fact(struct buffer *page, const char *name, const char *value)
{
    if (!value || !*value)
        return;
    buffer_append_format(page, "<dt>%s</dt><dd>", name);
    page_append(page, slice_of_text(value));
    buffer_append_text(page, "</dd>");
}

static void write_page(struct buffer *page, const struct problem *problem)
{
    char time[CLOCK_TEXT_SIZE];
    page_begin(page, &(struct page){.title = problem->title, .reload_in_s = problem->retry_after_s});
    buffer_append_text(page, "<p>");
    page_append(page, slice_of_text(problem->detail ? problem->detail : ""));
    buffer_append_format(page, "</p><dl><dt>status</dt><dd>%d</dd>", problem->status);
    append_fact(page, "target", problem->target);
    append_fact(page, "cause", problem->cause ? problem->cause->text : NULL);
    append_fact(page, "next attempt", problem->retry_at_ms ? clock_format(problem->retry_at_ms, time) : NULL);
    buffer_append_text(page, "</dl>\n");
    page_end(page);
}

static json_t *text_or_null(const char *text)
{
    json_t *value = text ? json_string(text) : NULL;
    return value ? value : json_null();
}

static json_t *cause_object(const struct target_cause *cause)
{
    bool coded = cause->kind == TARGET_CAUSE_EXIT || cause->kind == TARGET_CAUSE_EXEC;
    json_t *object = json_object();
    json_object_set_new(object, "kind", json_string(target_cause_name(cause->kind)));
    json_object_set_new(object, "code", coded ? json_integer(cause->code) : json_null());
    json_object_set_new(object, "signal", cause->signal ? json_integer(cause->signal) : json_null());
    json_object_set_new(object, "text", text_or_null(cause->text));
    return object;
}

static void write_json(struct buffer *body, const struct problem *problem)
{
    json_t *object = json_object();
    char type[128], time[CLOCK_TEXT_SIZE];
    snprintf(type, sizeof type, "urn:reeve:problem:%s", problem->type);
    json_object_set_new(object, "type", json_string(type));
    json_object_set_new(object, "title", json_string(problem->title));
    json_object_set_new(object, "status", json_integer(problem->status));
    if (problem->detail)
        json_object_set_new(object, "detail", text_or_null(problem->detail));
    if (problem->target)
        json_object_set_new(object, "target", text_or_null(problem->target));
    if (problem->cause && problem->cause->kind != TARGET_CAUSE_NONE)
        json_object_set_new(object, "cause", cause_object(problem->cause));
    if (problem->target)
        json_object_set_new(object, "retry_at",
                            problem->retry_at_ms ? json_string(clock_format(problem->retry_at_ms, time))
                                                 : json_null());
    char *text = json_dumps(object, JSON_COMPACT);
    CHECK(text);
    buffer_append_text(body, text);
    buffer_append_text(body, "\n");
    free(text);
    json_decref(object);
}

static struct exchange_field field(struct slice name, const char *value)
{
    return (struct exchange_field){name, slice_of_text(value)};
}

void problem_reply(struct exchange *exchange, const struct problem *problem)
{
    if (exchange_refused_otherwise(exchange, problem->status, problem->detail))
        return;
    const struct http1_head *head = exchange_request(exchange)->head;
    bool page = head && navigation_is(head);
    struct buffer body = BUFFER(PAGE_LIMIT);
    struct exchange_field fields[MOST_FIELDS];
    char seconds[NUMBER_SIZE];
    size_t count = 0;
    fields[count++] =
        field(SLICE("Content-Type"), page ? "text/html; charset=utf-8" : "application/problem+json");
    fields[count++] = field(SLICE("Cache-Control"), "no-store");
    fields[count++] = field(SLICE("X-Content-Type-Options"), "nosniff");
    if (page)
        fields[count++] = field(SLICE("Content-Security-Policy"), PAGE_POLICY);
    if (problem->retry_after_s > 0) {
        snprintf(seconds, sizeof seconds, "%" PRId64, problem->retry_after_s);
        fields[count++] = field(SLICE("Retry-After"), seconds);
    }
    if (problem->allow)
        fields[count++] = field(SLICE("Allow"), problem->allow);
    if (problem->upgrade) {
        fields[count++] = field(SLICE("Upgrade"), problem->upgrade);
        fields[count++] = field(SLICE("Connection"), "Upgrade");
    }
    if (problem->authenticate)
        fields[count++] = field(SLICE("WWW-Authenticate"), "Bearer");
    CHECK(count <= MOST_FIELDS);
    if (page)
        write_page(&body, problem);
    else
        write_json(&body, problem);
    exchange_reply(exchange, problem->status, fields, count, buffer_slice(&body));
    buffer_free(&body);
}

struct known {
    int status;
    const char *type, *title;
};

static const struct known known_problems[] = {
    {400, "bad-request", "Bad request"},
    {401, "no-credential", "Sign in first"},
    {403, "forbidden", "Forbidden"},
    {404, "not-found", "Not found"},
    {405, "method-not-allowed", "Method not allowed"},
    {413, "body-too-large", "Request body too large"},
    {415, "unsupported-media-type", "Unsupported media type"},
    {421, "foreign-host", "Unknown host name"},
    {502, "bad-upstream", "Bad answer from the program behind"},
    {503, "unavailable", "Not available now"},
    {504, "silent-upstream", "No answer from the program behind"},
};

void problem_reply_status(struct exchange *exchange, int status, const char *detail)
{
    struct problem problem = {
        .status = status, .type = "internal", .title = "Internal error", .detail = detail};
    for (size_t i = 0; i < sizeof known_problems / sizeof *known_problems; i++) {
        if (known_problems[i].status == status) {
            problem.type = known_problems[i].type;
            problem.title = known_problems[i].title;
        }
    }
    if (status == 503)
        problem.retry_after_s = 1;
    problem.authenticate = status == 401;
    problem_reply(exchange, &problem);
}
