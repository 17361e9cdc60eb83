/* The values of single fields: dates, ranges, entity tags, lists, Accept. */
#include "base/check.h"
#include "wire/date.h"
#include "wire/etag.h"
#include "wire/fields.h"
#include "wire/range.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice value = slice_of(data, size), rest = value, element;
    struct range ranges[RANGE_MOST];
    size_t count = 0;
    if (range_parse(value, 1000, ranges, &count) == RANGE_PARTS)
        for (size_t i = 0; i < count; i++)
            CHECK(ranges[i].size > 0 && ranges[i].start < 1000 && ranges[i].size <= 1000 - ranges[i].start);
    int64_t seconds = 0;
    if (date_parse(value, 1795406400, &seconds) && seconds >= 0) {
        char out[DATE_SIZE];
        int64_t again = 0;
        date_format(seconds, out);
        CHECK(date_parse(slice_of(out, DATE_SIZE), 0, &again) && again == seconds);
    }
    while (fields_list_next(&rest, &element))
        CHECK(element.size > 0);
    fields_accept_prefers_html(value);
    etag_matches_weakly(value, SLICE("\"a\""));
    range_is_current(value, SLICE("\"a\""), 0);
    return 0;
}
