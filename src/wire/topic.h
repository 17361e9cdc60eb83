/* What a client may follow in one stream of the API, and where it is in each (docs/events.md).
 *
 *   topics=targets,journal,log:api,history:api,events:shell/a1
 *
 * The id of an event holds the place of every topic, so that one Last-Event-ID goes on with all of them:
 * "LIST;PLACE;PLACE...", LIST a hash of the topics as they were asked for, a PLACE as wire/event_id.h writes
 * it. */
#pragma once

#include "wire/event_id.h"

enum topic_kind {
    TOPIC_TARGETS, /* how all targets are */
    TOPIC_JOURNAL, /* what reeve decides */
    TOPIC_HISTORY, /* the same of one target */
    TOPIC_LOG,     /* the output of one target */
    TOPIC_EVENTS,  /* the file of events of one target */
};

enum { TOPIC_MOST = 16, TOPIC_TARGET_MOST = 128 };

struct topic {
    enum topic_kind kind;
    struct slice text;   /* as it was asked for: the name of its events */
    struct slice target; /* empty: of none */
};

/* Reads a list, which the topics then point into. False: there is none, too many, one twice, or one that
 * cannot be. */
bool topic_read_list(struct slice list, struct topic topics[TOPIC_MOST], size_t *count);

struct topic_places {
    uint32_t list; /* of topic_hash() */
    size_t count;
    struct event_id items[TOPIC_MOST];
};

enum { TOPIC_ID_SIZE = 16 + TOPIC_MOST * EVENT_ID_SIZE };

/* Never 0. */
uint32_t topic_hash(struct slice list);
/* Writes the text with a NUL, returns the length without it. */
size_t topic_format_id(const struct topic_places *places, char text[TOPIC_ID_SIZE]);
/* The whole slice in the form that topic_format_id() writes. False: it is none. */
bool topic_parse_id(struct slice text, struct topic_places *places);
