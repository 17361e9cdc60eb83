#include "wire/uri.h"

#include "http/connection.h"
#include "http/request.h"

/* The host in lower case, mostly as it was sent. False: no memory. */
static bool describe_host(struct exchange *exchange, const struct uri_host *host)
{
    char *memory = host->folded ? NULL : arena_new(&exchange->arena, host->name.size);
    if (!host->folded && !memory)
        return false;
    exchange->request.host = host->folded ? host->name : uri_fold_host(host->name, memory);
    exchange->request.host_is_address = host->kind != URI_NAME;
    return true;
}

bool request_describe(struct exchange *exchange)
{
    const struct framing *framing = &exchange->framing;
    struct exchange_request *request = &exchange->request;
    request->head = &exchange->head;
    request->authority = framing->authority;
    request->content_length = framing->length;
    request->upgrade = framing->upgrade;
    if (framing->authority.size && !describe_host(exchange, &framing->host))
        return false;
    if (framing->form == FRAMING_ASTERISK) {
        request->path = request->raw_path = framing->path;
        return true;
    }
    struct uri uri;
    if (!uri_parse(framing->path, NULL, &uri)) { /* bad, or one of the few that need memory */
        size_t needed = uri_memory(framing->path);
        char *memory = needed ? arena_new(&exchange->arena, needed) : NULL;
        if (!memory || !uri_parse(framing->path, memory, &uri))
            return false;
    }
    request->path = uri.path;
    request->raw_path = uri.raw_path;
    request->query = uri.query;
    return true;
}
