/* HTTP dates (RFC 9110 §5.6.7): written as IMF-fixdate, read in all three forms. Seconds since 1970-01-01
 * UTC. */
#pragma once

#include "base/slice.h"

enum { DATE_SIZE = 29 };

/* "Sun, 06 Nov 1994 08:49:37 GMT" into out[DATE_SIZE], without a NUL. Years 1970 to 9999; others are clipped.
 */
void date_format(int64_t seconds, char *out);

/* Reads "Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT" and "Sun Nov  6 08:49:37 1994". The
 * name of the day is not compared with the date. A two-digit year more than 50 years after `now` is in the
 * past. False on anything else. */
bool date_parse(struct slice text, int64_t now, int64_t *seconds);
