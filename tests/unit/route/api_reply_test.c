/* Answers of operations as the API gives them on. */
#include "../support.h"

#include "route/api_reply.h"

static const struct api_row *find(enum http1_method method, const char *path)
{
    static struct api_found found;
    api_table_find(method, slice_of_text(path), &found);
    assert_non_null(found.row);
    return found.row;
}

static void make(const struct api_row *row, int status, const char *body, struct api_reply *reply)
{
    json_t *parsed = body ? json_loads(body, 0, NULL) : NULL;
    api_reply_make(row, "/_reeve/api/v1/", status, parsed, reply);
    json_decref(parsed);
}

static const char *text(const struct api_reply *reply, const char *member)
{
    return json_string_value(json_object_get(reply->body, member));
}

#define API "{\"name\": \"api\", \"wanted\": \"up\", \"state\": \"starting\", \"run\": {\"generation\": 4}}"
#define A1  "{\"name\": \"shell/a1\", \"wanted\": \"up\", \"state\": \"ready\", \"run\": null}"

static void test_targets_know_where_they_are(void **state)
{
    struct api_reply reply;
    (void)state;
    make(find(HTTP1_GET, "targets"), 200, "{\"targets\": [" API ", " A1 "]}", &reply);
    const json_t *rows = json_object_get(reply.body, "targets");
    assert_string_equal(json_string_value(json_object_get(json_array_get(rows, 0), "href")),
                        "/_reeve/api/v1/services/api");
    assert_string_equal(json_string_value(json_object_get(json_array_get(rows, 1), "href")),
                        "/_reeve/api/v1/instances/shell/a1");
    assert_string_equal(reply.tag, "");
    json_decref(reply.body);
    make(find(HTTP1_GET, "services/api"), 200, API, &reply);
    assert_string_equal(reply.tag, "\"4\"");
    assert_string_equal(text(&reply, "href"), "/_reeve/api/v1/services/api");
    json_decref(reply.body);
}

static void test_verbs_tell_of_one_target(void **state)
{
    struct api_reply reply;
    (void)state;
    make(find(HTTP1_POST, "services/api/start"), 202, "{\"targets\": [" API "]}", &reply);
    assert_int_equal(reply.status, 202);
    assert_int_equal(json_integer_value(json_object_get(reply.body, "generation")), 4);
    assert_string_equal(text(&reply, "state"), "starting");
    json_decref(reply.body);
    make(find(HTTP1_POST, "services/api/start"), 503,
         "{\"text\": \"api is backoff\", \"targets\": [" API "]}", &reply);
    assert_int_equal(reply.status, 202); /* not reached, and how it stands */
    assert_string_equal(text(&reply, "name"), "api");
    json_decref(reply.body);
}

static void test_what_was_made_has_a_place(void **state)
{
    struct api_reply reply;
    (void)state;
    make(find(HTTP1_POST, "instances/shell"), 201, A1, &reply);
    assert_string_equal(reply.location, "/_reeve/api/v1/instances/shell/a1");
    json_decref(reply.body);
    make(find(HTTP1_POST, "instances/shell"), 200, A1, &reply);
    assert_string_equal(reply.location, "");
    json_decref(reply.body);
}

static void test_errors_are_problems(void **state)
{
    struct api_reply reply;
    (void)state;
    make(find(HTTP1_POST, "instances/shell"), 422,
         "{\"text\": \"no\", \"errors\": [{\"pointer\": \"/p\", \"detail\": \"d\"}]}", &reply);
    assert_int_equal(reply.status, 422);
    assert_string_equal(text(&reply, "type"), "urn:reeve:problem:bad-values");
    assert_string_equal(text(&reply, "detail"), "no");
    assert_int_equal(json_array_size(json_object_get(reply.body, "errors")), 1);
    json_decref(reply.body);
    make(find(HTTP1_GET, "targets"), 503, NULL, &reply);
    assert_int_equal(reply.status, 503);
    assert_string_equal(text(&reply, "detail"), "The keeper of this reeve does not answer.");
    json_decref(reply.body);
    make(find(HTTP1_GET, "targets"), 418, "{}", &reply);
    assert_string_equal(text(&reply, "type"), "urn:reeve:problem:internal");
    json_decref(reply.body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_targets_know_where_they_are),
        cmocka_unit_test(test_verbs_tell_of_one_target),
        cmocka_unit_test(test_what_was_made_has_a_place),
        cmocka_unit_test(test_errors_are_problems),
    };
    return run_group(tests);
}
