/* `reeve attach`: this terminal becomes a view of a target's. The keeper only makes the link; it goes to the
 * hold, so it stands while keepers come and go. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/memory.h"
#include "keep/control.h"
#include "link/channel.h"
#include "loop/loop.h"
#include "wire/terminal.h"

#include "reeve/keys.h"
#include "reeve/raw.h"
#include "reeve/verbs.h"

enum {
    ATTACH_SHOWN_MOST = 256 * 1024, /* bytes for this terminal; then the hold has to wait */
    ATTACH_WRITE = 4096,
    ATTACH_READ = 4096,
    ATTACH_ANSWER_MS = 10000,
    ATTACH_HELD_MS = 1000, /* a first detach key that no second follows is the program's */
};

static const char attach_standard_keys[] = "ctrl-\\,ctrl-\\";

enum attach_end {
    ATTACH_OPEN,
    ATTACH_DETACHED, /* by its keys */
    ATTACH_ENDED,    /* the program has, and `sentence` says how */
    ATTACH_LOST,     /* its hold has gone without a word */
    ATTACH_SIGNAL,   /* `signal` ends us */
    ATTACH_HUNG_UP,  /* this terminal has gone */
};

struct attach {
    const struct command *command;
    struct loop *loop;
    struct raw raw;
    struct keys keys;
    struct loop_fd terminal; /* the user's */
    struct loop_fd link;
    struct loop_timer held;
    struct buffer shown; /* for the user's terminal */
    struct buffer typed; /* for the program, as one record without its type */
    bool fresh;          /* a snapshot comes next */
    enum attach_end end;
    int signal;
    char sentence[512];
};

static void attach_finish(struct attach *attach, enum attach_end end)
{
    if (attach->end == ATTACH_OPEN)
        attach->end = end;
    loop_stop(attach->loop);
}

/* --- to the user's terminal
 * --------------------------------------------------------------------------------- */

/* Reads no more of one side than the other side takes. */
static void attach_watch(struct attach *attach)
{
    bool full = buffer_size(&attach->shown) + TERMINAL_RECORD_LARGEST > ATTACH_SHOWN_MOST;
    uint32_t link = LOOP_LEVEL, terminal = LOOP_LEVEL;
    link |= full ? 0 : (uint32_t)EPOLLIN;
    link |= buffer_size(&attach->typed) ? (uint32_t)EPOLLOUT : 0;
    terminal |= buffer_size(&attach->typed) ? 0 : (uint32_t)EPOLLIN;
    terminal |= buffer_size(&attach->shown) ? (uint32_t)EPOLLOUT : 0;
    loop_fd_change(&attach->link, link);
    loop_fd_change(&attach->terminal, terminal);
}

static void attach_write(struct attach *attach)
{
    while (buffer_size(&attach->shown)) {
        struct slice next = slice_between(buffer_slice(&attach->shown), 0, ATTACH_WRITE);
        ssize_t size = write(attach->raw.fd, next.data, next.size);
        if (size < 0 && errno != EAGAIN && errno != EINTR)
            attach_finish(attach, ATTACH_HUNG_UP);
        if (size <= 0)
            break;
        buffer_consume(&attach->shown, (size_t)size);
    }
}

/* A snapshot begins with a full reset, which would also take the user's own lines above it: a soft one, and
 * an empty screen, do the same. */
static void attach_show(struct attach *attach, struct slice data)
{
    static const struct slice full_reset = SLICE("\x18\x1b"
                                                 "c");
    if (attach->fresh && slice_starts_with(data, full_reset)) {
        buffer_append(&attach->shown, raw_reset);
        buffer_append(&attach->shown, SLICE("\x1b[H\x1b[2J"));
        data = slice_from(data, full_reset.size);
    }
    attach->fresh = false;
    buffer_append(&attach->shown, data);
}

static void attach_show_title(struct attach *attach, struct slice title)
{
    buffer_append(&attach->shown, SLICE("\x1b]2;"));
    buffer_append(&attach->shown, title.size ? title : slice_of_text(attach->command->arguments[0]));
    buffer_append(&attach->shown, SLICE("\x07"));
}

static void attach_take(struct attach *attach, const struct terminal_record *record)
{
    switch (record->type) {
    case TERMINAL_OUTPUT:
        attach_show(attach, record->data);
        break;
    case TERMINAL_TITLE:
        attach_show_title(attach, record->data);
        break;
    case TERMINAL_SIZE:
        attach->fresh = true;
        break;
    case TERMINAL_END:
        snprintf(attach->sentence, sizeof attach->sentence, SLICE_FORMAT, SLICE_ARGUMENTS(record->data));
        attach_finish(attach, ATTACH_ENDED);
        break;
    default: /* PLACE is for tests */
        break;
    }
}

static void attach_read_link(struct attach *attach)
{
    char *bytes = loop_scratch(attach->loop);
    struct terminal_record record;
    ssize_t size = recv(attach->link.fd, bytes, LOOP_SCRATCH_SIZE, MSG_DONTWAIT);
    if (size < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    enum terminal_read read = terminal_read_from_hold(slice_of(bytes, size > 0 ? (size_t)size : 0), &record);
    if (read == TERMINAL_BAD)
        attach_finish(attach, ATTACH_LOST);
    else if (read == TERMINAL_FINE)
        attach_take(attach, &record);
}

/* --- to the program
 * ------------------------------------------------------------------------------------------ */

static bool attach_send(struct attach *attach, char type, struct slice data)
{
    char record[1 + ATTACH_READ + KEYS_MOST];
    record[0] = type;
    memcpy(record + 1, data.data, data.size);
    if (send(attach->link.fd, record, 1 + data.size, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
        return true;
    if (errno != EAGAIN && errno != EINTR)
        attach_finish(attach, ATTACH_LOST);
    return false;
}

static void attach_send_typed(struct attach *attach)
{
    struct slice typed = buffer_slice(&attach->typed);
    if (typed.size && (attach->command->view || attach_send(attach, TERMINAL_INPUT, typed)))
        buffer_clear(&attach->typed);
}

static void attach_send_size(struct attach *attach)
{
    char record[TERMINAL_SMALL_SIZE];
    uint16_t columns, rows;
    raw_size(&attach->raw, &columns, &rows);
    if (!columns || !rows || attach->command->view)
        return;
    size_t size = terminal_write_size(record, TERMINAL_RESIZE, columns, rows);
    send(attach->link.fd, record, size, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void attach_on_held(struct loop_timer *timer)
{
    struct attach *attach = LIST_ENTRY(timer, struct attach, held);
    keys_release(&attach->keys, &attach->typed);
    attach_send_typed(attach);
    attach_watch(attach);
}

static void attach_read_terminal(struct attach *attach)
{
    char typed[ATTACH_READ];
    ssize_t size = read(attach->raw.fd, typed, sizeof typed);
    if (size < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (size <= 0) {
        attach_finish(attach, ATTACH_HUNG_UP);
        return;
    }
    bool leaves = keys_feed(&attach->keys, slice_of(typed, (size_t)size), &attach->typed);
    attach_send_typed(attach);
    loop_timer_stop(&attach->held);
    if (leaves)
        attach_finish(attach, ATTACH_DETACHED);
    else if (attach->keys.held)
        loop_timer_start(attach->loop, &attach->held, ATTACH_HELD_MS, attach_on_held);
}

/* --- events
 * --------------------------------------------------------------------------------------------------- */

static void attach_on_link(struct loop_fd *watch, uint32_t events)
{
    struct attach *attach = LIST_ENTRY(watch, struct attach, link);
    if (events & EPOLLOUT)
        attach_send_typed(attach);
    if (events & EPOLLIN)
        attach_read_link(attach);
    else if ((events & (EPOLLHUP | EPOLLERR)) && buffer_size(&attach->shown) == 0)
        attach_finish(attach, ATTACH_LOST);
    attach_write(attach);
    attach_watch(attach);
}

static void attach_on_terminal(struct loop_fd *watch, uint32_t events)
{
    struct attach *attach = LIST_ENTRY(watch, struct attach, terminal);
    if (events & EPOLLOUT)
        attach_write(attach);
    if (events & EPOLLIN)
        attach_read_terminal(attach);
    else if (events & (EPOLLHUP | EPOLLERR))
        attach_finish(attach, ATTACH_HUNG_UP);
    attach_watch(attach);
}

static void attach_on_signal(void *owner, const siginfo_t *about)
{
    struct attach *attach = owner;
    switch (about->si_signo) {
    case SIGCONT:
        raw_again(&attach->raw);
        attach_send_size(attach);
        break;
    case SIGWINCH:
        attach_send_size(attach);
        break;
    default:
        attach->signal = about->si_signo;
        attach_finish(attach, ATTACH_SIGNAL);
    }
}

static const int attach_signals[] = {SIGWINCH, SIGCONT, SIGTERM, SIGINT, SIGHUP, SIGQUIT};
enum { ATTACH_SIGNALS = sizeof attach_signals / sizeof *attach_signals };

/* Both watched; the loop runs until one side ends. */
static void attach_run(struct attach *attach, int link)
{
    attach->loop = loop_new(&clock_system);
    for (size_t i = 0; i < ATTACH_SIGNALS; i++)
        loop_signal(attach->loop, attach_signals[i], attach_on_signal, attach);
    bool fine = loop_fd_start(attach->loop, &attach->link, link, EPOLLIN | LOOP_LEVEL, attach_on_link) == 0 &&
                loop_fd_start(attach->loop, &attach->terminal, attach->raw.fd, EPOLLIN | LOOP_LEVEL,
                              attach_on_terminal) == 0;
    if (fine)
        loop_run(attach->loop);
    else
        attach->end = ATTACH_LOST;
    attach_write(attach); /* the last screen */
    loop_fd_stop(&attach->link);
    loop_fd_stop(&attach->terminal);
    loop_timer_stop(&attach->held);
    for (size_t i = 0; i < ATTACH_SIGNALS; i++)
        loop_signal(attach->loop, attach_signals[i], NULL, NULL);
    loop_free(&attach->loop);
    close(link);
}

/* --- the link
 * --------------------------------------------------------------------------------------------------- */

static int attach_refused(const json_t *body)
{
    const char *text = json_string_value(json_object_get(body, "text"));
    int status = (int)json_integer_value(json_object_get(body, "status"));
    return command_fail(command_code(status ? status : 500), "%s",
                        text ? text : "the keeper refused without saying why");
}

/* The exit code, with `*link` on 0. */
static int attach_ask(const struct attach *attach, int connection, int *link)
{
    struct channel_message message;
    uint16_t columns, rows;
    raw_size(&attach->raw, &columns, &rows);
    json_t *body = json_pack("{s:s, s:b, s:i, s:i}", "target", attach->command->arguments[0], "view",
                             (int)attach->command->view, "columns", (int)columns, "rows", (int)rows);
    int failed = channel_send_now(connection, MESSAGE_CONTROL_ATTACH, 1, body, NULL, 0, ATTACH_ANSWER_MS);
    failed = failed ? failed : channel_receive_now(connection, &message, ATTACH_ANSWER_MS);
    if (failed)
        return command_fail(COMMAND_FAILED, "the keeper does not answer: %s", strerror(-failed));
    bool given = message.type == MESSAGE_OK && message.descriptor_count == 1;
    int code = given ? COMMAND_DONE : attach_refused(message.body);
    if (given)
        *link = message.descriptors[0];
    for (int i = given ? 1 : 0; i < message.descriptor_count; i++)
        close(message.descriptors[i]);
    json_decref(message.body);
    return code;
}

static int attach_connect(const struct attach *attach, int *link)
{
    struct command_place place;
    if (!command_find(attach->command, &place))
        return attach->command->state ? COMMAND_NOT_RUNNING : COMMAND_USAGE;
    int connection = command_connect(attach->command, &place);
    command_place_free(&place);
    if (connection < 0)
        return COMMAND_NOT_RUNNING;
    int code = attach_ask(attach, connection, link);
    close(connection);
    return code;
}

/* --- the verb
 * --------------------------------------------------------------------------------------------------- */

static int attach_tell_end(const struct attach *attach)
{
    const char *name = attach->command->arguments[0];
    bool ended = attach->end == ATTACH_ENDED, lost = attach->end == ATTACH_LOST;
    if (attach->end == ATTACH_SIGNAL) {
        raise(attach->signal); /* as if we had never caught it */
        return COMMAND_FAILED;
    }
    if (attach->command->json)
        command_print_json(json_pack("{s:s, s:s, s:s?}", "target", name, "end",
                                     ended  ? "ended"
                                     : lost ? "lost"
                                            : "detached",
                                     "text", ended ? attach->sentence : NULL));
    else if (ended)
        fprintf(stderr, "reeve: %s: %s\n", name, attach->sentence);
    else if (attach->end == ATTACH_DETACHED)
        fprintf(stderr, "reeve: detached from %s; it goes on\n", name);
    if (lost)
        return command_fail(COMMAND_FAILED, "%s: its hold has gone; `reeve why %s` tells more", name, name);
    return attach->end == ATTACH_HUNG_UP ? COMMAND_FAILED : COMMAND_DONE;
}

int attach_verb(const struct command *command)
{
    const char *keys = command->detach_keys ? command->detach_keys : attach_standard_keys;
    struct attach attach = {.command = command,
                            .fresh = true,
                            .shown = BUFFER(2 * ATTACH_SHOWN_MOST),
                            .typed = BUFFER(ATTACH_READ + KEYS_MOST)};
    struct error error = {0};
    int link = -1;
    if (!keys_parse(keys, &attach.keys, &error))
        return command_fail(COMMAND_USAGE, "%s", error.text);
    int failed = raw_open(&attach.raw);
    if (failed == -ENOTTY)
        return command_fail(COMMAND_USAGE, "attach needs a terminal: its standard input and output are none");
    if (failed)
        return command_fail(COMMAND_FAILED, "this terminal cannot be used: %s", strerror(-failed));
    int code = attach_connect(&attach, &link);
    if (code == COMMAND_DONE) {
        fprintf(stderr, "reeve: attached to %s%s; %s detaches\n", command->arguments[0],
                command->view ? " to watch" : "", keys[0] ? keys : "nothing");
        raw_enter(&attach.raw);
        attach_run(&attach, link);
    }
    raw_leave(&attach.raw);
    buffer_free(&attach.shown);
    buffer_free(&attach.typed);
    return code == COMMAND_DONE ? attach_tell_end(&attach) : code;
}
