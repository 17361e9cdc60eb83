/* In the order of RFC 9110 §13.2.2: If-Match outranks If-Unmodified-Since, If-None-Match outranks
 * If-Modified-Since, and a Range counts only when nothing else has answered yet. */
#include "wire/date.h"
#include "wire/etag.h"

#include "route/conditions.h"

/* Somebody who goes on with a file, and must not go on with another one. */
static bool client_means_another(const struct http1_head *head, const struct conditions_file *file,
                                 const struct clock *clock)
{
    struct slice list;
    size_t place = 0;
    int64_t since;
    if (fields_has(&head->fields, FIELD_IF_MATCH)) {
        while (fields_each(&head->fields, FIELD_IF_MATCH, &place, &list))
            if (etag_matches_strongly(list, file->etag))
                return false;
        return true;
    }
    struct slice date = fields_get(&head->fields, FIELD_IF_UNMODIFIED_SINCE);
    return date.data && date_parse(date, clock->wall_ms(clock) / 1000, &since) && file->modified > since;
}

static bool client_has_it(const struct http1_head *head, const struct conditions_file *file,
                          const struct clock *clock)
{
    struct slice list;
    size_t place = 0;
    int64_t since;
    if (fields_has(&head->fields, FIELD_IF_NONE_MATCH)) {
        while (fields_each(&head->fields, FIELD_IF_NONE_MATCH, &place, &list))
            if (etag_matches_weakly(list, file->etag))
                return true;
        return false;
    }
    struct slice date = fields_get(&head->fields, FIELD_IF_MODIFIED_SINCE);
    return date.data && date_parse(date, clock->wall_ms(clock) / 1000, &since) && file->modified <= since;
}

int conditions_check(const struct http1_head *head, const struct conditions_file *file,
                     const struct clock *clock, struct range *part)
{
    struct range ranges[RANGE_MOST];
    size_t count = 0;
    *part = (struct range){0, file->size};
    if (client_means_another(head, file, clock))
        return 412;
    if (client_has_it(head, file, clock))
        return 304;
    struct slice value = fields_get(&head->fields, FIELD_RANGE);
    if (!value.data || head->method != HTTP1_GET ||
        !range_is_current(fields_get(&head->fields, FIELD_IF_RANGE), file->etag, file->modified))
        return 200;
    enum range_result result = range_parse(value, file->size, ranges, &count);
    if (result == RANGE_UNSATISFIABLE)
        return 416;
    if (result == RANGE_WHOLE || count != 1)
        return 200;
    *part = ranges[0];
    return 206;
}
