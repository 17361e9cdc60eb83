/* All readers of a file share what tail gives, those of routes as well; only names and ids are the stream's
 * own.
 */
#include "route/topic_files.h"

static struct topic_feed *feed_of(struct tail_reader *reader)
{
    return LIST_ENTRY(reader, struct topic_feed, tail);
}

static bool on_piece(struct tail_reader *reader, const struct chunks_piece *piece)
{
    return topics_write(feed_of(reader), piece->body);
}

static void on_torn(struct tail_reader *reader)
{
    tail_leave(reader);
    topics_cut(feed_of(reader));
}

static void on_reset(struct tail_reader *reader, const struct event_id *from, enum tail_reason reason)
{
    feed_of(reader)->place = tail_place(reader);
    topics_reset(feed_of(reader), from, tail_reason_name(reason));
}

static void on_nothing(struct tail_reader *reader)
{
    (void)reader;
}

static const char *join(struct topic_feed *feed, bool from_end, const struct event_id *after)
{
    static const struct tail_reader_events events = {.on_piece = on_piece,
                                                     .on_torn = on_torn,
                                                     .on_reset = on_reset,
                                                     .on_found = on_nothing,
                                                     .on_level = on_nothing};
    enum tail_start start = after ? TAIL_AFTER : from_end ? TAIL_END : TAIL_START;
    feed->tail.events = &events;
    enum tail_reason reason = tail_join(feed->tails, &feed->file, &feed->tail, start, after);
    feed->place = tail_place(&feed->tail);
    return reason == TAIL_NO_RESET ? NULL : tail_reason_name(reason);
}

static void leave(struct topic_feed *feed)
{
    tail_leave(&feed->tail);
}

static void resume(struct topic_feed *feed)
{
    tail_resume(&feed->tail);
}

const struct topic_feed_kind topic_files_kind = {.join = join, .leave = leave, .resume = resume};
