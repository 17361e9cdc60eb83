/* Operations: all that may be asked of a running keeper, one table for the command (control socket) and for
 * the API (through a gate). Whoever comes in, the same handler runs and the same answer leaves.
 *
 * A gate is trusted for who asks, never for more: it gets nothing that is the operator's alone. Arguments are
 * hostile until their handler has checked them. */
#pragma once

#include "base/log.h"

#include "keep/operation.h"

struct operations;

struct operations_settings {
    const struct log *log;
    const char *const *console_allow; /* of OPERATION_CONSOLE; outlives it */
    size_t console_allow_count;
};

struct operations *operations_new(const struct operations_settings *settings);
/* Answers nobody: what is still open is cut, and no handler may answer any more. */
void operations_free(struct operations **operations);
/* One topic's rows; `context` is what its handlers get. Both outlive the operations. CHECKs that no name is
 * there twice. */
void operations_add(struct operations *operations, const struct operation_row *rows, size_t count,
                    void *context);

/* Whether this one has OPERATION_CONSOLE: for handlers that judge for themselves. */
bool operations_is_console(const struct operations *operations, const struct principal *who);

/* After a reload: who has OPERATION_CONSOLE. */
void operations_allow(struct operations *operations, const char *const *rules, size_t count);

/* Arguments that are no object are answered with 400. */
void operations_ask(struct operations *operations, const struct operation_request *request,
                    operation_done_fn *done, void *owner);
/* The asker has gone: nothing of its questions is answered any more. */
void operations_forget(struct operations *operations, const void *owner);
