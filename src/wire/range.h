/* Parts of a representation: Range and If-Range (RFC 9110 §13.1.5, §14), for byte ranges. */
#pragma once

#include "base/slice.h"

struct range {
    uint64_t start;
    uint64_t size; /* > 0; start + size <= the whole size */
};

enum range_result {
    RANGE_WHOLE, /* no Range, another unit, malformed, too many or overlapping: send everything (200) */
    RANGE_PARTS, /* *count parts (206) */
    RANGE_UNSATISFIABLE, /* none of them exists (416 with a Content-Range of "bytes *" and the size) */
};

enum { RANGE_MOST = 16 };

/* Reads a Range value ("bytes=0-99,200-,-50") for a representation of `size` bytes into ranges[RANGE_MOST],
 * in the order asked for. Parts that do not exist are left out. More than RANGE_MOST of them, or two that
 * overlap, are not worth serving (RFC 9110 §14.2): RANGE_WHOLE. */
enum range_result range_parse(struct slice value, uint64_t size, struct range *ranges, size_t *count);

/* Whether If-Range lets a Range apply: an entity tag that equals ours strongly, or a date that is exactly our
 * modification time. An absent value (data NULL) does; an etag of ours that is empty never matches. */
bool range_is_current(struct slice if_range, struct slice etag, int64_t modified);
