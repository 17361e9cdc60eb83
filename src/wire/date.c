/* Dates by arithmetic: no locale, no time zone, no libc. */
#include <string.h>

#include "wire/date.h"

static const char days[7][4] = {"Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"};
static const char *const long_days[7] = {"Thursday", "Friday",  "Saturday", "Sunday",
                                         "Monday",   "Tuesday", "Wednesday"};
static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                   "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

static const int64_t date_latest = 253402300799; /* 9999-12-31 23:59:59 */

struct date {
    int year;
    int month; /* 1..12 */
    int day;
    int hour;
    int minute;
    int second;
};

/* Days since 1970-01-01 of a proleptic Gregorian date; years begin in March, so that the leap day is the
 * last. */
static int64_t date_to_days(int year, int month, int day)
{
    int64_t shifted = year - (month <= 2);
    int64_t era = shifted / 400, year_of_era = shifted - era * 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719468;
}

static struct date date_of_days(int64_t count)
{
    int64_t shifted = count + 719468;
    int64_t era = shifted / 146097, day_of_era = shifted - era * 146097;
    int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t month = (5 * day_of_year + 2) / 153;
    struct date date = {
        .day = (int)(day_of_year - (153 * month + 2) / 5 + 1),
        .month = (int)(month < 10 ? month + 3 : month - 9),
    };
    date.year = (int)(year_of_era + era * 400 + (date.month <= 2));
    return date;
}

static char *date_digits(char *at, int number, int count)
{
    for (int i = count; i-- > 0; number /= 10)
        at[i] = (char)('0' + number % 10);
    return at + count;
}

void date_format(int64_t seconds, char *out)
{
    seconds = seconds < 0 ? 0 : seconds > date_latest ? date_latest : seconds;
    int64_t count = seconds / 86400;
    int rest = (int)(seconds % 86400);
    struct date date = date_of_days(count);
    memcpy(out, "Sun, 06 Nov 1994 08:49:37 GMT", DATE_SIZE);
    memcpy(out, days[count % 7], 3);
    date_digits(out + 5, date.day, 2);
    memcpy(out + 8, months[date.month - 1], 3);
    date_digits(out + 12, date.year, 4);
    date_digits(out + 17, rest / 3600, 2);
    date_digits(out + 20, rest / 60 % 60, 2);
    date_digits(out + 23, rest % 60, 2);
}

/* --- reading: each function takes its piece off the front, or leaves false ------------------------- */

static bool date_take(struct slice *text, const char *expected)
{
    struct slice prefix = slice_of_text(expected);
    if (!slice_starts_with(*text, prefix))
        return false;
    *text = slice_from(*text, prefix.size);
    return true;
}

static bool date_take_number(struct slice *text, size_t digits, int *number)
{
    uint64_t value = 0;
    if (text->size < digits || !slice_to_u64(slice_between(*text, 0, digits), &value))
        return false;
    *number = (int)value;
    *text = slice_from(*text, digits);
    return true;
}

static bool date_take_month(struct slice *text, int *month)
{
    for (*month = 1; *month <= 12; ++*month)
        if (date_take(text, months[*month - 1]))
            return true;
    return false;
}

static bool date_take_day_name(struct slice *text, bool whole)
{
    for (int i = 0; i < 7; i++)
        if (date_take(text, whole ? long_days[i] : days[i]))
            return true;
    return false;
}

static bool date_take_time(struct slice *text, struct date *date)
{
    return date_take_number(text, 2, &date->hour) && date_take(text, ":") &&
           date_take_number(text, 2, &date->minute) && date_take(text, ":") &&
           date_take_number(text, 2, &date->second);
}

/* "Sun, 06 Nov 1994 08:49:37 GMT" */
static bool date_read_fixdate(struct slice text, struct date *date)
{
    return date_take_day_name(&text, false) && date_take(&text, ", ") &&
           date_take_number(&text, 2, &date->day) && date_take(&text, " ") &&
           date_take_month(&text, &date->month) && date_take(&text, " ") &&
           date_take_number(&text, 4, &date->year) && date_take(&text, " ") && date_take_time(&text, date) &&
           slice_equal(text, SLICE(" GMT"));
}

/* "Sunday, 06-Nov-94 08:49:37 GMT" */
static bool date_read_rfc850(struct slice text, struct date *date)
{
    return date_take_day_name(&text, true) && date_take(&text, ", ") &&
           date_take_number(&text, 2, &date->day) && date_take(&text, "-") &&
           date_take_month(&text, &date->month) && date_take(&text, "-") &&
           date_take_number(&text, 2, &date->year) && date_take(&text, " ") && date_take_time(&text, date) &&
           slice_equal(text, SLICE(" GMT"));
}

/* "Sun Nov  6 08:49:37 1994" */
static bool date_read_asctime(struct slice text, struct date *date)
{
    return date_take_day_name(&text, false) && date_take(&text, " ") &&
           date_take_month(&text, &date->month) && date_take(&text, " ") &&
           date_take_number(&text, date_take(&text, " ") ? 1 : 2, &date->day) && date_take(&text, " ") &&
           date_take_time(&text, date) && date_take(&text, " ") && date_take_number(&text, 4, &date->year) &&
           text.size == 0;
}

static int date_month_size(int year, int month)
{
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month == 2 ? 28 + leap : 30 + ((month + month / 8) & 1);
}

static int64_t date_to_seconds(const struct date *date)
{
    return date_to_days(date->year, date->month, date->day) * 86400 + date->hour * 3600 + date->minute * 60 +
           date->second;
}

static int date_year_of_century(int year, int64_t now)
{
    int this_year = date_of_days(now / 86400).year;
    int full = this_year - this_year % 100 + year;
    return full > this_year + 50 ? full - 100 : full;
}

bool date_parse(struct slice text, int64_t now, int64_t *seconds)
{
    struct date date = {0};
    if (date_read_rfc850(text, &date))
        date.year = date_year_of_century(date.year, now);
    else if (!date_read_fixdate(text, &date) && !date_read_asctime(text, &date))
        return false;
    /* 60 is a leap second. */
    if (date.day < 1 || date.day > date_month_size(date.year, date.month) || date.hour > 23 ||
        date.minute > 59 || date.second > 60)
        return false;
    *seconds = date_to_seconds(&date);
    return true;
}
