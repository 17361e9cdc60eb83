/* Which part of a file a request gets: conditional requests and ranges (RFC 9110 §13, §14) as arithmetic. */
#pragma once

#include <time.h>

#include "wire/http1.h"

struct conditions_file {
    int64_t size;
    struct slice etag;     /* strong, with its quotes */
    struct slice modified; /* as conditions_date() writes it */
    time_t modified_s;
};

struct conditions_part {
    int64_t start;
    int64_t size;
};

/* 200: the whole file; 206: *part of it; 304: the client has it; 416: the range lies outside. Only one
 * range is served: several, other units and malformed ones get the whole file, as RFC 9110 §14.2 allows. */
int conditions_check(const struct http1_head *head, const struct conditions_file *file,
                     struct conditions_part *part);

enum { CONDITIONS_DATE_SIZE = 30 };

/* "Sun, 06 Nov 1994 08:49:37 GMT" into text[CONDITIONS_DATE_SIZE]; returns text. */
char *conditions_date(time_t seconds, char *text);
/* The three forms of RFC 9110 §5.6.7. False: no date. */
bool conditions_date_read(struct slice text, time_t *seconds);
