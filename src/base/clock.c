#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"

static int64_t clock_read_us(clockid_t id)
{
    struct timespec now;
    clock_gettime(id, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static int64_t clock_monotonic_us(const struct clock *clock)
{
    (void)clock;
    return clock_read_us(CLOCK_MONOTONIC);
}

static int64_t clock_boottime_ms(const struct clock *clock)
{
    (void)clock;
    return clock_read_us(CLOCK_BOOTTIME) / 1000;
}

static int64_t clock_wall_ms(const struct clock *clock)
{
    (void)clock;
    return clock_read_us(CLOCK_REALTIME) / 1000;
}

const struct clock clock_system = {
    .monotonic_us = clock_monotonic_us,
    .boottime_ms = clock_boottime_ms,
    .wall_ms = clock_wall_ms,
};

char *clock_format(int64_t wall_ms, char *text)
{
    time_t seconds = wall_ms / 1000;
    struct tm parts;
    gmtime_r(&seconds, &parts);
    char date[CLOCK_TEXT_SIZE];
    strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &parts);
    snprintf(text, CLOCK_TEXT_SIZE, "%.19s.%03dZ", date, (int)(wall_ms % 1000));
    return text;
}

int64_t clock_read(const char *text)
{
    struct tm parts = {0};
    const char *rest = text ? strptime(text, "%Y-%m-%dT%H:%M:%S", &parts) : NULL;
    if (!rest || strspn(rest, ".") != 1 || strspn(rest + 1, "0123456789") != 3 || strcmp(rest + 4, "Z") != 0)
        return -1;
    return (int64_t)timegm(&parts) * 1000 + strtol(rest + 1, NULL, 10);
}
