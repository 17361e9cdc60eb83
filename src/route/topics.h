/* Streams of the API: what reeve knows of its targets, and what they say, one or more topics in one stream
 * (wire/topic.h, docs/events.md). */
#pragma once

#include "route/topic_rows.h"
#include "route/topic_targets.h"

struct topics; /* all streams of a gate */

struct topics_settings {
    struct loop *loop; /* this and what follows outlives it */
    struct backends *backends;
    struct streams *streams;
    struct event_group *group;
    struct tail_group *tails;
    struct asker *asker;
    const _Atomic uint64_t *newest_row; /* of the journal */
};

struct topics *topics_new(const struct topics_settings *settings);
/* No exchange is open any more. */
void topics_free(struct topics **topics);

struct topics_request {
    struct exchange *exchange; /* GET or HEAD; it may pass */
    const char *base;          /* "/_reeve/api/v1/"; lasts as long as the exchange */
    struct slice list;         /* topics=...; data NULL: one topic without a name, below */
    enum topic_kind kind;
    struct slice target;
    struct slice from; /* "start", "end", an id, or empty */
    int logs;          /* O_PATH of the folder of all logs; -1: there is none */
    /* Finds the file of events of a target; its texts last as long as the exchange. False: there is none. */
    bool (*find_events)(void *owner, struct exchange *exchange, struct slice target, struct place *place);
    void *owner; /* both during the call only */
};

/* Answers the exchange. */
void topics_answer(struct topics *topics, const struct topics_request *request);
