/* The same facts for everybody: who looks at a page of reeve's wants to know what ended and when it is back.
 */
#include <stdarg.h>
#include <stdio.h>

#include "base/check.h"
#include "base/utf8.h"

#include "route/problem.h"
#include "route/unavailable.h"

enum {
    RETRY_SOON_S = 1,
    RETRY_LATER_S = 30,
    RETRY_TERMINAL_S = 3,
    DETAIL_SIZE = 256,
};

int64_t unavailable_retry_after_s(const struct target_row *row, int64_t boottime_ms)
{
    if (row->state == TARGET_BACKOFF && row->next_attempt_ms > boottime_ms)
        return (row->next_attempt_ms - boottime_ms + 999) / 1000;
    bool returns = row->ready || row->state == TARGET_BACKOFF || row->state == TARGET_STARTING ||
                   row->state == TARGET_READY || row->state == TARGET_STOPPING;
    return returns ? RETRY_SOON_S : RETRY_LATER_S;
}

int64_t unavailable_terminal_retry_after_s(const struct target_row *row, int64_t boottime_ms)
{
    int64_t seconds = unavailable_retry_after_s(row, boottime_ms);
    bool over = row->state == TARGET_ENDED || row->state == TARGET_FAILED || row->state == TARGET_DOWN;
    return over && seconds > RETRY_TERMINAL_S ? RETRY_TERMINAL_S : seconds;
}

struct target_cause unavailable_cause(enum target_cause_kind kind, const char *format, ...)
{
    struct target_cause cause = {.kind = kind};
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(cause.text, sizeof cause.text, format, arguments);
    va_end(arguments);
    utf8_clean(cause.text); /* it may have been cut */
    return cause;
}

static const char *state_text(const struct target_row *row)
{
    switch (row->state) {
    case TARGET_DOWN:
        return "is stopped";
    case TARGET_STARTING:
        return "is starting and not ready yet";
    case TARGET_READY:
        return "does not take connections";
    case TARGET_STOPPING:
        return "is being stopped";
    case TARGET_BACKOFF:
        return "has failed and will be started again";
    case TARGET_ENDED:
        return "has ended; it starts again when somebody says so";
    case TARGET_FAILED:
        return "has failed; it starts again when somebody says so";
    }
    UNREACHABLE();
}

static int64_t boottime_ms_of(struct exchange *exchange)
{
    const struct clock *clock = loop_clock(exchange_loop(exchange));
    return clock->boottime_ms(clock);
}

static void reply(struct exchange *exchange, const struct target_row *row, const struct target_cause *cause,
                  int64_t retry_after_s)
{
    const struct clock *clock = loop_clock(exchange_loop(exchange));
    int64_t until_ms = row->next_attempt_ms - boottime_ms_of(exchange);
    bool attempt = row->state == TARGET_BACKOFF && row->next_attempt_ms > 0;
    char detail[DETAIL_SIZE];
    snprintf(detail, sizeof detail, "%s %s.", row->name, state_text(row));
    problem_reply(exchange, &(struct problem){
                                .status = 503,
                                .type = "target-unavailable",
                                .title = "The program behind this page is not available",
                                .detail = detail,
                                .target = row->name,
                                .cause = cause ? cause : &row->cause,
                                .retry_after_s = retry_after_s,
                                .retry_at_ms = attempt ? clock->wall_ms(clock) + until_ms : 0,
                            });
}

void unavailable_reply(struct exchange *exchange, const struct target_row *row,
                       const struct target_cause *cause)
{
    reply(exchange, row, cause, unavailable_retry_after_s(row, boottime_ms_of(exchange)));
}

void unavailable_reply_terminal(struct exchange *exchange, const struct target_row *row,
                                const struct target_cause *cause)
{
    reply(exchange, row, cause, unavailable_terminal_retry_after_s(row, boottime_ms_of(exchange)));
}
