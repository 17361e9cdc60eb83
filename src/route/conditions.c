/* If-None-Match outranks If-Modified-Since, and a Range counts only when nothing else has answered yet. */
#include "route/conditions.h"

#include <string.h>

#include "base/check.h"

char *conditions_date(time_t seconds, char *text)
{
    struct tm parts;
    CHECK(gmtime_r(&seconds, &parts));
    size_t size = strftime(text, CONDITIONS_DATE_SIZE, "%a, %d %b %Y %H:%M:%S GMT", &parts);
    CHECK(size == CONDITIONS_DATE_SIZE - 1);
    return text;
}

bool conditions_date_read(struct slice text, time_t *seconds)
{
    static const char *const forms[] = {"%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT",
                                        "%a %b %e %H:%M:%S %Y"};
    char copy[64];
    if (text.size == 0 || text.size >= sizeof copy)
        return false;
    memcpy(copy, text.data, text.size);
    copy[text.size] = '\0';
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        struct tm parts = {0};
        const char *end = strptime(copy, forms[i], &parts);
        if (end && *end == '\0') {
            *seconds = timegm(&parts);
            return true;
        }
    }
    return false;
}

/* Weak comparison (RFC 9110 §8.8.3.2): W/ makes no difference. */
static bool etag_listed(struct slice list, struct slice etag)
{
    struct slice element;
    while (fields_list_next(&list, &element)) {
        if (slice_starts_with(element, SLICE("W/")))
            element = slice_from(element, 2);
        if (slice_equal(element, etag) || slice_equal(element, SLICE("*")))
            return true;
    }
    return false;
}

static bool client_has_it(const struct http1_head *head, const struct conditions_file *file)
{
    struct slice list;
    size_t place = 0;
    time_t since;
    if (fields_has(&head->fields, FIELD_IF_NONE_MATCH)) {
        while (fields_each(&head->fields, FIELD_IF_NONE_MATCH, &place, &list))
            if (etag_listed(list, file->etag))
                return true;
        return false;
    }
    struct slice date = fields_get(&head->fields, FIELD_IF_MODIFIED_SINCE);
    if (!date.data)
        return false;
    return slice_equal(date, file->modified) ||
           (conditions_date_read(date, &since) && file->modified_s <= since);
}

/* If-Range asks for strong comparison and an exact date (RFC 9110 §13.1.5). */
static bool range_applies(const struct http1_head *head, const struct conditions_file *file)
{
    struct slice validator = fields_get(&head->fields, FIELD_IF_RANGE);
    return !validator.data || slice_equal(validator, file->etag) || slice_equal(validator, file->modified);
}

/* "bytes=2-5" | "bytes=2-" | "bytes=-5"; false for anything else. */
static bool range_read(struct slice value, int64_t size, struct conditions_part *part)
{
    struct slice unit = SLICE("bytes=");
    uint64_t first = 0, last = UINT64_MAX;
    if (!slice_equal_ignore_case(slice_between(value, 0, unit.size), unit))
        return false;
    struct slice range = slice_trim(slice_from(value, unit.size));
    size_t dash = slice_find(range, '-');
    if (dash == range.size)
        return false;
    struct slice from = slice_between(range, 0, dash), to = slice_from(range, dash + 1);
    if ((from.size && !slice_to_u64(from, &first)) || (to.size && !slice_to_u64(to, &last)) ||
        (!from.size && !to.size) || (from.size && last < first))
        return false;
    uint64_t whole = (uint64_t)size;
    if (!from.size) /* the last so many bytes */
        *part = (struct conditions_part){(int64_t)(last < whole ? whole - last : 0),
                                         (int64_t)(last < whole ? last : whole)};
    else if (first >= whole)
        *part = (struct conditions_part){0};
    else
        *part =
            (struct conditions_part){(int64_t)first, (int64_t)((last < whole ? last + 1 : whole) - first)};
    return true;
}

int conditions_check(const struct http1_head *head, const struct conditions_file *file,
                     struct conditions_part *part)
{
    *part = (struct conditions_part){0, file->size};
    if (client_has_it(head, file))
        return 304;
    struct slice range = fields_get(&head->fields, FIELD_RANGE);
    if (!range.data || head->method != HTTP1_GET || fields_count(&head->fields, FIELD_RANGE) > 1 ||
        !range_applies(head, file))
        return 200;
    struct conditions_part asked;
    if (!range_read(range, file->size, &asked))
        return 200;
    *part = asked;
    return asked.size == 0 ? 416 : 206;
}
