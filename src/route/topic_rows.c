/* Readers that have everything up to `tip` share the next page. A place is the number of a row and a check of
 * what it says: in another database the number is another row's. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/memory.h"

#include "route/topic_rows.h"

enum { GENERATION = 1, ROW_MOST = 32 * 1024 };

struct topic_rows {
    struct loop *loop;
    struct asker *asker;
    const _Atomic uint64_t *newest;
    struct list readers;
    int64_t tip;
    uint64_t seen;            /* `newest` when the shared page was last asked for */
    struct topic_feed *asked; /* whose page is asked for; NULL: the shared one, or its reader has left */
    bool shared;
    struct asking asking;
    struct loop_timer poll;
    struct loop_task work;
};

static struct topic_feed *feed_of(struct list *link)
{
    return LIST_ENTRY(link, struct topic_feed, row.link);
}

static bool is_level(const struct topic_feed *feed)
{
    return feed->row.checked && !feed->row.pending && !feed->row.resting;
}

static void on_work(struct loop_task *task);

static void schedule(struct topic_rows *rows)
{
    loop_task_start(rows->loop, &rows->work, on_work);
}

/* --- rows -------------------------------------------------------------------------------------------- */

static int64_t number_of(const json_t *row)
{
    return json_integer_value(json_object_get(row, "id"));
}

/* The time comes last: of a longer text only the end is checked. */
static struct event_id place_of(const json_t *row)
{
    const char *target = json_string_value(json_object_get(row, "target")),
               *event = json_string_value(json_object_get(row, "event"));
    char text[256];
    int size = snprintf(text, sizeof text, "%.64s %.64s %lld", target ? target : "", event ? event : "",
                        (long long)json_integer_value(json_object_get(row, "time_ms")));
    return (struct event_id){.generation = GENERATION,
                             .offset = number_of(row),
                             .check = event_id_check(slice_of(text, (size_t)size))};
}

static bool is_for(const struct topic_feed *feed, const json_t *row)
{
    const char *target = json_string_value(json_object_get(row, "target"));
    return feed->topic.kind == TOPIC_JOURNAL || slice_equal(slice_of_text(target), feed->topic.target);
}

static void tell(struct topic_feed *feed, const json_t *row)
{
    char *text = json_dumps(row, JSON_COMPACT);
    if (text && strlen(text) > ROW_MOST) {
        json_t *rest = json_copy((json_t *)(uintptr_t)row);
        json_object_set_new(rest, "evidence", json_pack("{s:I}", "bytes", (json_int_t)strlen(text)));
        free(text);
        text = json_dumps(rest, JSON_COMPACT);
        json_decref(rest);
    }
    topics_tell(feed, slice_of_text(text));
    free(text);
}

/* Rows behind what the reader has looked at. False: it takes no more. */
static bool take_rows(struct topic_feed *feed, const json_t *page)
{
    const json_t *list = json_object_get(page, "rows");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *row = json_array_get(list, i);
        if (number_of(row) <= feed->row.upto)
            continue;
        bool wanted = is_for(feed, row);
        if (wanted && !topics_may(feed)) {
            feed->row.resting = feed->row.pending = true;
            return false;
        }
        feed->row.upto = number_of(row);
        feed->place = place_of(row);
        if (wanted)
            tell(feed, row);
    }
    return true;
}

static bool is_full(const json_t *page)
{
    return json_array_size(json_object_get(page, "rows")) >= TOPIC_ROWS_PAGE;
}

/* --- a page of one reader ---------------------------------------------------------------------------- */

/* Whether the row at the reader's place is still the one it was; without a check (0) it is taken as it is. */
static bool fits(struct topic_feed *feed, const json_t *page)
{
    const json_t *first = json_array_get(json_object_get(page, "rows"), 0);
    if (feed->place.offset == 0)
        return true;
    struct event_id there = first ? place_of(first) : EVENT_ID_BEGINNING;
    if (there.offset != feed->place.offset || (feed->place.check && there.check != feed->place.check))
        return false;
    feed->place = there;
    return true;
}

static void begin_anew(struct topic_feed *feed, const json_t *page)
{
    struct event_id from = feed->place;
    bool pruned = json_integer_value(json_object_get(page, "first")) > from.offset;
    feed->place = EVENT_ID_BEGINNING;
    feed->row.upto = 0;
    feed->row.checked = false;
    feed->row.pending = true;
    topics_reset(feed, &from, pruned ? "gone" : "changed");
}

static void take_own(struct topic_rows *rows, struct topic_feed *feed, const json_t *page)
{
    feed->row.pending = false;
    if (!fits(feed, page)) {
        begin_anew(feed, page);
        return;
    }
    feed->row.checked = true;
    if (!take_rows(feed, page))
        return;
    int64_t last = json_integer_value(json_object_get(page, "last"));
    if (is_full(page)) {
        feed->row.pending = true;
        return;
    }
    if (feed->row.upto < last)
        feed->row.upto = last;
    bool alone = true;
    LIST_FOR_EACH(link, &rows->readers)
    alone &= feed_of(link) == feed || !is_level(feed_of(link));
    if (alone) {
        rows->tip = feed->row.upto;
        rows->seen = 0; /* rows may have come since */
    }
}

/* --- the page of all that have everything ------------------------------------------------------------ */

static void take_shared(struct topic_rows *rows, const json_t *page)
{
    const json_t *list = json_object_get(page, "rows");
    size_t count = json_array_size(list);
    bool there = rows->tip == 0 || (count > 0 && number_of(json_array_get(list, 0)) == rows->tip);
    LIST_FOR_EACH(link, &rows->readers)
    {
        struct topic_feed *feed = feed_of(link);
        if (!is_level(feed))
            continue;
        if (!there) /* looks for itself what has become of it */
            feed->row.pending = true;
        else
            take_rows(feed, page);
    }
    if (count > 0)
        rows->tip = number_of(json_array_get(list, count - 1));
    if (is_full(page))
        rows->seen = 0;
}

/* --- asking ------------------------------------------------------------------------------------------ */

static void on_poll(struct loop_timer *timer);

static void wait(struct topic_rows *rows, int64_t delay_ms)
{
    loop_timer_start(rows->loop, &rows->poll, delay_ms, on_poll);
}

static void on_answer(struct asking *asking, int status, const json_t *body)
{
    struct topic_rows *rows = LIST_ENTRY(asking, struct topic_rows, asking);
    struct topic_feed *feed = rows->asked;
    rows->asked = NULL;
    if (status != 200) {
        rows->seen = 0;
        wait(rows, TOPIC_ROWS_RETRY_MS);
        return;
    }
    if (rows->shared)
        take_shared(rows, body);
    else if (feed)
        take_own(rows, feed, body);
    schedule(rows);
}

static void ask(struct topic_rows *rows, struct topic_feed *feed, int64_t from)
{
    json_t *arguments = json_pack("{s:I, s:i}", "from", (json_int_t)from, "most", TOPIC_ROWS_PAGE + 0);
    if (feed && feed->topic.kind == TOPIC_HISTORY)
        json_object_set_new(arguments, "target",
                            json_stringn(feed->topic.target.data, feed->topic.target.size));
    rows->asked = feed;
    rows->shared = !feed;
    rows->asking.on_answer = on_answer;
    asker_ask(rows->asker, &rows->asking, "journal-page", &principal_nobody, arguments);
}

static bool any_level(const struct topic_rows *rows)
{
    for (struct list *link = rows->readers.next; link != &rows->readers; link = link->next)
        if (is_level(feed_of(link)))
            return true;
    return false;
}

/* The reader whose turn it is to get a page of its own; NULL: none wants one. */
static struct topic_feed *next_behind(struct topic_rows *rows)
{
    LIST_FOR_EACH(link, &rows->readers)
    {
        struct topic_feed *feed = feed_of(link);
        if (!feed->row.pending || feed->row.resting)
            continue;
        list_remove(link);
        list_append(&rows->readers, link);
        return feed;
    }
    return NULL;
}

static void on_work(struct loop_task *task)
{
    struct topic_rows *rows = LIST_ENTRY(task, struct topic_rows, work);
    uint64_t newest = atomic_load_explicit(rows->newest, memory_order_relaxed);
    bool shared = newest != rows->seen && any_level(rows);
    if (rows->asking.pending.id || list_empty(&rows->readers))
        return;
    struct topic_feed *behind = shared && !rows->shared ? NULL : next_behind(rows);
    if (behind) {
        ask(rows, behind, behind->place.offset);
    } else if (shared) {
        rows->seen = newest;
        ask(rows, NULL, rows->tip);
    }
}

static void on_poll(struct loop_timer *timer)
{
    struct topic_rows *rows = LIST_ENTRY(timer, struct topic_rows, poll);
    if (list_empty(&rows->readers))
        return;
    schedule(rows);
    wait(rows, TOPIC_ROWS_POLL_MS);
}

/* --- life -------------------------------------------------------------------------------------------- */

struct topic_rows *topic_rows_new(struct loop *loop, struct asker *asker, const _Atomic uint64_t *newest)
{
    struct topic_rows *rows = MEMORY_NEW(struct topic_rows);
    rows->loop = loop;
    rows->asker = asker;
    rows->newest = newest;
    list_init(&rows->readers);
    return rows;
}

void topic_rows_free(struct topic_rows **owned)
{
    struct topic_rows *rows = *owned;
    if (!rows)
        return;
    CHECK(list_empty(&rows->readers));
    asking_cancel(&rows->asking);
    loop_timer_stop(&rows->poll);
    loop_task_stop(&rows->work);
    free(rows);
    *owned = NULL;
}

/* --- a feed ------------------------------------------------------------------------------------------ */

/* The end is a row as well: its check is learnt with the first page. */
static const char *join(struct topic_feed *feed, bool from_end, const struct event_id *after)
{
    struct topic_rows *rows = feed->rows;
    int64_t newest = (int64_t)atomic_load_explicit(rows->newest, memory_order_relaxed);
    feed->place = after ? *after : EVENT_ID_BEGINNING;
    if (!after && from_end && newest > 0)
        feed->place = (struct event_id){.generation = GENERATION, .offset = newest};
    feed->row = (struct topic_row_reader){.pending = true, .upto = feed->place.offset};
    list_append(&rows->readers, &feed->row.link);
    schedule(rows);
    if (!loop_timer_armed(&rows->poll))
        wait(rows, TOPIC_ROWS_POLL_MS);
    return NULL;
}

static void leave(struct topic_feed *feed)
{
    if (feed->rows->asked == feed)
        feed->rows->asked = NULL;
    list_remove(&feed->row.link);
    feed->rows = NULL;
}

static void resume(struct topic_feed *feed)
{
    if (!feed->row.resting)
        return;
    feed->row.resting = false;
    schedule(feed->rows);
}

const struct topic_feed_kind topic_rows_kind = {.join = join, .leave = leave, .resume = resume};
