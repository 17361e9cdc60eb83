/* Adds what only this end knows: where each target is found under this API. */
#include <stdio.h>
#include <string.h>

#include "route/api_reply.h"

struct problem_kind {
    int status;
    const char *type, *title;
};

static const struct problem_kind kinds[] = {
    {400, "bad-request", "Bad request"},
    {401, "no-credential", "Sign in first"},
    {403, "forbidden", "Forbidden"},
    {404, "not-found", "Not found"},
    {405, "method-not-allowed", "Method not allowed"},
    {409, "conflict", "This cannot be done now"},
    {412, "other-generation", "It is another one by now"},
    {413, "body-too-large", "Request body too large"},
    {415, "unsupported-media-type", "Unsupported media type"},
    {422, "bad-values", "Values that cannot be"},
    {429, "too-many", "Too many"},
    {503, "unavailable", "Not available now"},
};

json_t *api_reply_problem(int status, const char *detail, const json_t *errors)
{
    const struct problem_kind other = {status, "internal", "Internal error"}, *kind = &other;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (kinds[i].status == status)
            kind = &kinds[i];
    json_t *problem = json_pack("{s:o, s:s, s:i}", "type", json_sprintf("urn:reeve:problem:%s", kind->type),
                                "title", kind->title, "status", status);
    if (detail)
        json_object_set_new(problem, "detail", json_string(detail));
    if (json_is_array(errors))
        json_object_set(problem, "errors", (json_t *)(uintptr_t)errors);
    return problem;
}

/* "/_reeve/api/v1/services/api", or ".../instances/shell/a1". False: it has no name. */
static bool write_href(const json_t *target, const char *base, char *href, size_t size)
{
    const char *name = json_string_value(json_object_get(target, "name"));
    if (name)
        snprintf(href, size, "%s%s/%s", base, strchr(name, '/') ? "instances" : "services", name);
    return name != NULL;
}

void api_reply_add_href(json_t *target, const char *base)
{
    char href[sizeof((struct api_reply *)0)->location];
    if (write_href(target, base, href, sizeof href))
        json_object_set_new(target, "href", json_string(href));
}

static json_int_t generation_of(const json_t *target)
{
    return json_integer_value(json_object_get(json_object_get(target, "run"), "generation"));
}

static void make_target(const struct api_row *row, const char *base, struct api_reply *reply)
{
    json_int_t generation = generation_of(reply->body);
    api_reply_add_href(reply->body, base);
    snprintf(reply->tag, sizeof reply->tag, "\"%lld\"", (long long)generation);
    if (row->form == API_VERB)
        json_object_set_new(reply->body, "generation", json_integer(generation));
    if (reply->status == 201)
        write_href(reply->body, base, reply->location, sizeof reply->location);
}

static void make_problem(int status, const json_t *body, struct api_reply *reply)
{
    const char *text = json_string_value(json_object_get(body, "text"));
    reply->status = status;
    reply->body = api_reply_problem(status, body ? text : "The keeper of this reeve does not answer.",
                                    json_object_get(body, "errors"));
}

void api_reply_make(const struct api_row *row, const char *base, int status, const json_t *body,
                    struct api_reply *reply)
{
    json_t *targets = json_object_get(body, "targets");
    *reply = (struct api_reply){.status = status};
    /* A verb whose effect has not come about is answered with how it stands (contract §2), not as a failure.
     */
    if (status == 503 && row->form == API_VERB && json_array_size(targets) == 1)
        reply->status = 202;
    else if (status >= 400 || !body) {
        make_problem(body ? status : 503, body, reply);
        return;
    }
    if (row->form == API_VERB && json_array_size(targets) == 1)
        reply->body = json_deep_copy(json_array_get(targets, 0));
    else
        reply->body = json_deep_copy(body);
    if (json_object_get(reply->body, "name") && json_object_get(reply->body, "wanted"))
        make_target(row, base, reply);
    targets = json_object_get(reply->body, "targets");
    for (size_t i = 0; i < json_array_size(targets); i++)
        api_reply_add_href(json_array_get(targets, i), base);
}
