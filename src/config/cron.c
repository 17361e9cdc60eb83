/* A field becomes a set of bits; the next time is found by going from minute to minute, and from hour to hour
 * where nothing of the hour can match. */
#include <stdlib.h>
#include <strings.h>

#include "config/cron.h"

enum { CRON_FIELDS = 5, CRON_YEARS = 8 };
enum { CRON_MINUTE, CRON_HOUR, CRON_DAY, CRON_MONTH, CRON_WEEKDAY };

struct cron_field {
    const char *name;
    unsigned least, most;
    const char *words; /* of three letters each, from `least` on; NULL: only numbers */
};

static const struct cron_field cron_fields[CRON_FIELDS] = {
    {"minute", 0, 59, NULL},
    {"hour", 0, 23, NULL},
    {"day of the month", 1, 31, NULL},
    {"month", 1, 12, "janfebmaraprmayjunjulaugsepoctnovdec"},
    {"day of the week", 0, 7, "sunmontuewedthufrisat"},
};

static bool cron_wrong(struct slice text, const struct cron_field *field, struct error *error)
{
    return error_set(error,
                     "\"" SLICE_FORMAT
                     "\" is not a %s (%u-%u); fields are *, 5, 1-5, */15 or 1,15, separated by blanks",
                     SLICE_ARGUMENTS(text), field->name, field->least, field->most);
}

static bool cron_value(struct slice text, const struct cron_field *field, unsigned *value)
{
    uint64_t number = 0;
    if (slice_to_u64(text, &number)) {
        *value = (unsigned)(number <= field->most ? number : field->most + 1);
        return number >= field->least && number <= field->most;
    }
    for (unsigned i = 0; field->words && text.size == 3 && field->words[(size_t)3 * i]; i++)
        if (strncasecmp(field->words + (size_t)3 * i, text.data, 3) == 0) {
            *value = field->least + i;
            return true;
        }
    return false;
}

/* One of the parts between commas. */
static bool cron_part(struct slice text, const struct cron_field *field, uint64_t *bits)
{
    size_t slash = slice_find(text, '/');
    struct slice range = slice_between(text, 0, slash);
    size_t hyphen = slice_find(range, '-');
    unsigned first = field->least, last = field->most;
    uint64_t step = 1;
    bool all = slice_equal(range, SLICE("*"));
    if (slash < text.size && (!slice_to_u64(slice_from(text, slash + 1), &step) || step == 0 || step > 60))
        return false;
    if (!all && !cron_value(slice_between(range, 0, hyphen), field, &first))
        return false;
    if (!all && hyphen < range.size && !cron_value(slice_from(range, hyphen + 1), field, &last))
        return false;
    if (!all && hyphen == range.size && slash == text.size)
        last = first;
    for (unsigned value = first; value <= last; value += (unsigned)step)
        *bits |= UINT64_C(1) << value;
    return first <= last;
}

static bool cron_field(struct slice text, const struct cron_field *field, uint64_t *bits, struct error *error)
{
    struct slice rest = text, part;
    while (slice_next(&rest, ',', &part))
        if (!cron_part(part, field, bits))
            return cron_wrong(part, field, error);
    return *bits != 0 || cron_wrong(text, field, error);
}

static bool cron_word(struct slice *rest, struct slice *word)
{
    *rest = slice_trim(*rest);
    size_t size = 0;
    while (size < rest->size && rest->data[size] != ' ' && rest->data[size] != '\t')
        size++;
    *word = slice_between(*rest, 0, size);
    *rest = slice_trim(slice_from(*rest, size));
    return size > 0;
}

bool cron_parse(struct slice text, struct cron *cron, struct error *error)
{
    uint64_t bits[CRON_FIELDS] = {0};
    bool star[CRON_FIELDS] = {false};
    struct slice rest = text, word;
    for (size_t i = 0; i < CRON_FIELDS; i++) {
        if (!cron_word(&rest, &word))
            return error_set(error, "expected five fields (minute hour day month weekday), found %zu", i);
        star[i] = word.data[0] == '*';
        if (!cron_field(word, &cron_fields[i], &bits[i], error))
            return false;
    }
    if (rest.size)
        return error_set(error, "expected five fields (minute hour day month weekday), found more");
    *cron = (struct cron){
        .minutes = bits[CRON_MINUTE],
        .hours = (uint32_t)bits[CRON_HOUR],
        .days = (uint32_t)bits[CRON_DAY],
        .months = (uint16_t)bits[CRON_MONTH],
        .weekdays = (uint8_t)((bits[CRON_WEEKDAY] | bits[CRON_WEEKDAY] >> 7) & 0x7f),
        .any_day = star[CRON_DAY],
        .any_weekday = star[CRON_WEEKDAY],
    };
    return true;
}

static bool cron_has(uint64_t bits, int value)
{
    return (bits >> value & 1) != 0;
}

static bool cron_day(const struct cron *cron, const struct tm *parts)
{
    bool day = cron_has(cron->days, parts->tm_mday), weekday = cron_has(cron->weekdays, parts->tm_wday);
    /* A star with a step restricts too, but does not make the other field sufficient (crontab(5)). */
    bool fits = cron->any_day || cron->any_weekday ? day && weekday : day || weekday;
    return fits && cron_has(cron->months, parts->tm_mon + 1);
}

int64_t cron_next(const struct cron *cron, int64_t wall_ms, cron_zone_fn *zone)
{
    time_t seconds = (time_t)(wall_ms / 60000 * 60 + 60);
    const time_t end = seconds + (time_t)CRON_YEARS * 366 * 86400;
    struct tm parts;
    while (seconds < end && zone(&seconds, &parts)) {
        if (!cron_day(cron, &parts) || !cron_has(cron->hours, parts.tm_hour))
            seconds += (time_t)(60 - parts.tm_min) * 60;
        else if (!cron_has(cron->minutes, parts.tm_min))
            seconds += 60;
        else
            return (int64_t)seconds * 1000;
    }
    return -1;
}
