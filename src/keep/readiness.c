/* Polled, since no event tells that a socket listens: after a sixteenth of the time that has passed, so that
 * what is added to a start stays small beside it, within the bounds below. A look is one question to the
 * kernel; only when something listens there are processes looked at. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "net/sockdiag.h"

#include "keep/descendants.h"
#include "keep/holder.h"
#include "keep/readiness.h"

enum { READINESS_SOCKETS_MOST = 8, READINESS_PROCESSES_MOST = 1024, READINESS_TEXT_SIZE = 256 };
enum { READINESS_ELSEWHERE_MOST = 256 };
enum { READINESS_PROBE_FIRST_MS = 100, READINESS_PROBE_SLOWEST_MS = 500 };

/* 2 ms at first, up to 20 ms; from 2 s on a hundredth of the time, up to 100 ms. */
enum { READINESS_LOOK_FIRST_MS = 2, READINESS_LOOK_MS = 20, READINESS_LOOK_SLOWEST_MS = 100 };

enum readiness_state {
    READINESS_LOOKING, /* nothing of the run listens there yet */
    READINESS_PAUSING, /* it listens; the next question is due soon */
    READINESS_ASKING,  /* a gate asks */
    READINESS_DONE,    /* on_ready or on_late has fired */
};

struct readiness {
    struct readiness_settings settings;
    enum readiness_state state;
    int64_t began_us;
    unsigned probes;
    struct loop_timer next;
    struct loop_timer late;
    char last[READINESS_TEXT_SIZE]; /* what the last probe got */
};

/* --- kernel truth ------------------------------------------------------------------------------- */

/* True when one of these sockets is open in a process below `hold` (which is none of the run's own). */
static bool readiness_is_held(pid_t hold, const struct sockdiag_listener *listeners, int count)
{
    if (count <= 0)
        return false;
    pid_t pids[READINESS_PROCESSES_MOST];
    int processes = descendants_of(hold, pids, READINESS_PROCESSES_MOST);
    for (int i = 1; i < processes; i++)
        for (int j = 0; j < count; j++)
            if (sockdiag_holds(pids[i], listeners[j].inode))
                return true;
    return false;
}

static bool readiness_listens_on(pid_t hold, const struct address *wanted)
{
    struct sockdiag_listener listeners[READINESS_SOCKETS_MOST];
    return readiness_is_held(hold, listeners, sockdiag_listeners(wanted, listeners, READINESS_SOCKETS_MOST));
}

bool readiness_listens(pid_t hold, const struct address *wanted, struct address *found)
{
    *found = *wanted;
    if (readiness_listens_on(hold, wanted))
        return true;
    if (wanted->any.sa_family != AF_INET)
        return false;
    /* Programs that listen on "localhost" may get its other address. */
    *found = (struct address){.size = sizeof found->v6};
    found->v6.sin6_family = AF_INET6;
    found->v6.sin6_port = wanted->v4.sin_port;
    found->v6.sin6_addr = in6addr_loopback;
    return readiness_listens_on(hold, found);
}

/* --- too late ----------------------------------------------------------------------------------- */

static void readiness_add_holder(const struct readiness *readiness, char *text, size_t size)
{
    struct holder holders[HOLDER_MOST];
    if (holder_find(&readiness->settings.address, holders) <= 0)
        return;
    size_t length = strlen(text);
    if (holders[0].identity.pid)
        snprintf(text + length, size - length, " (pid %d of uid %u has it: %s)", (int)holders[0].identity.pid,
                 (unsigned)holders[0].user, holders[0].command);
    else
        snprintf(text + length, size - length, " (a process of uid %u has it)", (unsigned)holders[0].user);
}

/* A program that was not told its port listens where it always does: the likeliest mistake of all. */
static void readiness_add_elsewhere(const struct readiness *readiness, char *text, size_t size)
{
    struct sockdiag_listener listeners[READINESS_ELSEWHERE_MOST];
    int count = sockdiag_tcp_listeners(listeners, READINESS_ELSEWHERE_MOST);
    const char *before = "; it listens on ";
    char address[ADDRESS_TEXT_SIZE];
    for (int i = 0; i < count; i++) {
        size_t length = strlen(text);
        if (!readiness_is_held(readiness->settings.hold, &listeners[i], 1))
            continue;
        snprintf(text + length, size - length, "%s%s", before,
                 address_format(&listeners[i].address, address));
        before = " and ";
    }
}

static void readiness_describe(const struct readiness *readiness, char *text, size_t size)
{
    const struct config_service_ready *ready = &(*readiness->settings.service)->ready;
    char address[ADDRESS_TEXT_SIZE];
    char time[TEXT_NUMBER_SIZE];
    text_of_duration(ready->timeout_ms, time);
    if (readiness->state == READINESS_LOOKING) {
        snprintf(text, size, "did not listen on %s within %s",
                 address_format(&readiness->settings.address, address), time);
        readiness_add_holder(readiness, text, size);
        readiness_add_elsewhere(readiness, text, size);
        return;
    }
    snprintf(text, size, "GET %s did not answer 200-399 within %s (%s)", ready->path, time,
             readiness->last[0] ? readiness->last : "no answer");
}

static void readiness_fail(struct readiness *readiness, const char *text)
{
    readiness->state = READINESS_DONE;
    loop_timer_stop(&readiness->next);
    loop_timer_stop(&readiness->late);
    readiness->settings.events->on_late(readiness->settings.owner, text);
}

static void readiness_on_late(struct loop_timer *timer)
{
    struct readiness *readiness = LIST_ENTRY(timer, struct readiness, late);
    char text[512];
    readiness_describe(readiness, text, sizeof text);
    readiness_fail(readiness, text);
}

/* --- ready -------------------------------------------------------------------------------------- */

static void readiness_succeed(struct readiness *readiness)
{
    readiness->state = READINESS_DONE;
    loop_timer_stop(&readiness->next);
    loop_timer_stop(&readiness->late);
    readiness->settings.events->on_ready(readiness->settings.owner);
}

static void readiness_on_probe_due(struct loop_timer *timer);

static void readiness_pause(struct readiness *readiness)
{
    int64_t wait_ms = (int64_t)READINESS_PROBE_FIRST_MS * readiness->probes;
    if (wait_ms > READINESS_PROBE_SLOWEST_MS)
        wait_ms = READINESS_PROBE_SLOWEST_MS;
    readiness->state = READINESS_PAUSING;
    loop_timer_start(readiness->settings.loop, &readiness->next, wait_ms, readiness_on_probe_due);
}

static void readiness_on_no_answer(struct loop_timer *timer)
{
    struct readiness *readiness = LIST_ENTRY(timer, struct readiness, next);
    snprintf(readiness->last, sizeof readiness->last, "no answer within %d s", READINESS_PROBE_MS / 1000);
    readiness_pause(readiness);
}

static void readiness_on_probe_due(struct loop_timer *timer)
{
    struct readiness *readiness = LIST_ENTRY(timer, struct readiness, next);
    readiness->state = READINESS_ASKING;
    readiness->probes++;
    loop_timer_start(readiness->settings.loop, &readiness->next, READINESS_PROBE_MS, readiness_on_no_answer);
    readiness->settings.events->on_probe(readiness->settings.owner);
}

void readiness_probed(struct readiness *readiness, bool ok, const char *text)
{
    if (readiness->state != READINESS_ASKING)
        return;
    if (ok) {
        readiness_succeed(readiness);
        return;
    }
    snprintf(readiness->last, sizeof readiness->last, "%s", text && text[0] ? text : "no answer");
    readiness_pause(readiness);
}

static int64_t readiness_look_wait(int64_t elapsed_ms)
{
    int64_t quick = elapsed_ms / 16, slow = elapsed_ms / 100;
    quick = quick < READINESS_LOOK_FIRST_MS ? READINESS_LOOK_FIRST_MS : quick;
    quick = quick > READINESS_LOOK_MS ? READINESS_LOOK_MS : quick;
    slow = slow > READINESS_LOOK_SLOWEST_MS ? READINESS_LOOK_SLOWEST_MS : slow;
    return quick > slow ? quick : slow;
}

static void readiness_on_look(struct loop_timer *timer)
{
    struct readiness *readiness = LIST_ENTRY(timer, struct readiness, next);
    const struct readiness_settings *settings = &readiness->settings;
    struct address found;
    struct error error = {0};
    if (!readiness_listens(settings->hold, &settings->address, &found)) {
        int64_t elapsed_ms = (loop_now_us(settings->loop) - readiness->began_us) / 1000;
        loop_timer_start(settings->loop, &readiness->next, readiness_look_wait(elapsed_ms),
                         readiness_on_look);
        return;
    }
    if (!settings->events->on_listening(settings->owner, &found, &error))
        readiness_fail(readiness, error.text);
    else if (settings->was_ready || (*settings->service)->ready.kind != CONFIG_READY_HTTP)
        readiness_succeed(readiness);
    else
        readiness_on_probe_due(timer);
}

struct readiness *readiness_start(const struct readiness_settings *settings)
{
    struct readiness *readiness = MEMORY_NEW(struct readiness);
    readiness->settings = *settings;
    readiness->began_us = loop_now_us(settings->loop);
    loop_timer_start(settings->loop, &readiness->next, 0, readiness_on_look);
    loop_timer_start(settings->loop, &readiness->late, (*settings->service)->ready.timeout_ms,
                     readiness_on_late);
    return readiness;
}

void readiness_free(struct readiness **where)
{
    struct readiness *readiness = *where;
    if (!readiness)
        return;
    loop_timer_stop(&readiness->next);
    loop_timer_stop(&readiness->late);
    loop_free_later(readiness->settings.loop, readiness, free);
    *where = NULL;
}
