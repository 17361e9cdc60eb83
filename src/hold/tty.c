#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/check.h"
#include "base/memory.h"
#include "screen/screen.h"

#include "hold/audience.h"
#include "hold/pty.h"
#include "hold/tty.h"
#include "hold/typed.h"

enum {
    TTY_READ_SMALL = 4096,     /* what the kernel gives at once */
    TTY_READ_MOST = 65536,     /* per turn: about two milliseconds of work; the screen takes less of worse */
    TTY_LAST_PARTS = 100,      /* of what is left at the end, and takes long */
    TTY_LAST = 4 << 20,        /* far more than a terminal holds */
    TTY_IDLE_MS = 200,         /* then memory is given back */
    TTY_RESIZE_MS = 50,        /* between two changes of size, */
    TTY_RESIZE_TIMES = 4,      /* or so many times what the last one took, */
    TTY_RESIZE_MOST_MS = 2000, /* but no longer */
    TTY_REFRESH_MS = 150,      /* after the last of them viewers get a snapshot */
    TTY_NEWS_MS = 250,         /* between two news of size and viewers */
    TTY_LAST_ROWS = 20,        /* for the log */
    TTY_LINE_MOST = 4096,      /* bytes that a scrollback line is expected to need at most, on average */
    TTY_SCROLLBACK_MOST = 64 << 20,
    TTY_SNAPSHOT_MOST = 128 << 20,
};

struct tty {
    struct loop *loop;
    struct pty pty;
    struct loop_fd watch; /* of the master */
    struct screen *screen;
    struct typed typed;
    struct audience *audience;
    struct tty_events events;
    struct buffer snapshot; /* the one made last, while there is need of it */
    bool snapshot_is_fresh; /* nothing has changed since */
    struct buffer title;
    char *scratch;     /* TTY_READ_MOST bytes, or NULL while idle */
    struct slice rest; /* of it: what the screen has not taken yet */
    struct loop_task turn;
    struct loop_timer idle;
    struct loop_timer resize;
    struct loop_timer news;
    int64_t resized_ms, resize_gap_ms;
    bool changed; /* size or number of viewers, and nobody was told yet */
    bool finished;
};

/* --- to the program ----------------------------------------------------------------------------------- */

static void tty_write(struct tty *tty)
{
    if (!tty->watch.loop)
        return;
    int code = typed_write(&tty->typed, tty->pty.master);
    if (code && code != -EAGAIN)
        buffer_clear(&tty->typed.bytes); /* nobody will ever read it */
    loop_fd_change(&tty->watch, EPOLLIN | LOOP_LEVEL | (code == -EAGAIN ? (uint32_t)EPOLLOUT : 0));
    audience_listen(tty->audience, typed_has_room(&tty->typed));
}

static void tty_on_input(void *owner, struct slice bytes)
{
    struct tty *tty = owner;
    typed_add(&tty->typed, bytes);
    tty_write(tty);
}

static void tty_on_answer(void *owner, struct slice bytes)
{
    struct tty *tty = owner;
    typed_add(&tty->typed, bytes); /* written when the screen has taken what it is fed */
}

/* --- size and news ------------------------------------------------------------------------------------- */

static bool tty_on_news(void *owner, struct hold_terminal_news *news)
{
    struct tty *tty = owner;
    news->columns = screen_columns(tty->screen);
    news->rows = screen_rows(tty->screen);
    news->viewers = (int64_t)audience_count(tty->audience);
    return tty->events.on_news(tty->events.owner, news);
}

static void tty_tell_now(struct tty *tty)
{
    struct hold_terminal_news news = {.action = HOLD_TERMINAL_NOTHING};
    tty->changed = false;
    tty_on_news(tty, &news);
}

static void tty_on_news_due(struct loop_timer *timer)
{
    struct tty *tty = LIST_ENTRY(timer, struct tty, news);
    if (tty->changed)
        tty_tell_now(tty);
}

/* The first change at once, what follows within TTY_NEWS_MS together. */
static void tty_tell_soon(struct tty *tty)
{
    tty->changed = true;
    if (loop_timer_armed(&tty->news) || tty->finished)
        return;
    tty_tell_now(tty);
    loop_timer_start(tty->loop, &tty->news, TTY_NEWS_MS, tty_on_news_due);
}

/* With a large scrollback it takes long. Whoever changes the size all the time is not to take up the hold. */
static void tty_wrap_anew(struct tty *tty, uint16_t columns, uint16_t rows)
{
    const struct clock *clock = loop_clock(tty->loop);
    int64_t before_us = clock->monotonic_us(clock);
    screen_resize(tty->screen, columns, rows);
    tty->snapshot_is_fresh = false;
    int64_t gap_ms = TTY_RESIZE_TIMES * (clock->monotonic_us(clock) - before_us) / 1000;
    tty->resize_gap_ms = gap_ms < TTY_RESIZE_MS        ? TTY_RESIZE_MS
                         : gap_ms < TTY_RESIZE_MOST_MS ? gap_ms
                                                       : TTY_RESIZE_MOST_MS;
}

static void tty_resize(struct tty *tty)
{
    uint16_t columns = (uint16_t)screen_columns(tty->screen), rows = (uint16_t)screen_rows(tty->screen);
    const uint16_t before[2] = {columns, rows};
    audience_size(tty->audience, &columns, &rows);
    if (columns == before[0] && rows == before[1])
        return;
    tty->resized_ms = loop_now_ms(tty->loop);
    tty_wrap_anew(tty, columns, rows);
    pty_resize(&tty->pty, columns, rows);
    audience_tell_size(tty->audience, columns, rows);
    audience_flush(tty->audience);
    /* Emulators differ in what they make of lines that do not fit any more. */
    audience_refresh(tty->audience, TTY_REFRESH_MS);
    tty_tell_soon(tty);
}

static void tty_on_resize_due(struct loop_timer *timer)
{
    tty_resize(LIST_ENTRY(timer, struct tty, resize));
}

static void tty_on_change(void *owner)
{
    struct tty *tty = owner;
    tty_tell_soon(tty);
    if (tty->finished || loop_timer_armed(&tty->resize))
        return;
    int64_t left_ms = tty->resized_ms + tty->resize_gap_ms - loop_now_ms(tty->loop);
    if (left_ms > 0 && tty->resized_ms)
        loop_timer_start(tty->loop, &tty->resize, left_ms, tty_on_resize_due);
    else
        tty_resize(tty);
}

/* --- to viewers ----------------------------------------------------------------------------------------- */

static void tty_on_output(void *owner, struct slice bytes)
{
    struct tty *tty = owner;
    audience_output(tty->audience, bytes);
}

static void tty_on_title(void *owner, struct slice title)
{
    struct tty *tty = owner;
    buffer_clear(&tty->title);
    buffer_append(&tty->title, title);
    audience_tell_title(tty->audience, title);
}

static void tty_on_show(void *owner, struct spectator_snapshot *snapshot)
{
    struct tty *tty = owner;
    if (!tty->snapshot_is_fresh) {
        buffer_free(&tty->snapshot);
        screen_snapshot(tty->screen, &tty->snapshot);
        tty->snapshot_is_fresh = true;
    }
    *snapshot = (struct spectator_snapshot){.columns = (uint16_t)screen_columns(tty->screen),
                                            .rows = (uint16_t)screen_rows(tty->screen),
                                            .title = buffer_slice(&tty->title),
                                            .text = buffer_slice(&tty->snapshot),
                                            .pending = screen_pending(tty->screen),
                                            .place = screen_place(tty->screen)};
}

/* --- from the program ------------------------------------------------------------------------------------
 */

static void tty_on_idle(struct loop_timer *timer)
{
    struct tty *tty = LIST_ENTRY(timer, struct tty, idle);
    buffer_free(&tty->snapshot);
    tty->snapshot_is_fresh = false;
    if (tty->rest.size)
        return; /* tty_feed() starts the timer again */
    free(tty->scratch);
    tty->scratch = NULL;
}

static void tty_on_turn(struct loop_task *task);

static void tty_make_scratch(struct tty *tty)
{
    if (!tty->scratch)
        tty->scratch = memory_resize(NULL, TTY_READ_MOST);
}

/* A program may ask for more work than can be done at once: others get their turn in between. */
static void tty_feed(struct tty *tty, struct slice bytes)
{
    tty->snapshot_is_fresh = false;
    tty->rest = slice_from(bytes, screen_feed_some(tty->screen, bytes));
    if (tty->rest.size)
        loop_task_start(tty->loop, &tty->turn, tty_on_turn);
    audience_flush(tty->audience);
    if (!typed_is_empty(&tty->typed))
        tty_write(tty);
    loop_timer_start(tty->loop, &tty->idle, TTY_IDLE_MS, tty_on_idle);
}

static void tty_on_turn(struct loop_task *task)
{
    struct tty *tty = LIST_ENTRY(task, struct tty, turn);
    tty_feed(tty, tty->rest);
}

static void tty_feed_small(struct tty *tty, struct slice bytes)
{
    tty_feed(tty, bytes);
    if (tty->rest.size == 0)
        return;
    tty_make_scratch(tty);
    memcpy(tty->scratch, tty->rest.data, tty->rest.size);
    tty->rest.data = tty->scratch;
}

/* Bytes taken; 0: nothing is there now; -EIO: and nothing will come. */
static ssize_t tty_read(struct tty *tty, char *place, size_t room)
{
    ssize_t size = read(tty->pty.master, place, room);
    if (size > 0)
        return size;
    return size < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : -EIO;
}

/* Takes what is there, up to TTY_READ_MOST. The same results. */
static ssize_t tty_take(struct tty *tty)
{
    char first[TTY_READ_SMALL];
    ssize_t size = tty_read(tty, first, sizeof first), more;
    if (size <= 0)
        return size;
    if (size < TTY_READ_SMALL / 2) { /* likely all there was */
        tty_feed_small(tty, slice_of(first, (size_t)size));
        return size;
    }
    tty_make_scratch(tty);
    memcpy(tty->scratch, first, (size_t)size);
    while (size < TTY_READ_MOST &&
           (more = tty_read(tty, tty->scratch + size, (size_t)(TTY_READ_MOST - size))) > 0)
        size += more;
    tty_feed(tty, slice_of(tty->scratch, (size_t)size));
    return size;
}

static void tty_on_ready(struct loop_fd *watch, uint32_t events)
{
    struct tty *tty = LIST_ENTRY(watch, struct tty, watch);
    if (events & EPOLLOUT)
        tty_write(tty);
    if (tty->rest.size)
        return; /* tty_on_turn() comes first */
    if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) && tty_take(tty) < 0)
        loop_fd_stop(&tty->watch); /* hung up: the screen stays, and the end of the run is told elsewhere */
}

/* --- birth and death --------------------------------------------------------------------------------------
 */

static struct screen *tty_screen(struct tty *tty, const struct hold_terminal *terminal)
{
    size_t lines = (size_t)terminal->scrollback, bytes = lines * TTY_LINE_MOST;
    const struct screen_settings settings = {
        .columns = (int)terminal->columns,
        .rows = (int)terminal->rows,
        .scrollback_lines = lines,
        .scrollback_bytes = bytes < TTY_SCROLLBACK_MOST ? bytes : TTY_SCROLLBACK_MOST,
        .on_answer = tty_on_answer,
        .on_title = tty_on_title,
        .on_output = tty_on_output,
        .owner = tty,
    };
    return screen_new(&settings);
}

struct tty *tty_new(struct loop *loop, const struct hold_terminal *terminal, const struct tty_events *events)
{
    struct pty pty;
    int error = pty_open(&pty, (uint16_t)terminal->columns, (uint16_t)terminal->rows);
    if (error) {
        errno = -error;
        return NULL;
    }
    struct tty *tty = MEMORY_NEW(struct tty);
    const struct audience_events audience = {.on_input = tty_on_input,
                                             .on_change = tty_on_change,
                                             .on_show = tty_on_show,
                                             .on_news = tty_on_news,
                                             .owner = tty};
    tty->loop = loop;
    tty->pty = pty;
    tty->events = *events;
    tty->typed = typed_new();
    tty->snapshot = BUFFER(TTY_SNAPSHOT_MOST);
    tty->title = BUFFER(SCREEN_TITLE_MOST);
    tty->audience = audience_new(loop, terminal, &audience);
    tty->screen = tty_screen(tty, terminal);
    CHECK(loop_fd_start(loop, &tty->watch, pty.master, EPOLLIN | LOOP_LEVEL, tty_on_ready) == 0);
    return tty;
}

int tty_slave(const struct tty *tty)
{
    return tty->pty.slave;
}

int64_t tty_attach(struct tty *tty, int fd, const struct hold_terminal_attach *attach)
{
    if (!tty->finished) {
        int64_t number = audience_attach(tty->audience, fd, attach);
        loop_timer_start(tty->loop, &tty->idle, TTY_IDLE_MS, tty_on_idle);
        return number;
    }
    close(fd);
    return -EPIPE;
}

void tty_tell(struct tty *tty)
{
    tty_tell_now(tty);
    audience_tell_news(tty->audience);
}

/* What was read, and what is still there. */
static void tty_take_last(struct tty *tty)
{
    ssize_t size = tty->watch.loop ? 1 : 0;
    int64_t taken = 0;
    int parts = 0;
    while (size > 0 && taken < TTY_LAST && parts < TTY_LAST_PARTS) {
        if (tty->rest.size) {
            tty_feed(tty, tty->rest);
            parts++;
        } else {
            size = tty_take(tty);
            taken += size;
        }
    }
    tty->rest = (struct slice){0};
    loop_task_stop(&tty->turn);
}

void tty_finish(struct tty *tty, const char *sentence, struct buffer *rows)
{
    tty_take_last(tty);
    tty->finished = true;
    loop_fd_stop(&tty->watch);
    loop_timer_stop(&tty->idle);
    loop_timer_stop(&tty->resize);
    loop_timer_stop(&tty->news);
    pty_close(&tty->pty);
    screen_text(tty->screen, TTY_LAST_ROWS, rows);
    audience_end(tty->audience, slice_of_text(sentence));
    tty_on_idle(&tty->idle);
}

bool tty_is_told(const struct tty *tty)
{
    return audience_is_told(tty->audience);
}

void tty_free(struct tty **where)
{
    struct tty *tty = *where;
    if (!tty)
        return;
    loop_fd_stop(&tty->watch);
    loop_timer_stop(&tty->idle);
    loop_timer_stop(&tty->resize);
    loop_timer_stop(&tty->news);
    loop_task_stop(&tty->turn);
    audience_free(&tty->audience);
    screen_free(&tty->screen);
    typed_free(&tty->typed);
    pty_close(&tty->pty);
    buffer_free(&tty->snapshot);
    buffer_free(&tty->title);
    free(tty->scratch);
    free(tty);
    *where = NULL;
}
