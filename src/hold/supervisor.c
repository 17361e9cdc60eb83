#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/check.h"
#include "base/memory.h"

#include "hold/conversation.h"
#include "hold/exitfile.h"
#include "hold/explain.h"
#include "hold/family.h"
#include "hold/output.h"
#include "hold/program.h"
#include "hold/supervisor.h"
#include "hold/tty.h"

/* How far stopping has come; enum hold_state says how far the run has. */
enum supervisor_stop {
    STOP_NONE,    /* nobody wants it to end and the main process lives */
    STOP_ASKED,   /* the stop signal was sent; the grace timer runs */
    STOP_KILLING, /* SIGKILL to everything, again and again until nothing is left */
};

enum {
    KILL_FIRST_MS = 5, /* between two rounds of SIGKILL; doubles */
    KILL_SLOWEST_MS = 500,
    HANG_UP_MS = 500,
    KILL_GIVE_UP_MS = 5000, /* what lives on then is not ours to kill, or stuck in the kernel */
    VIEWERS_ROUND_MS = 20,  /* after the acknowledgement: have viewers read the last screen? */
    VIEWERS_ROUNDS = 25,
    ROWS_MOST = 1 << 20, /* bytes of a screen's last rows */
};

struct supervisor {
    struct loop *loop;
    struct supervisor_settings settings;
    struct conversation *conversation;
    struct output *output;
    struct tty *tty; /* NULL: pipes */
    struct program *program;
    enum hold_state state;
    enum supervisor_stop stop;
    bool group_signalled; /* the stop signal went to the program's process group */
    bool main_alive;      /* forked and not reaped: its pid and process group cannot be anyone else's */
    bool contained;       /* in its cgroup */
    int stop_signal;
    int64_t grace_end_ms;  /* monotonic */
    int64_t kill_began_ms; /* monotonic */
    int64_t kill_wait_ms;
    int64_t started_ms; /* boottime; 0: exec has not succeeded */
    int64_t start_time; /* of the main process */
    struct hold_end end;
    int viewers_rounds;
    struct loop_timer grace;
    struct loop_timer kill;
    struct loop_timer leave;
    struct loop_timer hang_up; /* runs while one with a terminal is asked to stop */
};

static int64_t supervisor_boottime(const struct supervisor *supervisor)
{
    const struct clock *clock = loop_clock(supervisor->loop);
    return clock->boottime_ms(clock);
}

static pid_t supervisor_pid(const struct supervisor *supervisor)
{
    return supervisor->main_alive ? program_pid(supervisor->program) : 0;
}

/* --- what the keeper is told --------------------------------------------------------------------- */

static json_t *supervisor_hello(const struct supervisor *supervisor)
{
    const struct hold_spec *spec = supervisor->settings.spec;
    struct family_member self = {0};
    family_member(getpid(), &self);
    struct hold_hello hello = {
        .version = HOLD_PROTOCOL,
        .generation = spec->generation,
        .hold_pid = getpid(),
        .hold_start_time = self.start_time,
        .pid = supervisor_pid(supervisor),
        .start_time = supervisor->start_time,
        .started_ms = supervisor->started_ms,
        .state = supervisor->state,
        .end = supervisor->end,
    };
    snprintf(hello.target, sizeof hello.target, "%s", spec->target);
    snprintf(hello.nonce, sizeof hello.nonce, "%s", spec->nonce);
    return hold_hello_encode(&hello);
}

static json_t *supervisor_output(const struct supervisor *supervisor)
{
    struct logfile_counts counts = output_counts(supervisor->output);
    json_t *json = json_pack("{s:I, s:I, s:I}", "bytes", (json_int_t)counts.bytes, "lines",
                             (json_int_t)counts.lines, "dropped", (json_int_t)counts.dropped);
    if (counts.error)
        json_object_set_new(json, "error", json_string(strerror(counts.error)));
    return json;
}

static json_t *supervisor_status(const struct supervisor *supervisor)
{
    int64_t children =
        supervisor->main_alive || supervisor->state == HOLD_ENDING ? family_signal(0, 0).found : 0;
    return json_pack("{s:s, s:I, s:I, s:b, s:o}", "state", hold_state_name(supervisor->state), "pid",
                     (json_int_t)supervisor_pid(supervisor), "children", (json_int_t)children, "contained",
                     supervisor->contained, "output", supervisor_output(supervisor));
}

static json_t *supervisor_started(const struct supervisor *supervisor)
{
    return json_pack("{s:I, s:I, s:I, s:b}", "pid", (json_int_t)supervisor_pid(supervisor), "start_time",
                     (json_int_t)supervisor->start_time, "started_ms", (json_int_t)supervisor->started_ms,
                     "contained", supervisor->contained);
}

static void supervisor_tell(struct supervisor *supervisor, enum message_type type, json_t *body)
{
    conversation_tell(supervisor->conversation, type, 0, body);
}

static void supervisor_on_health(void *owner)
{
    struct supervisor *supervisor = owner;
    supervisor_tell(supervisor, MESSAGE_HOLD_OUTPUT, supervisor_output(supervisor));
}

static bool supervisor_on_news(void *owner, const struct hold_terminal_news *news)
{
    struct supervisor *supervisor = owner;
    if (!conversation_is_held(supervisor->conversation))
        return false;
    supervisor_tell(supervisor, MESSAGE_HOLD_TERMINAL, hold_terminal_news_encode(news));
    return true;
}

/* --- the end -------------------------------------------------------------------------------------- */

/* Of what a terminal showed only its last rows go to the log: what it showed over time is no text. */
static void supervisor_finish_terminal(struct supervisor *supervisor)
{
    char text[HOLD_TEXT_SIZE];
    struct buffer rows = BUFFER(ROWS_MOST);
    if (!supervisor->tty)
        return;
    tty_finish(supervisor->tty, explain_end(&supervisor->end, text), &rows);
    output_note(supervisor->output, LOGLINE_TERMINAL, buffer_slice(&rows));
    buffer_free(&rows);
}

static void supervisor_record_end(struct supervisor *supervisor)
{
    struct hold_end *end = &supervisor->end;
    supervisor_finish_terminal(supervisor);
    output_finish(supervisor->output);
    loop_timer_stop(&supervisor->grace);
    loop_timer_stop(&supervisor->kill);
    end->generation = supervisor->settings.spec->generation;
    snprintf(end->nonce, sizeof end->nonce, "%s", supervisor->settings.spec->nonce);
    supervisor->state = HOLD_EXITED;
    json_t *json = hold_end_encode(end);
    /* Without it (a full disk) the end is still told by us, to this keeper or the next. */
    exitfile_write(supervisor->settings.run_directory, json);
    supervisor_tell(supervisor, end->failed ? MESSAGE_HOLD_FAILED : MESSAGE_HOLD_EXIT, json);
}

/* Over as soon as nothing is left, or nothing that we could end. */
static void supervisor_check_end(struct supervisor *supervisor)
{
    if (supervisor->state != HOLD_ENDING)
        return;
    bool gone = family_gone();
    bool given_up = supervisor->stop == STOP_KILLING &&
                    loop_now_ms(supervisor->loop) - supervisor->kill_began_ms >= KILL_GIVE_UP_MS;
    if (!gone && !given_up)
        return;
    supervisor->end.remaining = gone ? 0 : family_signal(0, 0).found;
    supervisor_record_end(supervisor);
}

static void supervisor_on_leave(struct loop_timer *timer)
{
    struct supervisor *supervisor = LIST_ENTRY(timer, struct supervisor, leave);
    bool told = !supervisor->tty || tty_is_told(supervisor->tty);
    if (told || supervisor->viewers_rounds++ == VIEWERS_ROUNDS)
        loop_stop(supervisor->loop);
    else
        loop_timer_start(supervisor->loop, timer, VIEWERS_ROUND_MS, supervisor_on_leave);
}

/* --- stopping ------------------------------------------------------------------------------------- */

/* The pid cannot be reused before the loop has reaped it, and we hear of that in the same turn. Until
 * setsid() the child is in no group of its own. */
static void supervisor_signal_main(const struct supervisor *supervisor, int signo, bool group)
{
    pid_t pid = supervisor_pid(supervisor);
    if (pid == 0)
        return;
    if (!group || kill(-pid, signo))
        kill(pid, signo);
}

static bool supervisor_ignores_stop(const struct supervisor *supervisor)
{
    struct family_member member;
    pid_t pid = supervisor_pid(supervisor);
    return pid && family_member(pid, &member) && (member.ignored & 1U << (SIGTERM - 1));
}

/* Interactive shells ignore SIGTERM; a hang-up they pass on to their jobs, stopped ones included. Whoever
 * does not ignore it has the whole grace for an end in order. Again and again: bash forgets a hang-up that
 * comes just before it begins to wait for a job, and looks for a moment as if it would obey SIGTERM while it
 * starts one. */
static void supervisor_on_hang_up(struct loop_timer *timer)
{
    struct supervisor *supervisor = LIST_ENTRY(timer, struct supervisor, hang_up);
    if (!supervisor->main_alive || supervisor->stop != STOP_ASKED)
        return;
    if (supervisor_ignores_stop(supervisor)) {
        supervisor_signal_main(supervisor, SIGHUP, true);
        supervisor_signal_main(supervisor, SIGCONT, true);
    }
    loop_timer_start(supervisor->loop, timer, HANG_UP_MS, supervisor_on_hang_up);
}

static void supervisor_signal_stop(struct supervisor *supervisor, int signo)
{
    supervisor_signal_main(supervisor, signo, true);
    if (signo == SIGTERM && supervisor->tty)
        supervisor_on_hang_up(&supervisor->hang_up);
}

static void supervisor_on_kill_round(struct loop_timer *timer);

static void supervisor_kill_round(struct supervisor *supervisor)
{
    if (supervisor->settings.cgroup_kill >= 0) {
        ssize_t written = write(supervisor->settings.cgroup_kill, "1", 1);
        (void)written; /* the walk below kills all the same */
    }
    supervisor_signal_main(supervisor, SIGKILL, true);
    family_signal(SIGKILL, 0);
    loop_timer_start(supervisor->loop, &supervisor->kill, supervisor->kill_wait_ms, supervisor_on_kill_round);
    supervisor->kill_wait_ms *= 2;
    if (supervisor->kill_wait_ms > KILL_SLOWEST_MS)
        supervisor->kill_wait_ms = KILL_SLOWEST_MS;
}

static void supervisor_on_kill_round(struct loop_timer *timer)
{
    struct supervisor *supervisor = LIST_ENTRY(timer, struct supervisor, kill);
    supervisor_check_end(supervisor);
    if (supervisor->state != HOLD_EXITED)
        supervisor_kill_round(supervisor);
}

static void supervisor_kill(struct supervisor *supervisor)
{
    loop_timer_stop(&supervisor->grace);
    supervisor->stop = STOP_KILLING;
    supervisor->kill_began_ms = loop_now_ms(supervisor->loop);
    supervisor->kill_wait_ms = KILL_FIRST_MS;
    supervisor_kill_round(supervisor);
}

static void supervisor_on_grace(struct loop_timer *timer)
{
    supervisor_kill(LIST_ENTRY(timer, struct supervisor, grace));
}

/* Arms the grace timer; a second stop can only shorten it. */
static void supervisor_limit_grace(struct supervisor *supervisor, int64_t grace_ms)
{
    int64_t end_ms = loop_now_ms(supervisor->loop) + grace_ms;
    if (supervisor->stop == STOP_ASKED && supervisor->grace_end_ms <= end_ms)
        return;
    supervisor->stop = STOP_ASKED;
    supervisor->grace_end_ms = end_ms;
    loop_timer_start(supervisor->loop, &supervisor->grace, grace_ms, supervisor_on_grace);
}

static void supervisor_stop(struct supervisor *supervisor, int signo, int64_t grace_ms)
{
    if (supervisor->state == HOLD_EXITED || supervisor->stop == STOP_KILLING)
        return;
    supervisor_limit_grace(supervisor, grace_ms);
    if (signo == SIGKILL || grace_ms == 0) {
        supervisor_kill(supervisor);
        return;
    }
    supervisor->stop_signal = signo;
    if (supervisor->main_alive) {
        supervisor_signal_stop(supervisor, signo);
        supervisor->group_signalled = true;
    } else {
        family_signal(signo, 0);
    }
}

/* The main process is gone. Of what it left behind, members of its group have had a stop's signal already. */
static void supervisor_end_leftovers(struct supervisor *supervisor, pid_t group)
{
    const struct hold_spec *spec = supervisor->settings.spec;
    supervisor->end.leftovers = family_signal(0, 0).found;
    if (supervisor->stop == STOP_NONE)
        supervisor_stop(supervisor, (int)spec->stop_signal, spec->stop_grace_ms);
    else if (supervisor->stop == STOP_ASKED)
        family_signal(supervisor->stop_signal, supervisor->group_signalled ? group : 0);
}

/* --- the program ---------------------------------------------------------------------------------- */

static void supervisor_on_started(void *owner, bool contained)
{
    struct supervisor *supervisor = owner;
    supervisor->state = HOLD_RUNNING;
    supervisor->contained = contained;
    supervisor->started_ms = supervisor_boottime(supervisor);
    supervisor_tell(supervisor, MESSAGE_HOLD_STARTED, supervisor_started(supervisor));
    if (supervisor->tty)
        tty_tell(supervisor->tty);
}

static void supervisor_on_failed(void *owner, const struct hold_end *failure)
{
    struct supervisor *supervisor = owner;
    supervisor->end = *failure; /* told when the child is reaped */
}

static void supervisor_note_exit(struct supervisor *supervisor, const siginfo_t *exit)
{
    struct hold_end *end = &supervisor->end;
    bool exited = exit->si_code == CLD_EXITED;
    end->code = exited ? exit->si_status : -1;
    end->signal = exited ? 0 : exit->si_status;
    end->core = exit->si_code == CLD_DUMPED;
    end->started_ms = supervisor->started_ms;
    end->ended_ms = supervisor_boottime(supervisor);
    end->after_ms = end->ended_ms - end->started_ms;
}

static void supervisor_on_exit(void *owner, const siginfo_t *exit)
{
    struct supervisor *supervisor = owner;
    pid_t group = program_pid(supervisor->program);
    program_settle(supervisor->program);
    supervisor->main_alive = false;
    if (!supervisor->end.failed)
        supervisor_note_exit(supervisor, exit);
    supervisor->state = HOLD_ENDING;
    if (!family_gone()) {
        supervisor_end_leftovers(supervisor, group);
        supervisor_tell(supervisor, MESSAGE_HOLD_STATUS, supervisor_status(supervisor));
    }
    supervisor_check_end(supervisor);
}

static void supervisor_on_orphan(void *owner, const siginfo_t *exit)
{
    (void)exit;
    supervisor_check_end(owner);
}

/* --- orders ---------------------------------------------------------------------------------------- */

static int64_t supervisor_number(const json_t *body, const char *name, int64_t least, int64_t most,
                                 int64_t standard)
{
    const json_t *value = json_object_get(body, name);
    int64_t number = json_integer_value(value);
    return json_is_integer(value) && number >= least && number <= most ? number : standard;
}

static void supervisor_on_order(struct supervisor *supervisor, const struct channel_message *message)
{
    const struct hold_spec *spec = supervisor->settings.spec;
    int signo = (int)supervisor_number(message->body, "signal", 1, SIGRTMAX, 0);
    if (message->type == MESSAGE_HOLD_STOP)
        supervisor_stop(
            supervisor, signo ? signo : (int)spec->stop_signal,
            supervisor_number(message->body, "grace_ms", 0, INT64_MAX / 1000000, spec->stop_grace_ms));
    else if (signo)
        supervisor_signal_main(supervisor, signo, json_is_true(json_object_get(message->body, "group")));
}

/* `status`: as the HTTP status of the same; 0: none. */
static void supervisor_refuse_message(struct supervisor *supervisor, const struct channel_message *message,
                                      int status, const char *text)
{
    if (!message->id)
        return;
    json_t *body = json_pack("{s:s}", "text", text);
    if (status)
        json_object_set_new(body, "status", json_integer(status));
    conversation_tell(supervisor->conversation, MESSAGE_ERROR, message->id, body);
}

/* Takes the link's descriptor out of the message, if it is one: a listening socket or a file would never end.
 */
static int supervisor_take_link(const struct channel_message *message)
{
    int kind = 0;
    socklen_t size = sizeof kind;
    if (message->descriptor_count != 1 ||
        getsockopt(message->descriptors[0], SOL_SOCKET, SO_TYPE, &kind, &size) || kind != SOCK_SEQPACKET)
        return -1;
    return fcntl(message->descriptors[0], F_DUPFD_CLOEXEC, 0);
}

static void supervisor_on_attach(struct supervisor *supervisor, const struct channel_message *message)
{
    struct hold_terminal_attach attach;
    struct error error = {0};
    if (!supervisor->tty || supervisor->state == HOLD_EXITED) {
        bool over = supervisor->tty != NULL;
        supervisor_refuse_message(supervisor, message, over ? 503 : 409,
                                  over ? "the run has ended" : "the run has no terminal");
        return;
    }
    int fd = supervisor_take_link(message);
    if (fd < 0 || !hold_terminal_attach_decode(message->body, &attach, &error)) {
        if (fd >= 0)
            close(fd);
        supervisor_refuse_message(supervisor, message, 400,
                                  error.text[0] ? error.text : "no link was passed");
        return;
    }
    int64_t number = tty_attach(supervisor->tty, fd, &attach);
    if (number < 0)
        supervisor_refuse_message(supervisor, message, 429,
                                  number == -EUSERS ? "too many watch it already" : strerror((int)-number));
    else
        conversation_tell(supervisor->conversation, MESSAGE_HOLD_ATTACH, message->id,
                          json_pack("{s:I}", "viewer", (json_int_t)number));
}

static void supervisor_on_message(void *owner, const struct channel_message *message)
{
    struct supervisor *supervisor = owner;
    switch (message->type) {
    case MESSAGE_HOLD_HELLO:
        conversation_tell(supervisor->conversation, MESSAGE_HOLD_HELLO, message->id,
                          supervisor_hello(supervisor));
        if (supervisor->tty)
            tty_tell(supervisor->tty);
        break;
    case MESSAGE_HOLD_STATUS:
        conversation_tell(supervisor->conversation, MESSAGE_HOLD_STATUS, message->id,
                          supervisor_status(supervisor));
        break;
    case MESSAGE_HOLD_STOP:
    case MESSAGE_HOLD_SIGNAL:
        supervisor_on_order(supervisor, message);
        break;
    case MESSAGE_HOLD_ACK:
        if (supervisor->state == HOLD_EXITED && !loop_timer_armed(&supervisor->leave))
            supervisor_on_leave(&supervisor->leave);
        break;
    case MESSAGE_HOLD_ATTACH:
        supervisor_on_attach(supervisor, message);
        break;
    default: /* of a later version */
        supervisor_refuse_message(supervisor, message, 0, "this hold does not know that message");
    }
}

/* --- birth and death ------------------------------------------------------------------------------- */

struct supervisor *supervisor_new(struct loop *loop, const struct supervisor_settings *settings)
{
    const struct hold_spec *spec = settings->spec;
    struct supervisor *supervisor = MEMORY_NEW(struct supervisor);
    supervisor->loop = loop;
    supervisor->settings = *settings;
    supervisor->end.code = -1;
    const struct logfile_settings log = {.directory = settings->log_directory,
                                         .max_bytes = spec->output_max_bytes,
                                         .keep = spec->output_keep,
                                         .run = spec->generation,
                                         .clock = loop_clock(loop)};
    supervisor->output = output_new(loop, &log, supervisor_on_health, supervisor);
    const struct conversation_events events = {.on_message = supervisor_on_message, .owner = supervisor};
    supervisor->conversation =
        conversation_new(loop, settings->channel, settings->listener, (uid_t)spec->keeper_uid, &events);
    CHECK(loop_reap(loop, supervisor_on_orphan, supervisor) == 0);
    supervisor_tell(supervisor, MESSAGE_HOLD_HELLO, supervisor_hello(supervisor));
    return supervisor;
}

void supervisor_refuse(struct supervisor *supervisor, int error, const char *stage)
{
    supervisor->end.error = error;
    explain_failure(supervisor->settings.spec, stage, "", &supervisor->end);
    supervisor_record_end(supervisor);
}

/* False: the run has ended before it began. */
static bool supervisor_open_terminal(struct supervisor *supervisor)
{
    const struct hold_terminal *terminal = &supervisor->settings.spec->terminal;
    const struct tty_events events = {.on_news = supervisor_on_news, .owner = supervisor};
    if (terminal->columns == 0)
        return true;
    supervisor->tty = tty_new(supervisor->loop, terminal, &events);
    if (!supervisor->tty)
        supervisor_refuse(supervisor, errno, "terminal");
    return supervisor->tty != NULL;
}

/* Before the child can have been reaped: news of its exec may come only with those of its end. */
static void supervisor_note_start_time(struct supervisor *supervisor)
{
    struct family_member member = {0};
    family_member(program_pid(supervisor->program), &member);
    supervisor->start_time = member.start_time;
}

void supervisor_start(struct supervisor *supervisor)
{
    if (!supervisor_open_terminal(supervisor))
        return;
    const struct program_settings settings = {
        .spec = supervisor->settings.spec,
        .cgroup_procs = supervisor->settings.cgroup_procs,
        .terminal = supervisor->tty ? tty_slave(supervisor->tty) : -1,
        .on_started = supervisor_on_started,
        .on_failed = supervisor_on_failed,
        .owner = supervisor,
    };
    struct program_pipes pipes;
    supervisor->program = program_start(supervisor->loop, &settings, &pipes, &supervisor->end);
    if (!supervisor->program) {
        supervisor_record_end(supervisor);
        return;
    }
    supervisor->main_alive = true;
    supervisor_note_start_time(supervisor);
    if (!supervisor->tty) {
        output_watch(supervisor->output, LOGLINE_STDOUT, pipes.output);
        output_watch(supervisor->output, LOGLINE_STDERR, pipes.error);
    }
    loop_child(supervisor->loop, program_pid(supervisor->program), supervisor_on_exit, supervisor);
}

void supervisor_free(struct supervisor **where)
{
    struct supervisor *supervisor = *where;
    if (!supervisor)
        return;
    loop_timer_stop(&supervisor->grace);
    loop_timer_stop(&supervisor->kill);
    loop_timer_stop(&supervisor->leave);
    loop_timer_stop(&supervisor->hang_up);
    program_free(&supervisor->program);
    tty_free(&supervisor->tty);
    output_free(&supervisor->output);
    conversation_free(&supervisor->conversation);
    free(supervisor);
    *where = NULL;
}
