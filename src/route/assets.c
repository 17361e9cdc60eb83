/* Small, never changing, and kept in both forms: a look-up and one write. */
#include "wire/etag.h"

#include "route/assets.h"
#include "route/problem.h"

const struct asset *assets_find(struct slice path)
{
    if (!slice_starts_with(path, SLICE("/_reeve/")))
        return NULL;
    for (size_t i = 0; i < assets_count; i++)
        if (slice_equal(path, slice_of_text(assets_table[i].path)))
            return &assets_table[i];
    return NULL;
}

const char *assets_path(const char *name)
{
    for (size_t i = 0; i < assets_count; i++)
        if (strcmp(assets_table[i].name, name) == 0)
            return assets_table[i].path;
    return NULL;
}

/* "q=0", "q=0.000": not at all. */
static bool is_refused(struct slice parameters)
{
    struct slice parameter;
    while (slice_next(&parameters, ';', &parameter)) {
        parameter = slice_trim(parameter);
        if (!slice_starts_with(parameter, SLICE("q=")) && !slice_starts_with(parameter, SLICE("Q=")))
            continue;
        for (size_t i = 2; i < parameter.size; i++)
            if (parameter.data[i] != '0' && parameter.data[i] != '.')
                return false;
        return true;
    }
    return false;
}

bool assets_takes_gzip(struct slice accept_encoding)
{
    struct slice coding;
    bool takes = false;
    while (fields_list_next(&accept_encoding, &coding)) {
        size_t name = slice_find(coding, ';');
        bool refused = is_refused(slice_from(coding, name < coding.size ? name + 1 : name));
        struct slice token = slice_trim(slice_between(coding, 0, name));
        if (slice_equal_ignore_case(token, SLICE("gzip")))
            return !refused;
        if (slice_equal(token, SLICE("*")))
            takes = !refused;
    }
    return takes;
}

static void reply(struct exchange *exchange, const struct asset *asset, bool packed)
{
    const struct fields *asked = &exchange_request(exchange)->head->fields;
    struct slice tag = slice_of_text(packed ? asset->packed_tag : asset->tag);
    bool has_it = etag_matches_weakly(fields_get(asked, FIELD_IF_NONE_MATCH), tag);
    const struct exchange_field fields[] = {
        {SLICE("ETag"), tag, .checked = true},
        {SLICE("Vary"), SLICE("Accept-Encoding"), .checked = true},
        {SLICE("Cache-Control"),
         asset->immutable ? SLICE("public, max-age=31536000, immutable") : SLICE("no-cache"),
         .checked = true},
        {SLICE("Content-Type"), slice_of_text(asset->type), .checked = true},
        {SLICE("X-Content-Type-Options"), SLICE("nosniff"), .checked = true},
        {SLICE("Content-Encoding"), SLICE("gzip"), .checked = true},
    };
    enum { OF_304 = 3, OF_PLAIN = 5, OF_PACKED = 6 };
    if (has_it)
        exchange_reply(exchange, 304, fields, OF_304, (struct slice){0});
    else if (packed)
        exchange_reply(exchange, 200, fields, OF_PACKED, asset->packed);
    else
        exchange_reply(exchange, 200, fields, OF_PLAIN, asset->plain);
}

void assets_answer(struct exchange *exchange, const struct asset *asset)
{
    const struct http1_head *head = exchange_request(exchange)->head;
    if (head->method != HTTP1_GET && head->method != HTTP1_HEAD)
        problem_reply(exchange, &(struct problem){.status = 405,
                                                  .type = "method-not-allowed",
                                                  .title = "Method not allowed",
                                                  .allow = "GET, HEAD"});
    else
        reply(exchange, asset, assets_takes_gzip(fields_get(&head->fields, FIELD_ACCEPT_ENCODING)));
}
