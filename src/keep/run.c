/* See the header. The hold does the work; here it is checked, recorded and, when it fails, replaced by force.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/check.h"
#include "base/memory.h"
#include "base/utf8.h"
#include "link/channel.h"

#include "keep/cause.h"
#include "keep/claims.h"
#include "keep/evidence.h"
#include "keep/run.h"
#include "keep/sweep.h"

enum run_state {
    RUN_GREETING, /* connected; the hold has not said who it is */
    RUN_STARTING, /* the hold is known, the program does not run yet */
    RUN_RUNNING,  /* the program runs */
    RUN_ENDING,   /* the main process has gone; the hold stops what it left behind */
    RUN_FAREWELL, /* the end is recorded and acknowledged; the hold goes */
    RUN_LOST,     /* the hold has gone or is not to be believed; run_kill() is awaited */
    RUN_KILLING,  /* every process of the run is being killed */
    RUN_OVER,     /* nothing is left */
};

enum {
    RUN_STOP_MARGIN_MS = 6000, /* the hold gives up 5 s after the grace and says what remains */
    RUN_FAREWELL_MS = 1000,
};

struct run {
    struct run_settings settings;
    struct record record;
    enum run_state state;
    bool adopted;
    pid_t peer;            /* of an adopted hold, by SO_PEERCRED; 0: started by us */
    int64_t stop_grace_ms; /* the shortest asked for; -1: not asked */
    struct channel *channel;
    struct loop_fd main; /* a pidfd, readable when the main process has gone */
    struct loop_timer patience;
    struct sweep *sweep;
    struct viewing *viewing;
    struct monitor_member watched;
    struct run_end end;
    struct hold_end hold_end;
};

const struct record *run_record(const struct run *run)
{
    return &run->record;
}

bool run_is_executed(const struct run *run)
{
    return run->state == RUN_RUNNING;
}

/* --- record and journal ------------------------------------------------------------------------- */

static void run_write_record(struct run *run)
{
    int error = record_write(run->settings.directory, &run->record);
    if (error)
        log_warning(run->settings.log, "the record of a run could not be written",
                    LOG_TEXT("target", run->record.target), LOG_TEXT("error", strerror(-error)));
}

/* Steals `evidence`. */
static void run_journal(struct run *run, const char *event, json_t *evidence)
{
    CHECK(evidence);
    json_object_set_new(evidence, "generation", json_integer((json_int_t)run->record.generation));
    run->settings.events->on_journal(run->settings.owner, event, evidence);
    json_decref(evidence);
}

static json_t *run_evidence(const struct run *run)
{
    return evidence_of_process(&run->record, run->state > RUN_GREETING && run->state < RUN_LOST);
}

/* --- the end ------------------------------------------------------------------------------------ */

static void run_watch_main_no_more(struct run *run)
{
    int fd = run->main.fd;
    loop_fd_stop(&run->main);
    if (fd >= 0)
        close(fd);
    run->main = (struct loop_fd){.fd = -1};
}

static void run_watch_no_more(struct run *run)
{
    monitor_remove(&run->watched);
    run_watch_main_no_more(run);
    loop_timer_stop(&run->patience);
    channel_close(&run->channel);
}

static void run_finish(struct run *run)
{
    run->state = RUN_OVER;
    run_watch_no_more(run);
    if (run->record.socket[0])
        unlink(run->record.socket);
    run->settings.events->on_over(run->settings.owner, &run->end);
}

static void run_on_farewell_late(struct loop_timer *timer)
{
    struct run *run = LIST_ENTRY(timer, struct run, patience);
    run_journal(run, "hold-stays", json_pack("{s:i}", "pid", (int)run->record.hold.pid));
    run_kill(run);
}

/* Row first, then the acknowledgement: until then the hold keeps the end for whoever asks. */
static void run_accept_end(struct run *run, const struct hold_end *end)
{
    run->hold_end = *end;
    cause_of_end(&run->end.cause, end);
    run->end.after_ms = end->after_ms;
    run->record.over = true;
    run_write_record(run);
    viewing_tell(run->viewing);
    run_journal(run, "exit", evidence_of_end(&run->record, end, &run->end.cause));
}

static void run_on_end_message(struct run *run, const json_t *body)
{
    struct hold_end end;
    struct error error = {0};
    if (!hold_end_decode(body, &end, &error) || end.generation != (int64_t)run->record.generation ||
        strcmp(end.nonce, run->record.nonce) != 0) {
        run_journal(run, "refused",
                    json_pack("{s:s, s:s}", "what", "exit of another run", "text", utf8_clean(error.text)));
        return;
    }
    run_accept_end(run, &end);
    channel_send(run->channel, MESSAGE_HOLD_ACK, 0, NULL, NULL, 0);
    run->state = RUN_FAREWELL;
    if (end.remaining > 0)
        run_kill(run); /* of another uid, perhaps: our rights may go further */
    else
        loop_timer_start(run->settings.loop, &run->patience, RUN_FAREWELL_MS, run_on_farewell_late);
}

/* --- the hold is lost --------------------------------------------------------------------------- */

static void run_set_lost(struct run *run, const char *why)
{
    struct hold_end end;
    if (record_read_end(run->settings.directory, &run->record, &end)) {
        run_accept_end(run, &end);
        return;
    }
    cause_set(&run->end.cause, TARGET_CAUSE_LOST, "its hold (pid %d) %s; what was left of the run is killed",
              (int)run->record.hold.pid, why);
    run_journal(run, "lost",
                json_pack("{s:i, s:i, s:s}", "hold", (int)run->record.hold.pid, "pid",
                          (int)run->record.main.pid, "text", why));
}

/* From the loop: the owner calls run_kill() when it is told. */
static void run_lose(struct run *run, const char *why)
{
    if (run->state >= RUN_LOST)
        return;
    run_watch_no_more(run);
    bool known = run->state == RUN_FAREWELL;
    run->state = RUN_LOST;
    if (known) {
        run_kill(run);
        return;
    }
    run_set_lost(run, why);
    run->settings.events->on_lost(run->settings.owner);
}

static void run_on_no_answer(struct loop_timer *timer)
{
    run_lose(LIST_ENTRY(timer, struct run, patience), "did not answer");
}

static void run_on_no_end(struct loop_timer *timer)
{
    run_lose(LIST_ENTRY(timer, struct run, patience), "did not stop the run in time");
}

static void run_on_swept_signal(void *owner, const struct survivor *survivor)
{
    struct run *run = owner;
    char command[IDENTITY_COMMAND_SIZE];
    run_journal(run, "signal",
                json_pack("{s:i, s:i, s:I, s:s, s:s}", "signal", SIGKILL, "pid", (int)survivor->identity.pid,
                          "start_time", (json_int_t)survivor->identity.start_time, "found_by",
                          survivors_why_name(survivor->why), "command",
                          identity_command(survivor->identity.pid, command)));
}

static void run_on_swept(void *owner, int left)
{
    struct run *run = owner;
    sweep_free(&run->sweep);
    if (left)
        run_journal(run, "remaining", json_pack("{s:i}", "processes", left));
    if (!run->record.over) {
        run->record.over = true;
        run_write_record(run);
    }
    run_finish(run);
}

static const struct sweep_events run_sweep_events = {
    .on_signal = run_on_swept_signal,
    .on_done = run_on_swept,
};

void run_kill(struct run *run)
{
    if (run->state >= RUN_KILLING)
        return;
    run_watch_no_more(run);
    run->state = RUN_KILLING;
    struct survivors_run what = {
        .nonce = run->record.nonce,
        .hold = run->record.hold,
        .main = run->record.main,
    };
    run->sweep = sweep_start(run->settings.loop, &what, &run_sweep_events, run);
}

/* --- what the hold says ------------------------------------------------------------------------- */

static void run_on_main_gone(struct loop_fd *watch, uint32_t events)
{
    (void)events;
    struct run *run = LIST_ENTRY(watch, struct run, main);
    run_watch_main_no_more(run);
    if (run->state != RUN_RUNNING)
        return;
    run->state = RUN_ENDING;
    run->settings.events->on_ending(run->settings.owner);
}

static bool run_set_main(struct run *run, int64_t pid, int64_t start_time)
{
    struct identity identity;
    enum claims_verdict verdict = claims_main(&run->record, pid, start_time, &identity);
    if (verdict != CLAIMS_TRUE)
        return verdict == CLAIMS_GONE;
    run->record.main = identity;
    int pidfd = identity_open(&identity);
    if (pidfd < 0)
        return true;
    if (loop_fd_start(run->settings.loop, &run->main, pidfd, EPOLLIN, run_on_main_gone) < 0) {
        close(pidfd);
        run->main = (struct loop_fd){.fd = -1};
    }
    return true;
}

/* Who it is: every hold ever made answers that. */
static void run_ask_hello(struct run *run)
{
    channel_send(run->channel, MESSAGE_HOLD_HELLO, 0, json_pack("{s:i}", "version", HOLD_PROTOCOL), NULL, 0);
}

static void run_on_monitor_asks(struct monitor_member *member)
{
    struct run *run = LIST_ENTRY(member, struct run, watched);
    if (run->channel)
        run_ask_hello(run);
}

static void run_on_monitor_gives_up(struct monitor_member *member, const char *why)
{
    run_lose(LIST_ENTRY(member, struct run, watched), why);
}

static void run_have_watched(struct run *run)
{
    run->watched.name = run->record.target;
    run->watched.who = &run->record.hold;
    run->watched.ask = run_on_monitor_asks;
    run->watched.give_up = run_on_monitor_gives_up;
    monitor_add(run->settings.monitor, &run->watched);
}

static void run_set_executed(struct run *run, int64_t started_ms)
{
    const struct clock *clock = loop_clock(run->settings.loop);
    int64_t now_ms = clock->boottime_ms(clock);
    bool fresh = run->record.started_ms == 0;
    if (fresh) {
        run->record.started_ms = started_ms > 0 && started_ms <= now_ms ? started_ms : now_ms;
        run->record.started_wall_ms = clock->wall_ms(clock) - (now_ms - run->record.started_ms);
    }
    run->state = RUN_RUNNING;
    if (run->stop_grace_ms < 0)
        loop_timer_stop(&run->patience);
    run_have_watched(run);
    run_write_record(run);
    json_t *evidence = run_evidence(run);
    json_object_set_new(evidence, "hold", json_integer(run->record.hold.pid));
    run_journal(run, run->adopted ? "adopted" : "started", evidence);
    run->settings.events->on_executed(run->settings.owner);
}

static void run_on_started(struct run *run, const json_t *body)
{
    if (run->state != RUN_STARTING)
        return;
    int64_t pid = json_integer_value(json_object_get(body, "pid"));
    int64_t start_time = json_integer_value(json_object_get(body, "start_time"));
    if (run_set_main(run, pid, start_time))
        run_set_executed(run, json_integer_value(json_object_get(body, "started_ms")));
    else
        run_lose(run, "named a process that is not its child");
}

static void run_follow_hello(struct run *run, const struct hold_hello *hello)
{
    switch (hello->state) {
    case HOLD_STARTING:
        run_write_record(run);
        if (run->stop_grace_ms < 0)
            loop_timer_stop(&run->patience);
        break;
    case HOLD_RUNNING:
        if (run_set_main(run, hello->pid, hello->start_time))
            run_set_executed(run, hello->started_ms);
        else
            run_lose(run, "named a process that is not its child");
        break;
    case HOLD_ENDING:
        run_write_record(run);
        run->state = RUN_ENDING;
        loop_timer_stop(&run->patience);
        run->settings.events->on_ending(run->settings.owner);
        break;
    case HOLD_EXITED: {
        json_t *end = hold_end_encode(&hello->end);
        run_on_end_message(run, end);
        json_decref(end);
        break;
    }
    }
}

static void run_on_hello(struct run *run, const json_t *body)
{
    const struct claims_witness witness = {run->adopted, run->peer, run->settings.hold_program};
    struct hold_hello hello;
    struct error error = {0};
    if (run->state != RUN_GREETING)
        return;
    if (!hold_hello_decode(body, &hello, &error) ||
        !claims_hold(&run->record, &hello, &witness, &run->record.hold)) {
        run_journal(run, "refused",
                    json_pack("{s:s, s:s}", "what", "hello of a hold", "text", utf8_clean(error.text)));
        run_lose(run, "is not the one that was recorded");
        return;
    }
    run->state = RUN_STARTING;
    run_follow_hello(run, &hello);
}

static void run_on_output(struct run *run, const json_t *body)
{
    const char *text = json_string_value(json_object_get(body, "error"));
    log_warning(run->settings.log, "output of a run is not all kept", LOG_TEXT("target", run->record.target),
                LOG_NUMBER("dropped", json_integer_value(json_object_get(body, "dropped"))),
                LOG_TEXT("error", text));
    monitor_note_output(&run->watched, text);
}

static void run_on_message(void *owner, struct channel_message *message)
{
    struct run *run = owner;
    monitor_heard(&run->watched);
    switch ((int)message->type) {
    case MESSAGE_HOLD_HELLO:
        run_on_hello(run, message->body);
        break;
    case MESSAGE_HOLD_STARTED:
        run_on_started(run, message->body);
        break;
    case MESSAGE_HOLD_FAILED:
    case MESSAGE_HOLD_EXIT:
        if (run->state < RUN_FAREWELL)
            run_on_end_message(run, message->body);
        break;
    case MESSAGE_HOLD_OUTPUT:
        run_on_output(run, message->body);
        break;
    default: /* a later version may say more */
        viewing_hear(run->viewing, message);
    }
}

static void run_on_channel_end(void *owner, int error)
{
    struct run *run = owner;
    if (run->state == RUN_FAREWELL && error == 0)
        run_finish(run);
    else if (run->state < RUN_LOST)
        run_lose(run, error == 0 ? "has gone" : error == EPROTO ? "sent nonsense" : strerror(error));
}

static const struct channel_events run_channel_events = {
    .on_message = run_on_message,
    .on_end = run_on_channel_end,
};

/* --- from outside ------------------------------------------------------------------------------- */

static void run_on_viewing_journal(void *owner, json_t *evidence)
{
    run_journal(owner, "terminal", evidence);
}

static void run_on_viewing_change(void *owner, const struct hold_terminal_news *now)
{
    const struct run *run = owner;
    if (run->settings.events->on_terminal && run->state < RUN_FAREWELL)
        run->settings.events->on_terminal(run->settings.owner, now);
}

void run_attach(struct run *run, const struct hold_terminal_attach *attach, viewing_done_fn *done,
                void *owner)
{
    bool there = run->channel && run->state > RUN_GREETING && run->state < RUN_FAREWELL;
    viewing_ask(run->viewing, there ? run->channel : NULL, attach, done, owner);
}

static struct run *run_new(const struct run_settings *settings, const struct record *record)
{
    struct run *run = MEMORY_NEW(struct run);
    run->settings = *settings;
    run->record = *record;
    run->main.fd = -1;
    run->stop_grace_ms = -1;
    run->viewing = viewing_new(settings->loop,
                               &(struct viewing_events){run_on_viewing_journal, run_on_viewing_change, run});
    return run;
}

static void run_on_nobody(struct loop_timer *timer)
{
    run_lose(LIST_ENTRY(timer, struct run, patience), "has gone");
}

/* Takes `fd`; without one (or a watch on it) the run is lost, told from the loop. */
static void run_greet(struct run *run, int fd, int64_t patience_ms)
{
    struct loop *loop = run->settings.loop;
    if (fd >= 0)
        run->channel = channel_new(loop, fd, &run_channel_events, run);
    loop_timer_start(loop, &run->patience, run->channel ? patience_ms : 0,
                     run->channel ? run_on_no_answer : run_on_nobody);
}

static void run_forget_start(struct run *run)
{
    run->record.over = true;
    run_write_record(run);
    viewing_free(&run->viewing);
    free(run);
}

struct run *run_start(const struct run_settings *settings, const struct record *record,
                      const struct spawn_settings *spawn, struct error *error)
{
    struct run *run = run_new(settings, record);
    int failed = record_write(settings->directory, record);
    if (failed) {
        error_set(error, "cannot write the record of the run: %s", strerror(-failed));
        viewing_free(&run->viewing);
        free(run);
        return NULL;
    }
    run_journal(run, "spawn", json_pack("{s:s, s:s}", "nonce", record->nonce, "address", record->address));
    int fd = spawn_hold(spawn, error);
    if (fd < 0) {
        run_forget_start(run);
        return NULL;
    }
    run_greet(run, fd, RUN_STOP_MARGIN_MS);
    return run;
}

struct run *run_adopt(const struct run_settings *settings, const struct record *record)
{
    struct run *run = run_new(settings, record);
    run->adopted = true;
    uid_t uid;
    int fd = spawn_connect(record->socket, &run->peer, &uid);
    if (fd >= 0 && uid != record->user) {
        close(fd);
        fd = -1;
    }
    run_greet(run, fd, RUN_ANSWER_MS);
    if (run->channel)
        run_ask_hello(run);
    return run;
}

int run_signal(struct run *run, int signo, const char *by)
{
    if (run->state != RUN_RUNNING || run->main.fd < 0)
        return -ESRCH;
    json_t *evidence = run_evidence(run);
    json_object_set_new(evidence, "signal", json_integer(signo));
    json_object_set_new(evidence, "by", json_string(by));
    run_journal(run, "signal", evidence);
    return identity_signal(run->main.fd, signo);
}

void run_stop(struct run *run, const struct run_stop_order *order)
{
    int64_t grace_ms = order->grace_ms;
    if (run->state >= RUN_FAREWELL || (run->stop_grace_ms >= 0 && run->stop_grace_ms <= grace_ms))
        return;
    run->stop_grace_ms = grace_ms;
    json_t *evidence = run_evidence(run);
    json_object_set_new(evidence, "grace_ms", json_integer((json_int_t)grace_ms));
    json_object_set_new(evidence, "signal", json_integer(grace_ms ? order->signal : SIGKILL));
    if (order->reason)
        json_object_set_new(evidence, "reason", json_string(order->reason));
    run_journal(run, "stop", evidence);
    if (!run->channel)
        return;
    channel_send(run->channel, MESSAGE_HOLD_STOP, 0,
                 json_pack("{s:i, s:I}", "signal", order->signal, "grace_ms", (json_int_t)grace_ms), NULL, 0);
    loop_timer_start(run->settings.loop, &run->patience, grace_ms + RUN_STOP_MARGIN_MS, run_on_no_end);
}

void run_set_ready(struct run *run, int64_t ready_after_ms)
{
    run->record.ready_after_ms = ready_after_ms;
    run_write_record(run);
}

void run_free(struct run **where)
{
    struct run *run = *where;
    if (!run)
        return;
    run_watch_no_more(run);
    sweep_free(&run->sweep);
    viewing_free(&run->viewing);
    loop_free_later(run->settings.loop, run, free);
    *where = NULL;
}
