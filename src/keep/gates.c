#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/memory.h"
#include "link/memfd.h"

#include "keep/jsonfile.h"
#include "keep/traffic.h"
#include "keep/slot.h"

enum {
    GATES_WATCH_MS = 1000,
    GATES_HUNG_MS = 10000,
    GATES_EARLY_MS = 1000,
    GATES_EARLY_MOST = 5,
    GATES_RESTART_FIRST_MS = 100,
    GATES_RESTART_MOST_MS = 5000,
    GATES_DRAIN_SLACK_MS = 2000,
    GATES_PREPARE_MS = 10000,
    GATES_GOODBYE_MS = 3000, /* from the end of its channel to its exit */
};

struct gates {
    struct gates_settings settings;
    struct slot slots[GATES_MOST];
    unsigned count;
    struct snapshot *current; /* what they serve */
    struct snapshot *pending; /* prepared, not yet committed */
    enum gates_phase phase;
    bool draining;
    struct page *own_page;
    int own_page_fd, own_page_read_fd;
    struct loop_timer watch;
    struct loop_timer deadline; /* of a prepare, then of a drain */
    struct prober *prober;
};

static void gates_start_gate(struct gates *gates, struct slot *slot);

/* --- telling --------------------------------------------------------------------------------------- */

static void gates_journal(struct gates *gates, const char *event, json_t *evidence)
{
    gates->settings.events->on_journal(gates->settings.owner, event, evidence);
    json_decref(evidence);
}

/* gates.json: who listens with us, for a keeper that comes after our sudden end. */
static void gates_record(const struct gates *gates)
{
    json_t *rows = json_array();
    for (unsigned i = 0; i < gates->count; i++) {
        const struct slot *slot = &gates->slots[i];
        if (slot->state == SLOT_GONE)
            continue;
        json_array_append_new(rows, json_pack("{s:i, s:i, s:I, s:s}", "slot", (int)slot->number, "pid",
                                              (int)slot->identity.pid, "start_time",
                                              (json_int_t)slot->identity.start_time, "boot_id",
                                              slot->identity.boot));
    }
    char *path = memory_format("%s/gates.json", gates->settings.state_directory);
    int error = jsonfile_write(path, rows);
    if (error)
        log_warning(gates->settings.log, "gates.json could not be written",
                    LOG_TEXT("error", strerror(-error)));
    free(path);
    json_decref(rows);
}

static void gates_send_phase(struct gates *gates, struct slot *slot)
{
    static const char *const names[] = {"starting", "serving", "stopping"};
    channel_send(slot->channel, MESSAGE_GATE_PHASE, 0, json_pack("{s:s}", "phase", names[gates->phase]), NULL,
                 0);
}

static void gates_send_hello(struct gates *gates, struct slot *slot)
{
    int pages[GATES_MOST + 1];
    int count = 0;
    pages[count++] = slot->page_fd;
    pages[count++] = gates->own_page_read_fd;
    for (unsigned i = 0; i < gates->count; i++)
        if (i != slot->number)
            pages[count++] = gates->slots[i].page_read_fd;
    json_t *hello =
        json_pack("{s:s, s:i, s:I, s:i, s:i}", "name", gates->settings.name, "slot", (int)slot->number,
                  "generation", (json_int_t)slot->generation, "workers", (int)gates->count, "pages", count);
    channel_send(slot->channel, MESSAGE_GATE_HELLO, 0, hello, pages, count);
}

static void gates_kill(struct gates *gates, struct slot *slot, const char *why)
{
    if (slot->pidfd < 0 || slot->killed)
        return;
    slot->killed = true;
    json_t *evidence = slot_evidence(slot);
    json_object_set_new(evidence, "signal", json_integer(SIGKILL));
    json_object_set_new(evidence, "reason", json_string(why));
    log_warning(gates->settings.log, "gate killed", LOG_NUMBER("slot", slot->number),
                LOG_TEXT("reason", why));
    gates_journal(gates, "gate-killed", evidence);
    identity_signal(slot->pidfd, SIGKILL);
}

/* --- two phases -------------------------------------------------------------------------------------- */

static void gates_served(struct gates *gates, bool ok, const char *text)
{
    if (!gates->draining) /* then it is the drain's */
        loop_timer_stop(&gates->deadline);
    gates->settings.events->on_served(gates->settings.owner, ok, text);
}

static void gates_drop(struct gates *gates, const char *text)
{
    for (unsigned i = 0; i < gates->count; i++)
        if (gates->slots[i].channel)
            slot_send_number(&gates->slots[i], MESSAGE_GATE_DROP, gates->pending->number);
    snapshot_free(&gates->pending);
    gates_served(gates, false, text);
}

static void gates_commit(struct slot *slot, uint64_t number)
{
    if (slot->channel) /* else it is ending, and the next one is told by itself */
        slot_send_number(slot, MESSAGE_GATE_COMMIT, number);
    slot->committed = number;
}

static void gates_commit_all_when_prepared(struct gates *gates)
{
    uint64_t number = gates->pending->number;
    for (unsigned i = 0; i < gates->count; i++)
        if (gates->slots[i].prepared != number)
            return;
    for (unsigned i = 0; i < gates->count; i++)
        gates_commit(&gates->slots[i], number);
    snapshot_free(&gates->current);
    gates->current = gates->pending;
    gates->pending = NULL;
    gates_served(gates, true, "");
}

/* A gate holds one prepared snapshot at a time: what is pending follows the commit. */
static void gates_catch_up(struct gates *gates, struct slot *slot)
{
    gates_commit(slot, gates->current->number);
    if (gates->pending)
        slot_prepare(slot, gates->pending);
}

static void gates_refused(struct gates *gates, struct slot *slot, uint64_t number, const char *text)
{
    text = text ? text : "a gate refused the configuration without saying why";
    if (gates->pending && gates->pending->number == number)
        gates_drop(gates, text);
    else if (gates->current && gates->current->number == number)
        gates_kill(gates, slot, text); /* the others serve it; this one would never serve anything */
}

static void gates_prepared(struct gates *gates, struct slot *slot, const json_t *body)
{
    uint64_t number = (uint64_t)json_integer_value(json_object_get(body, "snapshot"));
    if (!json_is_true(json_object_get(body, "ok"))) {
        gates_refused(gates, slot, number, json_string_value(json_object_get(body, "error")));
        return;
    }
    slot->prepared = number;
    if (gates->pending && gates->pending->number == number)
        gates_commit_all_when_prepared(gates);
    else if (gates->current && gates->current->number == number)
        gates_catch_up(gates, slot);
}

static void gates_on_prepare_deadline(struct loop_timer *timer)
{
    struct gates *gates = LIST_ENTRY(timer, struct gates, deadline);
    if (gates->pending)
        gates_drop(gates, "a gate did not answer in time");
}

_Atomic uint64_t *gates_newest_row(struct gates *gates)
{
    return &gates->own_page->journal;
}

void gates_serve(struct gates *gates, struct snapshot *snapshot)
{
    CHECK(!gates->pending);
    gates->pending = snapshot;
    loop_timer_start(gates->settings.loop, &gates->deadline, GATES_PREPARE_MS, gates_on_prepare_deadline);
    for (unsigned i = 0; i < gates->count; i++) {
        if (gates->slots[i].state == SLOT_GONE && !loop_timer_armed(&gates->slots[i].restart))
            gates_start_gate(gates, &gates->slots[i]);
        else if (gates->slots[i].channel)
            slot_prepare(&gates->slots[i], snapshot);
    }
}

/* --- messages from gates: hostile until checked --------------------------------------------------------- */

static void gates_on_message(void *owner, struct channel_message *message)
{
    struct slot *slot = owner;
    struct gates *gates = slot->gates;
    const struct gates_events *events = gates->settings.events;
    const char *target = json_string_value(json_object_get(message->body, "target"));
    switch ((int)message->type) {
    case MESSAGE_GATE_READY:
        slot->state = SLOT_RUNNING;
        break;
    case MESSAGE_GATE_PREPARED:
        gates_prepared(gates, slot, message->body);
        break;
    case MESSAGE_GATE_WANT:
        if (target && !gates->draining)
            events->on_want(gates->settings.owner, target, slot->number);
        break;
    case MESSAGE_GATE_UNWANT:
        if (target)
            events->on_unwant(gates->settings.owner, target, slot->number);
        break;
    case MESSAGE_GATE_PROBED:
        prober_answered(gates->prober, slot->number, message->id, message->body);
        break;
    case MESSAGE_GATE_DRAINED:
        break;
    default:
        if (events->on_message && events->on_message(gates->settings.owner, slot->number, message))
            break;
        log_warning(gates->settings.log, "a gate sent a message that gates do not send",
                    LOG_NUMBER("slot", slot->number), LOG_NUMBER("type", message->type));
    }
}

/* --- life and death ---------------------------------------------------------------------------------------
 */

static void gates_on_channel_end(void *owner, int error)
{
    struct slot *slot = owner;
    /* 0: it is ending by itself, its exit follows. */
    if (error == ETIMEDOUT)
        gates_kill(slot->gates, slot, "it did not read its messages for 5 s");
    else if (error)
        gates_kill(slot->gates, slot, "it sent a malformed message");
    slot->hung_up_ms = loop_now_ms(slot->gates->settings.loop);
    channel_close(&slot->channel);
}

static bool gates_all_gone(const struct gates *gates)
{
    for (unsigned i = 0; i < gates->count; i++)
        if (gates->slots[i].state != SLOT_GONE)
            return false;
    return true;
}

static void gates_on_restart(struct loop_timer *timer)
{
    struct slot *slot = LIST_ENTRY(timer, struct slot, restart);
    gates_start_gate(slot->gates, slot);
}

/* At once after a life, with growing pauses when it dies young. */
static void gates_replace(struct gates *gates, struct slot *slot, int64_t lived_ms)
{
    slot->early_deaths = lived_ms < GATES_EARLY_MS ? slot->early_deaths + 1 : 0;
    if (slot->early_deaths >= GATES_EARLY_MOST && gates->pending && !gates->current) {
        gates_drop(gates, "gates end as soon as they start; the log tells how");
        return;
    }
    int64_t delay = 0;
    for (unsigned i = 1; i < slot->early_deaths; i++)
        delay = delay ? delay * 2 : GATES_RESTART_FIRST_MS;
    delay = delay < GATES_RESTART_MOST_MS ? delay : GATES_RESTART_MOST_MS;
    loop_timer_start(gates->settings.loop, &slot->restart, delay, gates_on_restart);
}

static void gates_on_exit(void *owner, const siginfo_t *exit)
{
    struct slot *slot = owner;
    struct gates *gates = slot->gates;
    bool signalled = exit->si_code != CLD_EXITED;
    json_t *evidence = slot_evidence(slot);
    json_object_set_new(evidence, signalled ? "signal" : "code", json_integer(exit->si_status));
    int64_t lived = loop_now_ms(gates->settings.loop) - slot->started_ms;
    json_object_set_new(evidence, "after_ms", json_integer(lived));
    gates_journal(gates, "gate-exit", evidence);
    if (!gates->draining)
        log_warning(gates->settings.log, "gate ended, starting another", LOG_NUMBER("slot", slot->number),
                    LOG_NUMBER("pid", slot->identity.pid),
                    LOG_NUMBER(signalled ? "signal" : "code", exit->si_status));
    slot_forget(slot);
    gates_record(gates);
    prober_slot_gone(gates->prober, slot->number);
    gates->settings.events->on_slot_gone(gates->settings.owner, slot->number);
    if (!gates->draining)
        gates_replace(gates, slot, lived);
    else if (gates_all_gone(gates)) {
        loop_timer_stop(&gates->deadline);
        gates->settings.events->on_ended(gates->settings.owner);
    }
}

static const struct channel_events gates_channel_events = {
    .on_message = gates_on_message,
    .on_end = gates_on_channel_end,
};

static void gates_start_gate(struct gates *gates, struct slot *slot)
{
    if (gates->draining)
        return;
    int64_t now_us = loop_clock(gates->settings.loop)->monotonic_us(loop_clock(gates->settings.loop));
    atomic_store_explicit(&slot->page->tick_ms, (uint64_t)(now_us / 1000), memory_order_relaxed);
    int error = slot_spawn(slot, &gates->settings, &gates_channel_events);
    if (error) {
        log_error(gates->settings.log, "a gate could not be started", LOG_NUMBER("slot", slot->number),
                  LOG_TEXT("error", strerror(-error)));
        slot_forget(slot);
        gates_replace(gates, slot, 0);
        return;
    }
    loop_child(gates->settings.loop, slot->identity.pid, gates_on_exit, slot);
    gates_journal(gates, "gate-start", slot_evidence(slot));
    gates_record(gates);
    gates_send_hello(gates, slot);
    if (gates->settings.events->on_slot_start)
        gates->settings.events->on_slot_start(gates->settings.owner, slot->number);
    slot_send_table(slot, gates->settings.targets);
    gates_send_phase(gates, slot);
    if (gates->current || gates->pending)
        slot_prepare(slot, gates->current ? gates->current : gates->pending);
}

static void gates_watch_slot(struct gates *gates, struct slot *slot, uint64_t now)
{
    const struct gates_events *events = gates->settings.events;
    uint64_t tick = atomic_load_explicit(&slot->page->tick_ms, memory_order_relaxed);
    bool late = slot->state != SLOT_GONE && tick + GATES_LATE_MS < now;
    if (late != slot->late && events->on_late)
        events->on_late(gates->settings.owner, slot->number, late);
    slot->late = late;
    if (slot->state != SLOT_GONE && tick + GATES_HUNG_MS < now)
        gates_kill(gates, slot, "it did not turn for 10 s");
    if (slot->state != SLOT_GONE && !slot->channel && (uint64_t)slot->hung_up_ms + GATES_GOODBYE_MS < now)
        gates_kill(gates, slot, "it closed its channel and did not end");
}

static void gates_on_watch(struct loop_timer *timer)
{
    struct gates *gates = LIST_ENTRY(timer, struct gates, watch);
    struct loop *loop = gates->settings.loop;
    uint64_t now = (uint64_t)loop_now_ms(loop);
    atomic_store_explicit(&gates->own_page->tick_ms, now, memory_order_relaxed);
    for (unsigned i = 0; i < gates->count; i++)
        gates_watch_slot(gates, &gates->slots[i], now);
    traffic_note(gates->slots, gates->count, gates->settings.targets);
    loop_timer_start(loop, timer, GATES_WATCH_MS, gates_on_watch);
}

/* --- calls from above
 * ----------------------------------------------------------------------------------------- */

static bool gates_make_page(struct page **page, int *fd, int *read_fd, const char *name, struct error *error)
{
    *fd = page_create(name);
    *read_fd = *fd < 0 ? -1 : page_readonly(*fd);
    *page = *read_fd < 0 ? NULL : page_map(*fd, 1);
    return *page || error_set(error, "shared page %s: %s", name, strerror(errno));
}

struct gates *gates_new(const struct gates_settings *settings, struct error *error)
{
    CHECK(settings->workers >= 1 && settings->workers <= GATES_MOST);
    struct gates *gates = MEMORY_NEW(struct gates);
    *gates = (struct gates){
        .settings = *settings, .count = settings->workers, .prober = prober_new(settings->loop)};
    bool made = gates_make_page(&gates->own_page, &gates->own_page_fd, &gates->own_page_read_fd,
                                "reeve-keeper", error);
    for (unsigned i = 0; i < gates->count; i++) {
        struct slot *slot = &gates->slots[i];
        *slot = (struct slot){.gates = gates, .number = i, .pidfd = -1, .page_fd = -1, .page_read_fd = -1};
        char name[32];
        snprintf(name, sizeof name, "reeve-gate-%u", i);
        made = made && gates_make_page(&slot->page, &slot->page_fd, &slot->page_read_fd, name, error);
    }
    if (!made) {
        gates_free(&gates);
        return NULL;
    }
    gates_on_watch(&gates->watch);
    return gates;
}

const struct snapshot *gates_snapshot(const struct gates *gates)
{
    return gates->pending ? NULL : gates->current;
}

void gates_set_phase(struct gates *gates, enum gates_phase phase)
{
    gates->phase = phase;
    for (unsigned i = 0; i < gates->count; i++)
        if (gates->slots[i].channel)
            gates_send_phase(gates, &gates->slots[i]);
}

void gates_send(struct gates *gates, unsigned slot, const struct gates_message *message)
{
    for (unsigned i = 0; i < gates->count; i++)
        if ((slot == GATES_ALL || slot == i) && gates->slots[i].channel)
            channel_send(gates->slots[i].channel, message->type, message->id, json_incref(message->body),
                         message->descriptors, message->count);
    json_decref(message->body);
}

void gates_send_row(struct gates *gates, const struct target_row *row, int socket)
{
    for (unsigned i = 0; i < gates->count; i++)
        if (gates->slots[i].channel)
            slot_send_row(&gates->slots[i], row, socket);
}

void gates_send_gone(struct gates *gates, const char *target)
{
    for (unsigned i = 0; i < gates->count; i++)
        if (gates->slots[i].channel)
            slot_send_gone(&gates->slots[i], target);
}

static struct slot *gates_pick(struct gates *gates)
{
    for (unsigned i = 0; i < gates->count; i++)
        if (gates->slots[i].state == SLOT_RUNNING && gates->slots[i].channel)
            return &gates->slots[i];
    return NULL;
}

void gates_probe(struct gates *gates, const struct prober_question *question)
{
    const struct slot *slot = gates_pick(gates);
    prober_ask(gates->prober, question, slot ? slot->number : GATES_MOST, slot ? slot->channel : NULL);
}

static void gates_on_drain_deadline(struct loop_timer *timer)
{
    struct gates *gates = LIST_ENTRY(timer, struct gates, deadline);
    for (unsigned i = 0; i < gates->count; i++)
        gates_kill(gates, &gates->slots[i], "it did not end within the drain time");
}

void gates_hurry(struct gates *gates)
{
    for (unsigned i = 0; i < gates->count; i++)
        gates_kill(gates, &gates->slots[i], "reeve is to stop at once");
}

void gates_give_up(struct gates *gates, const char *why)
{
    if (gates->pending && gates->current)
        gates_drop(gates, why);
}

void gates_drain(struct gates *gates, int64_t timeout_ms)
{
    gates->draining = true;
    for (unsigned i = 0; i < gates->count; i++) {
        loop_timer_stop(&gates->slots[i].restart);
        if (gates->slots[i].channel)
            channel_send(gates->slots[i].channel, MESSAGE_GATE_DRAIN, 0,
                         json_pack("{s:I}", "timeout_ms", (json_int_t)timeout_ms), NULL, 0);
    }
    if (gates_all_gone(gates))
        gates->settings.events->on_ended(gates->settings.owner);
    else
        loop_timer_start(gates->settings.loop, &gates->deadline, timeout_ms + GATES_DRAIN_SLACK_MS,
                         gates_on_drain_deadline);
}

bool gates_runs(const struct gates *gates, unsigned slot, uint64_t *generation)
{
    if (slot >= gates->count || gates->slots[slot].state != SLOT_RUNNING || !gates->slots[slot].channel)
        return false;
    *generation = gates->slots[slot].generation;
    return true;
}

bool gates_has(const struct gates *gates, pid_t pid)
{
    for (unsigned i = 0; i < gates->count; i++)
        if (gates->slots[i].state != SLOT_GONE && gates->slots[i].identity.pid == pid)
            return true;
    return false;
}

json_t *gates_describe(const struct gates *gates)
{
    static const char *const names[] = {"gone", "started", "running"};
    json_t *rows = json_array();
    for (unsigned i = 0; i < gates->count; i++) {
        const struct slot *slot = &gates->slots[i];
        json_array_append_new(
            rows,
            json_pack("{s:i, s:I, s:i, s:s, s:I, s:I}", "slot", (int)i, "generation",
                      (json_int_t)slot->generation, "pid", (int)slot->identity.pid, "state",
                      names[slot->state], "open",
                      (json_int_t)atomic_load_explicit(&slot->page->open, memory_order_relaxed), "requests",
                      (json_int_t)atomic_load_explicit(&slot->page->requests, memory_order_relaxed)));
    }
    return rows;
}

static void gates_close_page(struct page **page, int fd, int read_fd)
{
    if (*page)
        page_unmap(page);
    if (fd >= 0)
        close(fd);
    if (read_fd >= 0)
        close(read_fd);
}

void gates_free(struct gates **owned)
{
    struct gates *gates = *owned;
    if (!gates)
        return;
    gates->draining = true;
    loop_timer_stop(&gates->watch);
    loop_timer_stop(&gates->deadline);
    for (unsigned i = 0; i < gates->count; i++) {
        struct slot *slot = &gates->slots[i];
        loop_timer_stop(&slot->restart);
        if (slot->state != SLOT_GONE) {
            gates_kill(gates, slot, "the keeper ends");
            loop_child(gates->settings.loop, slot->identity.pid, NULL, NULL);
            slot_forget(slot);
        }
        gates_close_page(&slot->page, slot->page_fd, slot->page_read_fd);
    }
    gates_close_page(&gates->own_page, gates->own_page_fd, gates->own_page_read_fd);
    prober_free(&gates->prober);
    snapshot_free(&gates->current);
    snapshot_free(&gates->pending);
    free(gates);
    *owned = NULL;
}
