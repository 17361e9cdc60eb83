/* Requests to the API as tables: which row they find, and which arguments or which error they become. */
#include "../support.h"

#include "route/api_arguments.h"
#include "route/api_openapi.h"

static void test_paths(void **state)
{
    static const struct {
        enum http1_method method;
        const char *path, *operation, *allow;
    } cells[] = {
        {HTTP1_GET, "targets", "targets", "GET, HEAD"},
        {HTTP1_HEAD, "targets", "targets", "GET, HEAD"},
        {HTTP1_POST, "targets", NULL, "GET, HEAD"},
        {HTTP1_GET, "services/api", "target", "GET, HEAD"},
        {HTTP1_POST, "services/api/start", "start", "POST"},
        {HTTP1_GET, "services/api/start", NULL, "POST"},
        {HTTP1_POST, "services/api/signal", "signal", "POST"},
        {HTTP1_POST, "instances/shell", "create", "POST"},
        {HTTP1_GET, "instances/shell/a1", "target", "GET, HEAD, DELETE"},
        {HTTP1_DELETE, "instances/shell/a1", "remove", "GET, HEAD, DELETE"},
        {HTTP1_POST, "instances/shell/a1/restart", "restart", "POST"},
        {HTTP1_PUT, "tokens", NULL, "GET, HEAD, POST"},
        {HTTP1_OTHER_METHOD, "tokens", NULL, "GET, HEAD, POST"},
        {HTTP1_DELETE, "sessions/s1", "session-revoke", "DELETE"},
        {HTTP1_GET, "", NULL, ""},
        {HTTP1_GET, "targets/", NULL, ""},
        {HTTP1_GET, "services/", NULL, ""},
        {HTTP1_GET, "services//start", NULL, ""},
        {HTTP1_GET, "Targets", NULL, ""},
        {HTTP1_POST, "services/a/b/start", NULL, ""},
    };
    struct api_found found;
    (void)state;
    for (size_t i = 0; i < sizeof cells / sizeof *cells; i++) {
        api_table_find(cells[i].method, slice_of_text(cells[i].path), &found);
        const char *operation = found.row ? found.row->operation : NULL;
        if ((operation && cells[i].operation ? strcmp(operation, cells[i].operation) != 0
                                             : operation != cells[i].operation) ||
            strcmp(found.allow, cells[i].allow) != 0)
            fail_msg("%s: %s, allow \"%s\"", cells[i].path, operation ? operation : "none", found.allow);
    }
}

struct cell {
    enum http1_method method;
    const char *path, *query, *if_match, *body;
    const char *result; /* the arguments; or "status pointer detail" */
};

static char *result_of(const struct cell *cell)
{
    struct api_found found;
    struct api_wrong wrong;
    static char text[1024];
    api_table_find(cell->method, slice_of_text(cell->path), &found);
    assert_non_null(found.row);
    const struct api_request request = {.found = &found,
                                        .query = slice_of_text(cell->query),
                                        .if_match = slice_of_text(cell->if_match),
                                        .body = slice_of_text(cell->body)};
    json_t *arguments = api_arguments(&request, &wrong);
    if (!arguments) {
        snprintf(text, sizeof text, "%d %s %s", wrong.status, wrong.pointer, wrong.detail);
        return text;
    }
    char *dump = json_dumps(arguments, JSON_COMPACT | JSON_SORT_KEYS);
    snprintf(text, sizeof text, "%s", dump);
    free(dump);
    json_decref(arguments);
    return text;
}

#define DEEP "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["

static void test_arguments(void **state)
{
    static const struct cell cells[] = {
        {HTTP1_GET, "targets", NULL, NULL, NULL, "{}"},
        {HTTP1_GET, "services/api", NULL, NULL, NULL, "{\"name\":\"api\"}"},
        {HTTP1_GET, "instances/shell/a.1_-", NULL, NULL, NULL, "{\"name\":\"shell/a.1_-\"}"},
        {HTTP1_DELETE, "sessions/s1", NULL, NULL, NULL, "{\"id\":\"s1\"}"},
        {HTTP1_GET, "services/..%", NULL, NULL, NULL, "404  Nothing can have this name."},
        {HTTP1_GET, "services/-x", NULL, NULL, NULL, "404  Nothing can have this name."},
        {HTTP1_DELETE, "tokens/a b", NULL, NULL, NULL, "404  Nothing can have this name."},
        /* query */
        {HTTP1_GET, "journal", "target=shell%2Fa1&last=5", NULL, NULL,
         "{\"last\":5,\"target\":\"shell/a1\"}"},
        {HTTP1_GET, "journal", "&&last=1&", NULL, NULL, "{\"last\":1}"},
        {HTTP1_GET, "journal", "last=0", NULL, NULL, "400  last is to be a whole number from 1."},
        {HTTP1_GET, "journal", "last=99999999999999999999", NULL, NULL,
         "400  last is to be a whole number from 1."},
        {HTTP1_GET, "journal", "last=1&last=2", NULL, NULL, "400  last is in the query twice."},
        {HTTP1_GET, "journal", "target=", NULL, NULL, "400  target is to be a text."},
        {HTTP1_GET, "journal", "target=%zz", NULL, NULL, "400  target is to be a text."},
        {HTTP1_GET, "journal", "target=%ff", NULL, NULL, "400  target is to be a text."},
        {HTTP1_GET, "journal", "lst=1", NULL, NULL, "400  The query has an unknown name, \"lst\"."},
        {HTTP1_GET, "targets", "x", NULL, NULL, "400  The query has an unknown name, \"x\"."},
        /* verbs */
        {HTTP1_POST, "services/api/start", NULL, NULL, NULL, "{\"targets\":[\"api\"],\"wait_ms\":0}"},
        {HTTP1_POST, "services/api/stop", "wait=2s", "\"4\"", "{}",
         "{\"generation\":4,\"targets\":[\"api\"],\"wait_ms\":2000}"},
        {HTTP1_POST, "instances/s/1/restart", "wait=7d", "*", NULL,
         "{\"targets\":[\"s/1\"],\"wait_ms\":55000}"},
        {HTTP1_POST, "services/api/stop", "wait=2", NULL, NULL,
         "400  wait is to be a duration, such as \"30s\"."},
        {HTTP1_POST, "services/api/stop", NULL, "4", NULL,
         "412  If-Match is to hold one generation, such as \"4\"."},
        {HTTP1_POST, "services/api/stop", NULL, "W/\"4\"", NULL,
         "412  If-Match is to hold one generation, such as \"4\"."},
        {HTTP1_POST, "services/api/stop", NULL, NULL, "{\"x\": 1}", "422 /x There is no such member."},
        {HTTP1_POST, "services/api/signal", NULL, NULL, "{\"signal\": \"HUP\"}",
         "{\"signal\":\"HUP\",\"targets\":[\"api\"],\"wait_ms\":0}"},
        {HTTP1_POST, "services/api/signal", NULL, NULL, "{\"signal\": 1}",
         "{\"signal\":1,\"targets\":[\"api\"],\"wait_ms\":0}"},
        {HTTP1_POST, "services/api/signal", NULL, NULL, "{\"signal\": -1}",
         "422 /signal signal is to be the name or number of a signal."},
        {HTTP1_POST, "services/api/signal", NULL, NULL, NULL,
         "422 /signal signal is missing: the name or number of a signal."},
        /* bodies */
        {HTTP1_POST, "instances/shell", NULL, NULL, "{\"id\": \"a1\", \"parameters\": {\"p\": \"x\"}}",
         "{\"id\":\"a1\",\"parameters\":{\"p\":\"x\"},\"template\":\"shell\"}"},
        {HTTP1_POST, "instances/shell", NULL, NULL, NULL, "{\"template\":\"shell\"}"},
        {HTTP1_POST, "instances/shell", NULL, NULL, "{\"template\": \"other\"}",
         "422 /template There is no such member."},
        {HTTP1_POST, "instances/shell", NULL, NULL, "{\"parameters\": {\"p\": 1}}",
         "422 /parameters parameters is to be an object of texts."},
        {HTTP1_POST, "instances/shell", NULL, NULL, "{\"id\": \"\"}", "422 /id id is to be a text."},
        {HTTP1_POST, "instances/shell", NULL, NULL, "{\"a~/b\": 1}", "422 /a~0~1b There is no such member."},
        {HTTP1_POST, "instances/shell", NULL, NULL, "[]", "422  The body is to be an object."},
        {HTTP1_POST, "instances/shell", NULL, NULL, "5", "422  The body is to be an object."},
        {HTTP1_POST, "instances/shell", NULL, NULL, DEEP,
         "400  The body is no JSON that is read here: nested more than 32 deep."},
        {HTTP1_POST, "instances/shell", NULL, NULL, "{\"id\": \"a\", \"id\": \"b\"}",
         "400  The body is no JSON that is read here: duplicate object key near '\"id\"'."},
        {HTTP1_POST, "tokens", NULL, NULL, "{\"name\": \"ci\", \"expires\": \"90d\"}",
         "{\"expires_ms\":7776000000,\"name\":\"ci\"}"},
        {HTTP1_POST, "tokens", NULL, NULL, "{\"expires\": \"90d\"}", "422 /name name is missing: a text."},
        {HTTP1_POST, "tokens", NULL, NULL, "{\"name\": \"ci\", \"expires\": 5}",
         "422 /expires expires is to be a duration, such as \"30s\"."},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cells / sizeof *cells; i++)
        if (strcmp(result_of(&cells[i]), cells[i].result) != 0)
            fail_msg("%s: %s\n  instead of %s", cells[i].path, result_of(&cells[i]), cells[i].result);
}

static void test_types_of_bodies(void **state)
{
    (void)state;
    assert_true(api_arguments_fit_type(SLICE("application/json")));
    assert_true(api_arguments_fit_type(SLICE(" Application/JSON ; charset=utf-8")));
    assert_false(api_arguments_fit_type(SLICE("text/plain")));
    assert_false(api_arguments_fit_type(SLICE("application/json-seq")));
    assert_false(api_arguments_fit_type(SLICE("")));
}

static void test_the_document_has_every_row(void **state)
{
    const struct api_row *row;
    (void)state;
    json_t *document = api_openapi("/x/api/v1");
    char *page = api_openapi_page();
    assert_non_null(document);
    const json_t *paths = json_object_get(document, "paths");
    for (size_t i = 0; (row = api_table_row(i)); i++) {
        char path[128];
        snprintf(path, sizeof path, "/%s", row->path);
        assert_true(json_object_size(json_object_get(paths, path)) > 0);
        assert_non_null(strstr(page, row->path));
    }
    free(page);
    json_decref(document);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_paths),
        cmocka_unit_test(test_arguments),
        cmocka_unit_test(test_types_of_bodies),
        cmocka_unit_test(test_the_document_has_every_row),
    };
    return run_group(tests);
}
