/* Ranges are hints: whatever is odd about one means that the whole is sent. */
#include "wire/range.h"
#include "wire/date.h"
#include "wire/etag.h"
#include "wire/fields.h"

enum range_one { RANGE_ONE_BAD, RANGE_ONE_ABSENT, RANGE_ONE_FINE };

/* A number that no file reaches is one all the same. */
static bool range_number(struct slice digits, uint64_t *number)
{
    if (slice_to_u64(digits, number))
        return true;
    *number = UINT64_MAX;
    for (size_t i = 0; i < digits.size; i++)
        if (digits.data[i] < '0' || digits.data[i] > '9')
            return false;
    return digits.size > 0;
}

/* "-50": the last bytes. */
static enum range_one range_suffix(struct slice digits, uint64_t size, struct range *range)
{
    uint64_t length = 0;
    if (!range_number(digits, &length))
        return RANGE_ONE_BAD;
    if (length == 0 || size == 0)
        return RANGE_ONE_ABSENT;
    range->size = length < size ? length : size;
    range->start = size - range->size;
    return RANGE_ONE_FINE;
}

/* "0-99", "200-", "-50" */
static enum range_one range_one(struct slice text, uint64_t size, struct range *range)
{
    size_t dash = slice_find(text, '-');
    if (dash == text.size)
        return RANGE_ONE_BAD;
    struct slice last = slice_from(text, dash + 1);
    if (dash == 0)
        return range_suffix(last, size, range);
    uint64_t start = 0, end = UINT64_MAX;
    if (!range_number(slice_between(text, 0, dash), &start) || (last.size > 0 && !range_number(last, &end)) ||
        end < start)
        return RANGE_ONE_BAD;
    if (start >= size)
        return RANGE_ONE_ABSENT;
    range->start = start;
    range->size = (end < size - 1 ? end + 1 : size) - start;
    return RANGE_ONE_FINE;
}

static bool range_overlaps(const struct range *ranges, size_t count, const struct range *range)
{
    for (size_t i = 0; i < count; i++)
        if (range->start < ranges[i].start + ranges[i].size && ranges[i].start < range->start + range->size)
            return true;
    return false;
}

enum range_result range_parse(struct slice value, uint64_t size, struct range *ranges, size_t *count)
{
    *count = 0;
    size_t equals = slice_find(value, '=');
    if (!value.data || !slice_equal_ignore_case(slice_between(value, 0, equals), SLICE("bytes")))
        return RANGE_WHOLE;
    struct slice rest = slice_from(value, equals + 1), text;
    size_t asked = 0;
    for (; fields_list_next(&rest, &text); asked++) {
        struct range range = {0};
        enum range_one one = range_one(text, size, &range);
        if (one == RANGE_ONE_ABSENT && asked < RANGE_MOST)
            continue;
        if (one != RANGE_ONE_FINE || asked == RANGE_MOST || range_overlaps(ranges, *count, &range)) {
            *count = 0;
            return RANGE_WHOLE;
        }
        ranges[(*count)++] = range;
    }
    if (*count > 0)
        return RANGE_PARTS;
    return asked > 0 ? RANGE_UNSATISFIABLE : RANGE_WHOLE;
}

bool range_is_current(struct slice if_range, struct slice etag, int64_t modified)
{
    if (!if_range.data)
        return true;
    if (slice_find(if_range, '"') < if_range.size)
        return etag_is_strong(if_range) && slice_equal(if_range, etag);
    int64_t date = 0;
    return date_parse(if_range, modified, &date) && date == modified;
}
