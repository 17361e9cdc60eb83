/* Time is passed in, so that tests move it (design §2, "Time"): CLOCK_MONOTONIC for the network,
 * CLOCK_BOOTTIME for idle, lifetime, backoff and records, wall clock only for display and cookies. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct clock {
    int64_t (*monotonic_us)(const struct clock *clock);
    int64_t (*boottime_ms)(const struct clock *clock);
    int64_t (*wall_ms)(const struct clock *clock); /* since 1970-01-01 UTC */
};

/* The kernel's clocks. */
extern const struct clock clock_system;

enum { CLOCK_TEXT_SIZE = 32 };

/* RFC 3339 in UTC with milliseconds, "2026-11-23T04:10:00.123Z", into text[CLOCK_TEXT_SIZE]; returns text. */
char *clock_format(int64_t wall_ms, char *text);
/* The time that clock_format() wrote, to the millisecond; -1: `text` (may be NULL) is none. */
int64_t clock_read(const char *text);
