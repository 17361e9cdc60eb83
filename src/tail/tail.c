/* A reader is in one of three lists: `due` (it is behind, and served in turn), `level` (it has everything),
 * `resting` (its client takes no more now). What is new makes the level ones due. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <uthash.h>

#include "base/check.h"
#include "base/memory.h"

#include "tail/tail.h"

enum {
    LOOKS_MOST = 64,       /* by one question: a long file is not waited for */
    SERVED_PER_TURN = 512, /* readers */
    BYTES_PER_TURN = 4 * 1024 * 1024,
    PER_VISIT = 64 * 1024, /* bytes for one reader before the others get their turn */
};

struct tail_group {
    struct tail_group_settings settings;
    struct watches *watches;
    struct tail *by_key;
    struct buffer piece; /* of a reader that reads the file itself */
    int degraded;        /* what on_degraded was told */
};

struct tail {
    UT_hash_handle hh;
    char *key;
    struct tail_group *group;
    struct sequence sequence;
    struct list due, level, resting;
    size_t readers;
    bool refused;           /* and told so */
    bool failing;           /* something could not be read since `poll` was last due */
    int failed;             /* an errno: so it was, and has not been read well for a while since */
    bool asked;             /* tail_refresh(): all are told when they are level */
    int64_t left_us;        /* the last reader has left */
    bool spreading;         /* something new is on its way to the readers */
    int64_t sent_us;        /* something new was last given out */
    struct loop_timer pace; /* until it may be again */
    struct loop_timer poll;
    struct loop_timer tidy;
    struct loop_task work;
};

/* --- the lists ------------------------------------------------------------------------------------- */

static struct tail_reader *reader_of(struct list *link)
{
    return LIST_ENTRY(link, struct tail_reader, link);
}

static void move(struct tail_reader *reader, struct list *to)
{
    list_remove(&reader->link);
    list_append(to, &reader->link);
}

static void on_work(struct loop_task *task);

static void schedule(struct tail *tail)
{
    loop_task_start(tail->group->settings.loop, &tail->work, on_work);
}

static void enter_file(struct tail_reader *reader, struct sequence_file *file, struct growing_cursor cursor)
{
    if (reader->file)
        reader->file->readers--;
    if (file)
        file->readers++;
    reader->file = file;
    reader->cursor = cursor;
}

const char *tail_reason_name(enum tail_reason reason)
{
    static const char *const names[] = {
        [TAIL_CUT] = "truncated", [TAIL_CHANGED] = "changed", [TAIL_GONE] = "gone"};
    return names[reason];
}

struct event_id tail_place(const struct tail_reader *reader)
{
    return reader->file ? growing_place(&reader->file->growing, &reader->cursor) : EVENT_ID_BEGINNING;
}

static int refusal(const struct tail *tail)
{
    return tail->sequence.refused ? -tail->sequence.refused : tail->failed;
}

int tail_refused(const struct tail_reader *reader)
{
    return refusal(reader->tail);
}

int64_t tail_unfinished(const struct tail_reader *reader)
{
    const struct sequence_file *last = sequence_last(&reader->tail->sequence);
    return last ? last->growing.end - last->growing.complete : 0;
}

/* --- resets ---------------------------------------------------------------------------------------- */

static const struct growing_cursor at_start;

/* The bytes that the reader, which is due or rests, has seen are not there any more. A file that is done is
 * not read anew: what follows then is the next one. `generation` is that of its place; 0: there was no line.
 */
static void reset(struct tail_reader *reader, uint64_t generation, enum tail_reason reason)
{
    const struct growing_cursor at = reader->cursor;
    const struct event_id from = {.generation = generation, .offset = at.offset, .check = at.check};
    struct sequence_file *next = sequence_next(&reader->tail->sequence, reader->file);
    enter_file(reader, next ? next : reader->file, at_start);
    schedule(reader->tail);
    if (at.line.begun)
        reader->events->on_torn(reader);
    else if (generation)
        reader->events->on_reset(reader, &from, reason);
}

static void reset_all_in(struct list *readers, const struct sequence_file *file, uint64_t generation)
{
    LIST_FOR_EACH(link, readers)
    {
        if (reader_of(link)->file == file)
            reset(reader_of(link), generation, TAIL_CUT);
    }
}

static void on_cut(void *owner, struct sequence_file *file, uint64_t generation)
{
    struct tail *tail = owner;
    list_append_all(&tail->due, &tail->level);
    reset_all_in(&tail->due, file, generation);
    reset_all_in(&tail->resting, file, generation);
}

/* --- giving out ------------------------------------------------------------------------------------ */

/* Bytes from the file itself, as growing_catch_up() says. */
static enum growing_result catch_up(struct tail_reader *reader, struct chunks_piece *piece)
{
    struct tail_group *group = reader->tail->group;
    struct buffer *out = &group->piece;
    char *scratch = loop_scratch(group->settings.loop);
    buffer_clear(out);
    char *start = buffer_reserve(out, GROWING_PIECE + CHUNKS_PIECE_EXTRA);
    buffer_added(out, CHUNKS_HEAD_SIZE);
    enum growing_result result = growing_catch_up(&reader->file->growing, &reader->cursor, scratch, out);
    size_t size = buffer_size(out) - CHUNKS_HEAD_SIZE;
    *piece = size > 0 ? chunks_frame(start, size) : (struct chunks_piece){0};
    return result;
}

static bool look(struct tail *tail);
static void on_poll(struct loop_timer *timer);

/* Something cannot be read (an errno): it is tried again when `poll` is due. */
static void note_failure(struct tail *tail, int error)
{
    tail->failing = true;
    tail->failed = error;
    if (!loop_timer_armed(&tail->poll))
        loop_timer_start(tail->group->settings.loop, &tail->poll, TAIL_POLL_MS, on_poll);
}

/* It may have been cut without our knowing. */
static void look_for_cut(struct tail_reader *reader)
{
    const struct event_id place = tail_place(reader);
    look(reader->tail);
    if (!reader->tail)
        return;
    const struct event_id now = tail_place(reader);
    if (now.offset == place.offset && now.generation == place.generation)
        reset(reader, place.generation, TAIL_CHANGED);
}

/* The next piece for the reader, at whose file there is one; false: it was reset or has to wait instead. */
static bool next_piece(struct tail_reader *reader, struct chunks_piece *piece)
{
    struct growing_cursor *cursor = &reader->cursor;
    const struct growing *growing = &reader->file->growing;
    const struct growing_piece *kept =
        cursor->line.begun || cursor->line.skipped ? NULL : growing_find(growing, cursor->offset);
    if (kept) {
        *piece = kept->bytes;
        *cursor = (struct growing_cursor){.offset = kept->end, .check = kept->check};
        return true;
    }
    enum growing_result result = catch_up(reader, piece);
    if (result == GROWING_FAILED) {
        note_failure(reader->tail, errno);
        move(reader, &reader->tail->level);
    } else if (result == GROWING_CUT) {
        look_for_cut(reader);
    }
    return result == GROWING_MORE;
}

/* Goes on to the next file. False: there is none, or not yet. */
static bool enter_next(struct tail_reader *reader)
{
    struct sequence *sequence = &reader->tail->sequence;
    struct sequence_file *next =
        reader->file ? sequence_next(sequence, reader->file) : sequence_last(sequence);
    if (!next)
        return false;
    struct event_id from = tail_place(reader);
    bool missed = reader->file && next->cut; /* before the reader had come so far */
    enter_file(reader, next, at_start);
    if (missed)
        reader->events->on_reset(reader, &from, TAIL_CUT);
    if (!reader->found)
        reader->events->on_found(reader);
    reader->found = true;
    return true;
}

/* Serves one reader that is first in `due`, until it is level, rests or has had its share. Bytes given. */
static size_t serve(struct tail_reader *reader)
{
    struct tail *tail = reader->tail;
    size_t given = 0;
    while (given < PER_VISIT) {
        struct chunks_piece piece;
        if (reader->held) {
            reader->resting = true;
            move(reader, &tail->resting);
            return given;
        }
        if (!reader->file || reader->cursor.offset >= reader->file->growing.complete) {
            if (enter_next(reader))
                continue;
            move(reader, &tail->level);
            if (tail->sequence.settled)
                reader->events->on_level(reader);
            return given;
        }
        if (!next_piece(reader, &piece))
            return given;
        given += piece.body.size + 1;
        if (piece.body.size > 0 && !reader->events->on_piece(reader, &piece)) {
            reader->resting = true;
            move(reader, &tail->resting);
            return given;
        }
    }
    move(reader, &tail->due);
    return given;
}

/* The pause counts from the end of a round, so that many readers do not make it shorter; but of one that went
 * quickly: what comes every 10 ms goes out at once whatever else this machine does. */
static void note_spread(struct tail *tail)
{
    const struct clock *clock = loop_clock(tail->group->settings.loop);
    int64_t taken_us = clock->monotonic_us(clock) - tail->sent_us;
    tail->spreading = false;
    tail->sent_us += taken_us < TAIL_ROUND_MS * 1000 ? taken_us : TAIL_ROUND_MS * 1000;
}

static void serve_some(struct tail *tail)
{
    size_t given = 0;
    for (int i = 0; i < SERVED_PER_TURN && given < BYTES_PER_TURN && !list_empty(&tail->due); i++)
        given += serve(reader_of(tail->due.next));
    if (!list_empty(&tail->due))
        schedule(tail);
    else if (tail->spreading)
        note_spread(tail);
}

/* --- reading --------------------------------------------------------------------------------------- */

static void on_pace(struct loop_timer *timer)
{
    schedule(LIST_ENTRY(timer, struct tail, pace));
}

/* The leading edge at once; then not before TAIL_PACE_MS have passed since all had theirs. */
static void on_news(void *owner)
{
    struct tail *tail = owner;
    struct loop *loop = tail->group->settings.loop;
    int64_t wait_us = tail->sent_us + TAIL_PACE_MS * 1000 - loop_now_us(loop);
    if (wait_us <= 0)
        schedule(tail);
    else if (!loop_timer_armed(&tail->pace))
        loop_timer_start(loop, &tail->pace, (wait_us + 999) / 1000, on_pace);
}

static void on_poll(struct loop_timer *timer)
{
    struct tail *tail = LIST_ENTRY(timer, struct tail, poll);
    if (tail->failing) { /* whether it has healed is seen by the next time */
        loop_timer_start(tail->group->settings.loop, timer, TAIL_POLL_MS, on_poll);
        list_append_all(&tail->due, &tail->level);
    } else {
        tail->failed = 0;
    }
    tail->failing = false;
    tail->sequence.failed = 0;
    tail->sequence.look = true;
    tail->sequence.settled = false;
    schedule(tail);
}

static bool is_used_up(int error)
{
    return error == -EMFILE || error == -ENFILE || error == -ENOSPC || error == -ENOMEM;
}

static void tell_degraded(struct tail_group *group)
{
    struct tail *tail, *next;
    int degraded = 0;
    HASH_ITER(hh, group->by_key, tail, next)
    {
        if (is_used_up(tail->sequence.unwatched))
            degraded = -tail->sequence.unwatched;
    }
    if (degraded == group->degraded)
        return;
    group->degraded = degraded;
    if (group->settings.on_degraded)
        group->settings.on_degraded(group->settings.owner, degraded);
}

static void tell_refused(struct tail *tail)
{
    const struct tail_group_settings *settings = &tail->group->settings;
    int error = refusal(tail);
    if (error && !tail->refused && settings->on_refused)
        settings->on_refused(settings->owner, tail->sequence.place.path, error);
    tail->refused = error != 0;
}

/* Whoever has found it: a reader that joins may have. */
static void wake_level(struct tail *tail)
{
    if (!tail->sequence.grew)
        return;
    tail->sequence.grew = false;
    tail->spreading = true;
    tail->sent_us = loop_now_us(tail->group->settings.loop);
    list_append_all(&tail->due, &tail->level);
}

/* False: there is more to be read at once. */
static bool look(struct tail *tail)
{
    bool complete = sequence_read(&tail->sequence);
    wake_level(tail);
    if (tail->sequence.failed)
        note_failure(tail, tail->sequence.failed);
    if (tail->sequence.unwatched && !loop_timer_armed(&tail->poll))
        loop_timer_start(tail->group->settings.loop, &tail->poll, TAIL_POLL_MS, on_poll);
    tell_refused(tail);
    if (is_used_up(tail->sequence.unwatched) != (tail->group->degraded != 0))
        tell_degraded(tail->group);
    return complete;
}

static void on_work(struct loop_task *task)
{
    struct tail *tail = LIST_ENTRY(task, struct tail, work);
    bool waits = tail->sequence.failed || loop_timer_armed(&tail->pace);
    if (!tail->sequence.settled && !waits && !look(tail))
        schedule(tail);
    if (tail->sequence.settled && tail->asked) {
        tail->asked = false;
        list_append_all(&tail->due, &tail->level);
    }
    wake_level(tail);
    serve_some(tail);
}

/* --- a tail's life --------------------------------------------------------------------------------- */

static void tail_free(struct tail *tail)
{
    struct tail_group *group = tail->group;
    HASH_DEL(group->by_key, tail);
    loop_timer_stop(&tail->pace);
    loop_timer_stop(&tail->poll);
    loop_timer_stop(&tail->tidy);
    loop_task_stop(&tail->work);
    sequence_close(&tail->sequence);
    free(tail->key);
    loop_free_later(group->settings.loop, tail, free);
}

static void on_tidy(struct loop_timer *timer)
{
    struct tail *tail = LIST_ENTRY(timer, struct tail, tidy);
    struct tail_group *group = tail->group;
    int64_t unread_us = loop_now_us(group->settings.loop) - tail->left_us;
    if (tail->readers == 0 && unread_us >= TAIL_LINGER_MS * INT64_C(1000)) {
        tail_free(tail);
        tell_degraded(group);
        return;
    }
    sequence_tidy(&tail->sequence, TAIL_LINGER_MS);
    loop_timer_start(group->settings.loop, timer, TAIL_LINGER_MS, on_tidy);
}

static struct tail *tail_new(struct tail_group *group, const struct place *place, char *key)
{
    static const struct sequence_events events = {.on_news = on_news, .on_cut = on_cut};
    struct tail *tail = MEMORY_NEW(struct tail);
    tail->group = group;
    tail->key = key;
    list_init(&tail->due);
    list_init(&tail->level);
    list_init(&tail->resting);
    sequence_open(&tail->sequence, place, group->watches, group->settings.loop);
    tail->sequence.events = &events;
    tail->sequence.owner = tail;
    HASH_ADD_KEYPTR(hh, group->by_key, tail->key, strlen(tail->key), tail);
    loop_timer_start(group->settings.loop, &tail->tidy, TAIL_LINGER_MS, on_tidy);
    if (!look(tail))
        schedule(tail);
    return tail;
}

static struct tail *find_or_add(struct tail_group *group, const struct place *place)
{
    struct stat root = {0};
    struct tail *tail;
    fstat(place->root, &root);
    char *key = memory_format(
        "%llx:%llx:%llx:%s/%s", (unsigned long long)root.st_dev, (unsigned long long)root.st_ino,
        (unsigned long long)hidden_digest(place->hidden), place->names ? place->names : "", place->path);
    HASH_FIND_STR(group->by_key, key, tail);
    if (!tail)
        return tail_new(group, place, key);
    free(key);
    return tail;
}

struct tail_group *tail_group_new(const struct tail_group_settings *settings)
{
    struct tail_group *group = MEMORY_NEW(struct tail_group);
    group->settings = *settings;
    group->watches = watches_new(settings->loop);
    group->piece = BUFFER(GROWING_PIECE + 2 * CHUNKS_PIECE_EXTRA);
    return group;
}

void tail_group_free(struct tail_group **owned)
{
    struct tail_group *group = *owned;
    struct tail *tail, *next;
    if (!group)
        return;
    HASH_ITER(hh, group->by_key, tail, next)
    {
        CHECK(tail->readers == 0);
        tail_free(tail);
    }
    watches_free(&group->watches);
    buffer_free(&group->piece);
    free(group);
    *owned = NULL;
}

/* --- readers --------------------------------------------------------------------------------------- */

/* At the file that is there, or behind the one that was there last. */
static void enter_at(struct tail_reader *reader, enum tail_start start)
{
    struct sequence *sequence = &reader->tail->sequence;
    struct sequence_file *last = sequence_last(sequence);
    struct growing_cursor end = at_start;
    if (sequence->place.numbered && start == TAIL_START) {
        enter_file(reader, sequence_oldest(sequence), at_start);
        reader->found = reader->file != NULL;
        return;
    }
    if (last && (start == TAIL_END || !sequence->named))
        end = (struct growing_cursor){.offset = last->growing.complete, .check = last->growing.check};
    enter_file(reader, last, end);
    reader->found = last && sequence->named;
}

static bool try_place(struct tail_reader *reader, const struct event_id *id)
{
    struct growing_cursor cursor;
    struct sequence_file *file = sequence_find(&reader->tail->sequence, id->generation);
    if (!file || !growing_fits(&file->growing, id, &cursor))
        return false;
    enter_file(reader, file, cursor);
    return true;
}

static bool is_at_start(const struct tail_reader *reader, const struct event_id *id)
{
    return id->generation == event_id_start(&reader->file->growing.file.id).generation;
}

/* The id may be ahead of what we have read: another process gave it. */
static enum tail_reason enter_after(struct tail_reader *reader, const struct event_id *id)
{
    struct tail *tail = reader->tail;
    if (id->offset == 0) /* no bytes before it tell whether the file was cut since it was read */
        look(tail);
    bool fits = try_place(reader, id);
    if (!fits) {
        tail->sequence.look = true;
        look(tail);
        fits = try_place(reader, id);
    }
    reader->found = true;
    if (fits) /* of who has seen only the start it is not known whether that was before the cut */
        return reader->file->cut && is_at_start(reader, id) ? TAIL_CUT : TAIL_NO_RESET;
    enter_at(reader, TAIL_START);
    return sequence_find(&tail->sequence, id->generation) ? TAIL_CHANGED : TAIL_GONE;
}

enum tail_reason tail_join(struct tail_group *group, const struct place *place, struct tail_reader *reader,
                           enum tail_start start, const struct event_id *id)
{
    struct tail *tail = find_or_add(group, place);
    enum tail_reason reason = TAIL_NO_RESET;
    CHECK(!reader->tail && reader->events);
    reader->tail = tail;
    reader->file = NULL;
    reader->resting = false;
    tail->readers++;
    list_append(&tail->due, &reader->link);
    bool current = sequence_is_current(&tail->sequence);
    if (!current || start == TAIL_END) { /* news of it may still be to come */
        tail->sequence.look |= !current;
        look(tail);
    }
    if (start == TAIL_AFTER && id->generation != 0)
        reason = enter_after(reader, id);
    else
        enter_at(reader, start == TAIL_AFTER ? TAIL_START : start);
    schedule(tail);
    return reason;
}

void tail_leave(struct tail_reader *reader)
{
    struct tail *tail = reader->tail;
    if (!tail)
        return;
    enter_file(reader, NULL, at_start);
    list_remove(&reader->link);
    reader->tail = NULL;
    tail->left_us = loop_now_us(tail->group->settings.loop);
    tail->readers--;
}

void tail_resume(struct tail_reader *reader)
{
    if (!reader->resting)
        return;
    reader->resting = false;
    move(reader, &reader->tail->due);
    schedule(reader->tail);
}

void tail_refresh(struct tail_reader *reader)
{
    struct tail *tail = reader->tail;
    loop_timer_stop(&tail->pace);
    tail->asked = tail->sequence.look = true;
    tail->sequence.settled = false;
    schedule(tail);
}

bool tail_is_level(struct tail_reader *reader)
{
    struct sequence *sequence = &reader->tail->sequence;
    sequence->look = true;
    sequence->settled = false;
    for (int i = 0; i < LOOKS_MOST && !sequence->settled && (i == 0 || !sequence->failed); i++)
        look(reader->tail);
    const struct sequence_file *file = reader->file, *last = sequence_last(sequence);
    return sequence->settled &&
           (!file || (file == last && reader->cursor.offset == file->growing.complete)) && (file || !last);
}
