/* Numbers are rounded as one would say them: what matters is whether it was a moment or a day. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"

#include "keep/cause.h"

enum { CAUSE_SECOND = 1000, CAUSE_MINUTE = 60000, CAUSE_HOUR = 3600000, CAUSE_DAY = 86400000 };

char *cause_time(int64_t milliseconds, char *text)
{
    if (milliseconds < 10 * CAUSE_SECOND)
        snprintf(text, CAUSE_TIME_SIZE, "%.1f s", (double)milliseconds / CAUSE_SECOND);
    else if (milliseconds < 2 * CAUSE_MINUTE)
        snprintf(text, CAUSE_TIME_SIZE, "%lld s", (long long)milliseconds / CAUSE_SECOND);
    else if (milliseconds < 2 * CAUSE_HOUR)
        snprintf(text, CAUSE_TIME_SIZE, "%lld m", (long long)milliseconds / CAUSE_MINUTE);
    else if (milliseconds < 2LL * CAUSE_DAY)
        snprintf(text, CAUSE_TIME_SIZE, "%lld h", (long long)milliseconds / CAUSE_HOUR);
    else
        snprintf(text, CAUSE_TIME_SIZE, "%lld d", (long long)milliseconds / CAUSE_DAY);
    return text;
}

void cause_set(struct target_cause *cause, enum target_cause_kind kind, const char *format, ...)
{
    *cause = (struct target_cause){.kind = kind};
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(cause->text, sizeof cause->text, format, arguments);
    va_end(arguments);
    utf8_clean(cause->text);
}

void cause_add_place(struct target_cause *cause, const struct config_item *item, const char *key)
{
    char text[sizeof cause->text];
    struct config_place place = config_place_of(item, key);
    size_t length = strlen(cause->text);
    snprintf(cause->text + length, sizeof cause->text - length, " (from %s)",
             config_place_text(&place, text, sizeof text));
    utf8_clean(cause->text);
}

void cause_of_end(struct target_cause *cause, const struct hold_end *end)
{
    char after[CAUSE_TIME_SIZE];
    cause_time(end->after_ms, after);
    if (end->failed) {
        cause_set(cause, TARGET_CAUSE_EXEC, "%s", end->text);
        cause->code = (int)end->error;
    } else if (end->signal) {
        const char *name = sigabbrev_np((int)end->signal);
        if (name)
            cause_set(cause, TARGET_CAUSE_SIGNAL, "killed by SIG%s after %s%s", name, after,
                      end->core ? ", core dumped" : "");
        else
            cause_set(cause, TARGET_CAUSE_SIGNAL, "killed by signal %d after %s", (int)end->signal, after);
        cause->signal = (int)end->signal;
    } else {
        cause_set(cause, TARGET_CAUSE_EXIT, "exited with %d after %s", (int)end->code, after);
        cause->code = (int)end->code;
    }
}

bool cause_is_success(const struct target_cause *cause)
{
    return cause->kind == TARGET_CAUSE_EXIT && cause->code == 0;
}
