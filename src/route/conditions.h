/* Which part of a file a request gets: conditional requests and ranges (RFC 9110 §13, §14) as arithmetic. */
#pragma once

#include "base/clock.h"
#include "wire/http1.h"
#include "wire/range.h"

struct conditions_file {
    uint64_t size;
    struct slice etag; /* strong, with its quotes */
    int64_t modified;  /* seconds since 1970 */
};

/* 200: the whole file; 206: *part of it; 304: the client has it; 412: it wants another one; 416: the range
 * lies outside. Several ranges get the whole file, as RFC 9110 §14.2 allows. `clock`: for dates of two
 * digits. */
int conditions_check(const struct http1_head *head, const struct conditions_file *file,
                     const struct clock *clock, struct range *part);
