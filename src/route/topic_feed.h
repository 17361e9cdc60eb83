/* One topic in a stream of several: between the stream, which decides who may speak, and what the topic
 * carries (route/topic_files, topic_rows, topic_targets).
 *
 * A feed gives whole events, but for files, whose long lines come in pieces: until such a line has ended, no
 * other feed of the stream may speak. */
#pragma once

#include "tail/tail.h"
#include "wire/sse_edit.h"
#include "wire/topic.h"

#include "route/event_stream.h"

struct topic_feed;
struct topic_rows;

/* What a topic's owner implements. */
struct topic_feed_kind {
    /* Begins behind `after`; NULL: at the start, or the end. Sets feed->place. NULL, or why `after` is no
     * place: it then begins at the start. */
    const char *(*join)(struct topic_feed *feed, bool from_end, const struct event_id *after);
    void (*leave)(struct topic_feed *feed);
    /* It may speak again. */
    void (*resume)(struct topic_feed *feed);
};

struct topic_row_reader {
    struct list link;
    bool pending; /* a page of its own is to be asked for */
    bool checked; /* the row at feed->place is known to be the one it was */
    bool resting; /* the feed might not speak */
    int64_t upto; /* all rows up to this number have been looked at */
};

struct topic_feed {
    const struct topic_feed_kind *kind;
    void *owner; /* the stream */
    struct topic topic;
    struct event_id place;
    bool reset_waits;
    struct event_id reset_from;
    const char *reset_reason;

    struct place file; /* of TOPIC_LOG and TOPIC_EVENTS */
    struct tail_group *tails;
    struct tail_reader tail;
    struct sse_edit edit;

    struct topic_rows *rows; /* of TOPIC_JOURNAL and TOPIC_HISTORY */
    struct topic_row_reader row;

    struct topic_targets *targets; /* of TOPIC_TARGETS */
    const char *base;              /* of the API, for `href` */
    struct list link;
    uint64_t seen; /* the last change that was told */
};

/* What a feed calls (route/topics.c); none of these calls it back. */

/* Whether it may speak now; else it waits for resume(). */
bool topics_may(const struct topic_feed *feed);
/* Events of a file, as wire/sse.h made them. False: no more now. */
bool topics_write(struct topic_feed *feed, struct slice events);
/* One event with a line of JSON, behind which the feed is at feed->place. False: no more now. */
bool topics_tell(struct topic_feed *feed, struct slice json);
/* What was told up to `from` is not there any more, and the topic begins anew at feed->place. */
void topics_reset(struct topic_feed *feed, const struct event_id *from, const char *reason);
/* The client has half an event that cannot be ended: the stream ends soon. */
void topics_cut(struct topic_feed *feed);
