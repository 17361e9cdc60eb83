#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/memory.h"
#include "link/channel.h"

#include "keep/identity.h"
#include "keep/image.h"
#include "keep/helper.h"

enum { HELPER_NUMBER_SIZE = 24 };

struct helper {
    struct helper_start start;
    struct identity identity;
    int pidfd;
    struct channel *channel; /* NULL: it has hung up */
    struct loop_timer deadline;
    bool told; /* the verdict, or nobody wants it */
    bool reaped;
};

static void helper_end_when_over(struct helper *helper);

/* --- the verdict
 * -------------------------------------------------------------------------------------------- */

static void helper_tell(struct helper *helper, const struct helper_verdict *verdict)
{
    if (helper->told)
        return;
    helper->told = true;
    helper->start.events->on_verdict(helper->start.owner, verdict);
}

static void helper_tell_broken(struct helper *helper, const char *text)
{
    helper_tell(helper, &(struct helper_verdict){.kind = HELPER_BROKEN, .text = text});
}

/* From a process that has read what came over the network: hostile until checked. */
static void helper_on_message(void *owner, struct channel_message *message)
{
    struct helper *helper = owner;
    const json_t *body = message->body;
    struct helper_verdict verdict = {
        .kind = json_is_true(json_object_get(body, "ok")) ? HELPER_FITS : HELPER_WRONG,
        .user = json_string_value(json_object_get(body, "user")),
        .stamp = json_string_value(json_object_get(body, "stamp")),
        .text = json_string_value(json_object_get(body, "error")),
    };
    if (message->type != MESSAGE_HELPER_VERDICT ||
        (verdict.kind == HELPER_FITS && !(verdict.user && verdict.stamp)))
        verdict = (struct helper_verdict){.kind = HELPER_BROKEN, .text = "it said what helpers do not say"};
    else if (verdict.kind == HELPER_WRONG && !verdict.user)
        verdict.kind = verdict.text ? HELPER_BROKEN : HELPER_NOTHING;
    helper_tell(helper, &verdict);
}

/* What it said last is read before its end is. */
static void helper_on_hang_up(void *owner, int error)
{
    struct helper *helper = owner;
    (void)error;
    channel_close(&helper->channel);
    helper_tell_broken(helper, "it ended without a verdict");
    helper_end_when_over(helper);
}

static const struct channel_events helper_channel_events = {
    .on_message = helper_on_message,
    .on_end = helper_on_hang_up,
};

/* --- the process
 * -------------------------------------------------------------------------------------------- */

/* Our own child: its pid is nobody else's until we have reaped it, and the pidfd is what is signalled. */
static void helper_kill(struct helper *helper, const char *why)
{
    if (helper->pidfd < 0 || helper->reaped)
        return;
    journal_note(helper->start.journal, "helper-killed",
                 json_pack("{s:i, s:I, s:i, s:s}", "pid", (int)helper->identity.pid, "start_time",
                           (json_int_t)helper->identity.start_time, "signal", SIGKILL, "reason", why));
    identity_signal(helper->pidfd, SIGKILL);
}

static void helper_release(struct helper *helper)
{
    loop_timer_stop(&helper->deadline);
    channel_close(&helper->channel);
    if (helper->pidfd >= 0)
        close(helper->pidfd);
    loop_free_later(helper->start.loop, helper, free);
}

static void helper_end_when_over(struct helper *helper)
{
    if (helper->channel || !helper->reaped)
        return;
    const struct helper_events *events = helper->start.events;
    void *place = helper->start.place;
    helper_release(helper);
    events->on_gone(place);
}

static void helper_on_deadline(struct loop_timer *timer)
{
    struct helper *helper = LIST_ENTRY(timer, struct helper, deadline);
    log_warning(helper->start.log, "a password helper took too long: killed",
                LOG_NUMBER("pid", helper->identity.pid));
    helper_kill(helper, "it took too long");
    channel_close(&helper->channel);
    helper_tell_broken(helper, "it took too long");
    helper_end_when_over(helper);
}

static void helper_on_exit(void *owner, const siginfo_t *exit)
{
    struct helper *helper = owner;
    bool failed = exit->si_code != CLD_EXITED || exit->si_status != 0;
    helper->reaped = true;
    if (failed && !helper->told)
        log_warning(helper->start.log, "a password helper failed", LOG_NUMBER("pid", exit->si_pid),
                    LOG_NUMBER(exit->si_code == CLD_EXITED ? "code" : "signal", exit->si_status));
    helper_end_when_over(helper);
}

/* --- start and end
 * -------------------------------------------------------------------------------------------- */

static pid_t helper_execute(const struct helper_start *start, int question, int keeper)
{
    char uid[HELPER_NUMBER_SIZE], gid[HELPER_NUMBER_SIZE];
    snprintf(uid, sizeof uid, "%u", (unsigned)start->user.uid);
    snprintf(gid, sizeof gid, "%u", (unsigned)start->user.gid);
    const char *const arguments[] = {"reeve-password", "__password", uid, gid, NULL};
    const int descriptors[] = {question, keeper, start->users};
    return image_start(&(struct image){.arguments = arguments,
                                       .descriptors = descriptors,
                                       .count = sizeof descriptors / sizeof descriptors[0]});
}

static void helper_close_pair(const int pair[2])
{
    close(pair[0]);
    close(pair[1]);
}

/* Two pairs: the gate's with the helper, ours with the helper. 0 or -errno. */
static int helper_make_pairs(int gate[2], int keeper[2])
{
    const int type = SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK;
    if (socketpair(AF_UNIX, type, 0, gate) < 0)
        return -errno;
    if (socketpair(AF_UNIX, type, 0, keeper) == 0)
        return 0;
    int error = -errno;
    helper_close_pair(gate);
    return error;
}

struct helper *helper_start(const struct helper_start *start, int *socket, int *error)
{
    int gate[2], keeper[2];
    *error = helper_make_pairs(gate, keeper);
    if (*error)
        return NULL;
    pid_t pid = helper_execute(start, gate[1], keeper[1]);
    close(gate[1]);
    close(keeper[1]);
    if (pid < 0) {
        *error = (int)pid;
        close(gate[0]);
        close(keeper[0]);
        return NULL;
    }
    struct helper *helper = MEMORY_NEW(struct helper);
    *helper = (struct helper){.start = *start};
    /* Our own child: the pid cannot be anybody else's before we reap it. */
    if (identity_of(pid, &helper->identity) < 0)
        helper->identity.pid = pid;
    helper->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    helper->channel = channel_new(start->loop, keeper[0], &helper_channel_events, helper);
    loop_child(start->loop, pid, helper_on_exit, helper);
    loop_timer_start(start->loop, &helper->deadline, helper->channel ? HELPER_PATIENCE_MS : 0,
                     helper_on_deadline);
    *socket = gate[0];
    return helper;
}

void helper_drop(struct helper *helper)
{
    helper->told = true;
    helper_kill(helper, "nobody waits for its verdict any more");
}

void helper_free(struct helper **owned)
{
    struct helper *helper = *owned;
    if (!helper)
        return;
    helper_drop(helper);
    loop_child(helper->start.loop, helper->identity.pid, NULL, NULL);
    helper_release(helper);
    *owned = NULL;
}

pid_t helper_pid(const struct helper *helper)
{
    return helper->identity.pid;
}
