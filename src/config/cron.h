/* Times as crontab(5) writes them: "minute hour day-of-month month day-of-week". Pure: no clock and no zone
 * of its own.
 *
 * A field is `*`, a number, a range a-b, any of these with a step (`*` followed by /15), or several of them
 * with commas; months and weekdays have their English names of three letters too, Sunday is 0 or 7. When both
 * days are restricted, one of them is enough. Times are those of the clock on the wall: one that a change of
 * it leaves out does not come, one that it repeats comes twice. */
#pragma once

#include <stdint.h>
#include <time.h>

#include "base/error.h"
#include "base/slice.h"

struct cron {
    uint64_t minutes; /* bit 0: minute 0, and so on */
    uint32_t hours;
    uint32_t days;   /* bit 1: the first of a month */
    uint16_t months; /* bit 1: January */
    uint8_t weekdays;
    bool any_day;
    bool any_weekday;
};

/* False with the text: which field is wrong, and what is allowed there. */
bool cron_parse(struct slice text, struct cron *cron, struct error *error);

/* The parts of a time in seconds since 1970: gmtime_r(3), localtime_r(3) or a test's. NULL: out of range. */
typedef struct tm *cron_zone_fn(const time_t *seconds, struct tm *parts);

/* The first such time after `wall_ms`, in milliseconds since 1970; -1: none in the next eight years. */
int64_t cron_next(const struct cron *cron, int64_t wall_ms, cron_zone_fn *zone);
