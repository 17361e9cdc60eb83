/* Requests to the API whose answer is an event stream. */
#pragma once

#include <jansson.h>

#include "route/api_table.h"
#include "route/topics.h"

/* What the streams of a snapshot's API need. */
struct api_streams {
    struct topics *topics; /* outlives it */
    int logs;              /* O_PATH of the folder of all logs; -1: there is none */
    /* See route/topics.h. */
    bool (*find_events)(void *owner, struct exchange *exchange, struct slice target, struct place *place);
    /* Answers with the file of events of a target, as its route does, or with 404. */
    void (*answer_events)(void *owner, struct exchange *exchange, struct slice target);
    void *owner;
};

/* `arguments` are those of the row (route/api_arguments.h); borrowed. `base`: as for
 * api_reply_make(). */
void api_streams_answer(const struct api_streams *streams, const struct api_row *row, const json_t *arguments,
                        const char *base, struct exchange *exchange);
