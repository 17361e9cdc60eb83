/* "Not now": 503 with what is known about the target (contract §2), Retry-After its next attempt. */
#pragma once

#include "http/exchange.h"
#include "wire/target.h"

/* Answers for a target that cannot take requests. `cause` NULL: the row's own. */
void unavailable_reply(struct exchange *exchange, const struct target_row *row,
                       const struct target_cause *cause);
/* The same at a terminal's door, with its own Retry-After. */
void unavailable_reply_terminal(struct exchange *exchange, const struct target_row *row,
                                const struct target_cause *cause);
/* A cause of ours, for unavailable_reply(). */
__attribute__((format(printf, 2, 3))) struct target_cause unavailable_cause(enum target_cause_kind kind,
                                                                            const char *format, ...);
/* Whole seconds until the next attempt, at least 1; without one a guess that suits the state. */
int64_t unavailable_retry_after_s(const struct target_row *row, int64_t boottime_ms);
/* The same for a terminal: of a program that only somebody's word starts again a few seconds, since who says
 * it is often the one who looks at the terminal. */
int64_t unavailable_terminal_retry_after_s(const struct target_row *row, int64_t boottime_ms);
