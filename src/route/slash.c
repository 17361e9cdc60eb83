/* "//evil.example" and "/\evil.example" are other sites to a browser: leading slashes are made one, and
 * nothing with a backslash is redirected. */
#include "route/slash.h"

bool slash_redirect(struct exchange *exchange)
{
    const struct exchange_request *request = exchange_request(exchange);
    struct slice path = request->raw_path;
    while (path.size > 1 && path.data[0] == '/' && path.data[1] == '/')
        path = slice_from(path, 1);
    if (path.size == 0 || path.data[0] != '/' || slice_find(path, '\\') < path.size)
        return false;
    struct slice location =
        arena_format(exchange_arena(exchange), SLICE_FORMAT "/%s" SLICE_FORMAT, SLICE_ARGUMENTS(path),
                     request->query.data ? "?" : "", SLICE_ARGUMENTS(request->query));
    if (!location.data)
        return false;
    struct exchange_field field = {SLICE("Location"), location};
    exchange_reply(exchange, 308, &field, 1, (struct slice){0});
    return true;
}
