/* One question to the keeper: who asks for what, and how it is answered. Handlers live in files by topic
 * (keep/operate_*.c); keep/operations.h joins them. */
#pragma once

#include <jansson.h>

#include "base/list.h"
#include "wire/principal.h"

enum operation_right {
    OPERATION_OPERATOR, /* the command, never through a gate */
    OPERATION_CONSOLE,  /* the operator, and whom `console.allow` lets in */
    OPERATION_ANYONE,   /* whoever a gate asks for: the handler judges (a template's `allow`) */
    OPERATION_GATE,     /* gates for themselves (sign-in, use of sessions); not the command */
};

/* What comes back. `status` is an HTTP status (200 201 202 404 409 412 422 429 503 ...); on an error the body
 * has a member "text". The reference to `body` (an object, never NULL) is given. Called once at most, maybe
 * from inside the question. */
typedef void operation_done_fn(void *owner, int status, json_t *body);

/* One open question. Handlers read it and end it with operation_answer(). */
struct operation {
    struct list link;
    const char *name;
    const json_t *arguments;     /* an object */
    const struct principal *who; /* an operator's credential is "uid N" */
    /* The handler's. When its asker has gone, on_forget takes back what `state` holds; the operation is freed
     * behind it and is not answered any more. NULL: it is answered as if nothing had happened. */
    void *state;
    void (*on_forget)(struct operation *operation);

    operation_done_fn *done; /* private from here on; NULL: the asker has gone */
    void *owner;
    json_t *own_arguments;
    struct principal *own_who;
    char *own_name, *by;
};

/* Answers now or later, exactly once. */
typedef void operation_fn(void *context, struct operation *operation);

struct operation_row {
    const char *name;
    enum operation_right right;
    operation_fn *run;
};

/* Ends it and frees it. Takes the reference to `body` (NULL means {}). */
void operation_answer(struct operation *operation, int status, json_t *body);
/* Answers {"text": ...}. Returns false. */
__attribute__((format(printf, 3, 4))) bool operation_refuse(struct operation *operation, int status,
                                                            const char *format, ...);
/* A text among the arguments; NULL: absent or no text. */
const char *operation_text(const struct operation *operation, const char *name);
/* Who asked, for people and the journal: "uid 0", "ann", "token ci", "somebody over HTTP". Lives as long as
 * it. */
const char *operation_by(const struct operation *operation);

/* The same for anybody. Fresh memory. */
char *operation_name_asker(const struct principal *who);

/* The same form wherever it comes from: all borrowed, copied as far as needed. */
struct operation_request {
    const char *name;
    const json_t *arguments;     /* an object; NULL: {} */
    const struct principal *who; /* PRINCIPAL_OPERATOR only over the control socket */
};

/* --- for keep/operations.c -------------------------------------------------------------------------------
 */

struct operation *operation_new(const struct operation_request *request, operation_done_fn *done,
                                void *owner);
/* Its asker has gone: cut, or still to be answered for nobody. */
void operation_forget(struct operation *operation);
/* Takes back what its handler holds and frees it. */
void operation_cut(struct operation *operation);
