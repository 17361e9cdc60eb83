#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

struct text_unit {
    const char *name;
    int64_t factor;
};

static const struct text_unit duration_units[] = {
    {"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}, {NULL, 0},
};
static const struct text_unit size_units[] = {
    {"G", 1 << 30}, {"M", 1 << 20}, {"k", 1 << 10}, {"", 1}, {NULL, 0},
};

static bool text_to_number(struct slice text, const struct text_unit *units, int64_t *number)
{
    size_t digits = 0;
    while (digits < text.size && text.data[digits] >= '0' && text.data[digits] <= '9')
        digits++;
    uint64_t value = 0;
    if (!slice_to_u64(slice_between(text, 0, digits), &value) || value > INT64_MAX)
        return false;
    struct slice unit = slice_from(text, digits);
    for (; units->name; units++)
        if (slice_equal(unit, slice_of_text(units->name)))
            return !__builtin_mul_overflow((int64_t)value, units->factor, number);
    return false;
}

bool text_to_duration(struct slice text, int64_t *milliseconds)
{
    return text_to_number(text, duration_units, milliseconds);
}

bool text_to_size(struct slice text, int64_t *bytes)
{
    return text_to_number(text, size_units, bytes);
}

static char *text_of_number(int64_t number, const struct text_unit *units, char *text)
{
    while (units[1].name && (number == 0 || number % units->factor != 0))
        units++;
    snprintf(text, TEXT_NUMBER_SIZE, "%lld%s", (long long)(number / units->factor), units->name);
    return text;
}

char *text_of_duration(int64_t milliseconds, char *text)
{
    return text_of_number(milliseconds, duration_units, text);
}

char *text_of_size(int64_t bytes, char *text)
{
    return text_of_number(bytes, size_units, text);
}

enum { TEXT_DISTANCE_LONGEST = 64 };

static unsigned text_least(unsigned a, unsigned b, unsigned c)
{
    unsigned least = a < b ? a : b;
    return least < c ? least : c;
}

bool text_to_signal(struct slice text, int *signo)
{
    uint64_t number = 0;
    if (slice_to_u64(text, &number)) {
        *signo = number > 0 && number <= (uint64_t)SIGRTMAX ? (int)number : 0;
        return *signo != 0;
    }
    if (text.size > 3 && slice_equal_ignore_case(slice_between(text, 0, 3), SLICE("SIG")))
        text = slice_from(text, 3);
    for (*signo = 1; *signo < SIGRTMAX; ++*signo)
        if (text.size > 0 && slice_equal_ignore_case(slice_of_text(sigabbrev_np(*signo)), text))
            return true;
    *signo = 0;
    return false;
}

char *text_of_signal(int signo, char *text)
{
    const char *name = sigabbrev_np(signo);
    if (name)
        snprintf(text, TEXT_SIGNAL_SIZE, "SIG%s", name);
    else
        snprintf(text, TEXT_SIGNAL_SIZE, "signal %d", signo);
    return text;
}

/* Optimal string alignment distance, three rows at a time. */
unsigned text_distance(struct slice a, struct slice b)
{
    if (a.size > TEXT_DISTANCE_LONGEST || b.size > TEXT_DISTANCE_LONGEST)
        return TEXT_DISTANCE_LONGEST;
    unsigned rows[3][TEXT_DISTANCE_LONGEST + 1];
    for (size_t j = 0; j <= b.size; j++)
        rows[0][j] = (unsigned)j;
    for (size_t i = 1; i <= a.size; i++) {
        unsigned *row = rows[i % 3], *above = rows[(i - 1) % 3], *two_above = rows[(i + 1) % 3];
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= b.size; j++) {
            unsigned differs = a.data[i - 1] != b.data[j - 1];
            row[j] = text_least(above[j] + 1, row[j - 1] + 1, above[j - 1] + differs);
            bool swapped = i > 1 && j > 1 && a.data[i - 1] == b.data[j - 2] && a.data[i - 2] == b.data[j - 1];
            if (swapped && two_above[j - 2] + 1 < row[j])
                row[j] = two_above[j - 2] + 1;
        }
    }
    return rows[a.size % 3][b.size];
}
