/* A request to the API: a line with the path, one with the query, one with If-Match, then the body. */
#include <stdlib.h>

#include "base/check.h"
#include "route/api_arguments.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_method(enum http1_method method, struct slice path, struct api_request *request)
{
    struct api_found found;
    struct api_wrong wrong;
    api_table_find(method, path, &found);
    if (!found.row)
        return;
    request->found = &found;
    json_t *arguments = api_arguments(request, &wrong);
    if (!arguments) {
        CHECK(wrong.status == 400 || wrong.status == 404 || wrong.status == 412 || wrong.status == 422);
        CHECK(wrong.detail[0]);
        return;
    }
    char *text = json_dumps(arguments, JSON_COMPACT); /* it can be sent on */
    CHECK(text && json_is_object(arguments));
    free(text);
    json_decref(arguments);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice rest = slice_of(data, size), path = {0};
    struct api_request request = {0};
    if (!rest.data || !slice_next(&rest, '\n', &path))
        return 0;
    if (rest.data)
        slice_next(&rest, '\n', &request.query);
    if (rest.data)
        slice_next(&rest, '\n', &request.if_match);
    request.body = rest;
    try_method(HTTP1_GET, path, &request);
    try_method(HTTP1_POST, path, &request);
    try_method(HTTP1_DELETE, path, &request);
    api_arguments_fit_type(request.if_match);
    return 0;
}
