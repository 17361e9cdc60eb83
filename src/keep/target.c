/* Events wait in a small queue, so that an action that brings the next event never runs inside the last. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/check.h"
#include "base/memory.h"

#include "keep/adoption.h"
#include "keep/cause.h"
#include "keep/endpoint.h"
#include "keep/ending.h"
#include "keep/launch.h"
#include "keep/readiness.h"
#include "keep/row.h"
#include "keep/target.h"

enum { TARGET_EVENTS_MOST = 16 };

struct target {
    const struct target_shared *shared;
    const struct config_service *service;
    const struct instance *instance; /* NULL: a service */
    struct target_row row;
    struct run *run;
    struct endpoint endpoint; /* of this run */
    struct readiness *readiness;
    struct loop_timer backoff;
    struct policy_history history;
    enum ending ending;
    const char *stopped;        /* why it shall not run; NULL: it may */
    uint64_t generation;        /* highest given */
    int64_t dependency_next_ms; /* when what it depends on is tried again; 0: unknown */
    bool adopting;
    bool waiting;       /* for dependencies */
    bool needs_healing; /* a dependency is the cause of the backoff */
    bool was_ready;     /* the current run has been ready */
    bool opened;        /* ... or an earlier one since the target was down */
    enum table_event events[TARGET_EVENTS_MOST];
    unsigned event_count;
    bool applying;
};

/* --- what is seen ------------------------------------------------------------------------------- */

const struct target_row *target_row(const struct target *target)
{
    return &target->row;
}

const struct config_service *target_service(const struct target *target)
{
    return target->service;
}

int target_socket(const struct target *target)
{
    return target->endpoint.socket;
}

bool target_is_kept(const struct target *target)
{
    return target->service->addresses.count == 0;
}

bool target_waits(const struct target *target)
{
    return target->waiting;
}

bool target_heals(const struct target *target)
{
    return target->row.state == TARGET_BACKOFF && target->needs_healing;
}

bool target_is_adopting(const struct target *target)
{
    return target->adopting;
}

bool target_has_been_ready(const struct target *target)
{
    return target->opened;
}

static void target_changed(struct target *target)
{
    target->shared->events->on_change(target->shared->owner, target);
}

static const struct clock *target_clock(const struct target *target)
{
    return loop_clock(target->shared->settings.loop);
}

static int64_t target_now_ms(const struct target *target)
{
    return target_clock(target)->boottime_ms(target_clock(target));
}

static void target_write_journal(void *owner, const char *event, const json_t *evidence)
{
    const struct target *target = owner;
    const struct targets_settings *settings = &target->shared->settings;
    settings->events->on_journal(settings->owner, target->row.name, event, evidence);
}

static void target_journal(struct target *target, const char *event)
{
    json_t *evidence = row_evidence(&target->row, target_now_ms(target));
    target_write_journal(target, event, evidence);
    json_decref(evidence);
}

/* --- what follows a run's end ------------------------------------------------------------------- */

static enum table_event target_ask_policy(struct target *target, const struct policy_end *end)
{
    uint32_t random = 0;
    CHECK(getrandom(&random, sizeof random, 0) == (ssize_t)sizeof random);
    struct policy_decision decision =
        policy_decide(target->service->restart, &target->service->backoff, target->history, end, random);
    target->history = decision.history;
    target->row.next_attempt_ms =
        decision.verdict == POLICY_RETRY ? target_now_ms(target) + decision.delay_ms : 0;
    return ending_of_policy(decision.verdict);
}

static enum table_event target_judge(struct target *target, const struct policy_end *end)
{
    bool by_policy = target->ending == ENDING_ITSELF || target->ending == ENDING_NOT_READY;
    enum table_event policy = TABLE_OVER_DOWN;
    if (by_policy && !target->stopped)
        policy = target_ask_policy(target, end);
    return ending_event(target->ending, target->stopped != NULL, target->row.wanted, policy);
}

/* A run that we end has our reason for its cause; one that ended by itself brought its own. */
static void target_set_cause(struct target *target, const struct target_cause *cause)
{
    const char *text = ending_text(target->ending, target->stopped);
    if (text)
        cause_set(&target->row.cause, TARGET_CAUSE_STOPPED, "%s", text);
    else if (target->ending == ENDING_ITSELF)
        target->row.cause = *cause;
    if (!text && target->row.cause.kind == TARGET_CAUSE_EXEC)
        cause_add_place(&target->row.cause, &target->service->item, "command");
}

/* --- the run's news ----------------------------------------------------------------------------- */

static void target_on_executed(void *owner)
{
    struct target *target = owner;
    target->adopting = false;
    row_set_run(&target->row, run_record(target->run));
    target_event(target, TABLE_EXECUTED);
    target_changed(target);
}

static void target_on_terminal(void *owner, const struct hold_terminal_news *now)
{
    struct target *target = owner;
    target->row.terminal = (struct target_terminal){true, now->columns, now->rows, now->viewers};
    target_changed(target);
}

static void target_on_ending(void *owner)
{
    struct target *target = owner;
    target->adopting = false;
    target_event(target, TABLE_ENDING);
}

static void target_on_lost(void *owner)
{
    struct target *target = owner;
    target->adopting = false;
    target_event(target, TABLE_LOST);
}

static void target_on_over(void *owner, const struct run_end *end)
{
    struct target *target = owner;
    const struct record *record = run_record(target->run);
    struct policy_end how = {.ran = true, .success = ending_is_success(target->ending, &end->cause)};
    if (target->was_ready && record->started_ms)
        how.stable_ms = target_now_ms(target) - record->started_ms;
    target->adopting = false;
    target_set_cause(target, &end->cause);
    launch_clean(&target->shared->settings, record);
    run_free(&target->run);
    target_event(target, target_judge(target, &how));
}

static const struct run_events target_run_events = {
    .on_executed = target_on_executed,
    .on_ending = target_on_ending,
    .on_lost = target_on_lost,
    .on_over = target_on_over,
    .on_journal = target_write_journal,
    .on_terminal = target_on_terminal,
};

static struct run_settings target_run_settings(struct target *target)
{
    return (struct run_settings){
        .loop = target->shared->settings.loop,
        .log = target->shared->settings.log,
        .directory = target->shared->run_directory,
        .hold_program = target->shared->settings.hold_program,
        .monitor = target->shared->settings.monitor,
        .events = &target_run_events,
        .owner = target,
    };
}

/* --- readiness's news --------------------------------------------------------------------------- */

static bool target_on_listening(void *owner, const struct address *address, struct error *error)
{
    struct target *target = owner;
    const struct endpoint_owners owners = {run_record(target->run)->user,
                                           target->shared->settings.gates_group};
    return endpoint_open(&target->endpoint, &target->row, address, &owners, error);
}

static void target_on_probe(void *owner)
{
    struct target *target = owner;
    target->shared->events->on_probe(target->shared->owner, target, target->service->ready.path,
                                     READINESS_PROBE_MS);
}

static void target_on_ready(void *owner)
{
    struct target *target = owner;
    readiness_free(&target->readiness);
    target_event(target, TABLE_READY);
}

static void target_on_late(void *owner, const char *text)
{
    struct target *target = owner;
    readiness_free(&target->readiness);
    cause_set(&target->row.cause, TARGET_CAUSE_NOT_READY, "%s", text);
    target_journal(target, "not-ready");
    target_event(target, TABLE_NOT_READY);
}

static const struct readiness_events target_readiness_events = {
    .on_listening = target_on_listening,
    .on_probe = target_on_probe,
    .on_ready = target_on_ready,
    .on_late = target_on_late,
};

void target_probed(struct target *target, bool ok, const char *text)
{
    if (target->readiness)
        readiness_probed(target->readiness, ok, text);
}

/* --- actions ------------------------------------------------------------------------------------ */

static void target_look_no_more(struct target *target)
{
    readiness_free(&target->readiness);
    target->row.ready = false;
    target->waiting = false;
}

/* Nothing of the last run is shown as if it lived, and its port is free for others. */
static void target_clear_run(struct target *target)
{
    target_look_no_more(target);
    loop_timer_stop(&target->backoff);
    endpoint_clear(&target->endpoint, &target->row, target->shared->ports);
    row_clear_run(&target->row);
    target->was_ready = false;
    target->needs_healing = false;
    target->ending = ENDING_ITSELF;
}

static void target_begin(struct target *target, enum table_event event)
{
    /* What somebody asked for by hand, or first, is no restart. */
    bool again = event == TABLE_BACKOFF_DUE || event == TABLE_DEPENDENCIES_READY;
    target_clear_run(target);
    target->row.next_attempt_ms = 0;
    if (again && target->row.generation && target->row.cause.kind != TARGET_CAUSE_DEPENDENCY)
        target->row.restarts++;
    target->waiting = true;
}

static struct run *target_start_run(struct target *target, struct error *error)
{
    uint16_t port;
    if (!endpoint_take(&target->endpoint, &target->service->listen, target->shared->ports, &port, error))
        return NULL;
    const struct launch_settings launch = {
        .targets = &target->shared->settings,
        .service = target->service,
        .instance = target->instance,
        .name = target->row.name,
        .generation = ++target->generation,
        .restarts = target->row.restarts,
        .port = port,
        .run_directory = target->shared->run_directory,
        .services = target->shared->lookup,
        .owner = target->shared->owner,
    };
    struct run_settings run = target_run_settings(target);
    adoption_prune(target->shared->run_directory, target->row.name);
    return launch_run(&launch, &run, error);
}

static void target_launch(struct target *target, enum table_event event)
{
    (void)event;
    struct error error = {0};
    target->waiting = false;
    target->run = target_start_run(target, &error);
    target->row.generation = target->generation;
    target->row.started_ms = 0;
    target->row.ready_after_ms = -1;
    if (target->run) {
        row_set_address(&target->row, run_record(target->run)->address);
        return;
    }
    cause_set(&target->row.cause, TARGET_CAUSE_EXEC, "%s", error.text);
    target_journal(target, "start-failed");
    target_event(target, target_judge(target, &(struct policy_end){.ran = false}));
}

static void target_watch(struct target *target, enum table_event event)
{
    (void)event;
    struct address address = {0};
    if (!target->run || !run_is_executed(target->run) || target->readiness)
        return;
    const struct record *record = run_record(target->run);
    if (target->service->ready.kind == CONFIG_READY_NONE || !record->address[0]) {
        target_event(target, TABLE_READY);
        return;
    }
    CHECK(address_parse(slice_of_text(record->address), &address, NULL));
    const struct readiness_settings readiness = {
        .loop = target->shared->settings.loop,
        .service = &target->service,
        .address = address,
        .hold = record->hold.pid,
        .was_ready = record->ready_after_ms >= 0,
        .events = &target_readiness_events,
        .owner = target,
    };
    target->readiness = readiness_start(&readiness);
}

static void target_open(struct target *target, enum table_event event)
{
    (void)event;
    const struct record *record = run_record(target->run);
    bool again = record->ready_after_ms >= 0; /* adopted */
    target->row.ready = true;
    target->row.ready_after_ms = again ? record->ready_after_ms : target_now_ms(target) - record->started_ms;
    target->row.cause = (struct target_cause){0};
    target->was_ready = true;
    target->opened = true;
    if (!again)
        run_set_ready(target->run, target->row.ready_after_ms);
    target_journal(target, "ready");
}

static void target_end(struct target *target, enum table_event event)
{
    (void)event;
    target_look_no_more(target);
    if (target->run) {
        const char *why = ending_text(target->ending, target->stopped);
        const struct run_stop_order order = {target->service->stop.signal, target->service->stop.grace_ms,
                                             why ? why : target->row.cause.text};
        run_stop(target->run, &order);
        return;
    }
    /* It only waited for its dependencies. */
    target_set_cause(target, &(struct target_cause){0});
    target_event(target, target_judge(target, &(struct policy_end){.ran = false}));
}

static void target_on_backoff(struct loop_timer *timer)
{
    struct target *target = LIST_ENTRY(timer, struct target, backoff);
    target_event(target, target->row.wanted ? TABLE_BACKOFF_DUE : TABLE_BACKOFF_LAPSED);
}

static void target_defer(struct target *target, enum table_event event)
{
    target_clear_run(target);
    int64_t now_ms = target_now_ms(target);
    if (event == TABLE_DEPENDENCY_FAILED) {
        /* No failure of its own: it begins as soon as the dependency is ready, else looks again now and then.
         */
        target->needs_healing = true;
        target->row.next_attempt_ms = target->dependency_next_ms > now_ms
                                          ? target->dependency_next_ms
                                          : now_ms + target->service->backoff.max_ms;
    }
    int64_t delay_ms = target->row.next_attempt_ms - now_ms;
    loop_timer_start(target->shared->settings.loop, &target->backoff, delay_ms > 0 ? delay_ms : 0,
                     target_on_backoff);
    target_journal(target, "backoff");
}

static void target_settle(struct target *target, enum table_event event)
{
    target_clear_run(target);
    target->row.next_attempt_ms = 0;
    if (event == TABLE_STOP)
        cause_set(&target->row.cause, TARGET_CAUSE_STOPPED, "%s",
                  target->stopped ? target->stopped : "stopped");
    if (target->row.state == TARGET_DOWN && event != TABLE_BACKOFF_LAPSED)
        target->history = (struct policy_history){0};
    target->opened = false;
}

static void target_leave(struct target *target, enum table_event event)
{
    (void)event;
    target_look_no_more(target);
}

static void target_kill(struct target *target, enum table_event event)
{
    (void)event;
    target_look_no_more(target);
    run_kill(target->run);
}

static void (*const target_actions[])(struct target *target, enum table_event event) = {
    [TABLE_NOTHING] = NULL,       [TABLE_BEGIN] = target_begin, [TABLE_LAUNCH] = target_launch,
    [TABLE_WATCH] = target_watch, [TABLE_OPEN] = target_open,   [TABLE_END] = target_end,
    [TABLE_LEAVE] = target_leave, [TABLE_KILL] = target_kill,   [TABLE_SETTLE] = target_settle,
    [TABLE_DEFER] = target_defer,
};
_Static_assert(sizeof target_actions / sizeof *target_actions == TABLE_ACTIONS, "a function per action");

static void target_apply(struct target *target, enum table_event event)
{
    enum target_state before = target->row.state;
    struct table_cell cell = table_apply(before, event);
    target->ending = ending_after(target->ending, before, event);
    if (cell.next != before) {
        target->row.state = cell.next;
        target->row.since_ms = target_clock(target)->wall_ms(target_clock(target));
        log_debug(target->shared->settings.log, "target", LOG_TEXT("target", target->row.name),
                  LOG_TEXT("from", target_state_name(before)), LOG_TEXT("event", table_event_name(event)),
                  LOG_TEXT("state", target_state_name(cell.next)));
    }
    if (cell.action != TABLE_NOTHING)
        target_actions[cell.action](target, event);
    if (cell.next != before || cell.action != TABLE_NOTHING)
        target_changed(target);
}

void target_event(struct target *target, enum table_event event)
{
    if (!target_is_kept(target))
        return;
    CHECK(target->event_count < TARGET_EVENTS_MOST);
    target->events[target->event_count++] = event;
    if (target->applying)
        return;
    target->applying = true;
    for (unsigned i = 0; i < target->event_count; i++)
        target_apply(target, target->events[i]);
    target->event_count = 0;
    target->applying = false;
}

/* --- from outside ------------------------------------------------------------------------------- */

void target_dependency_failed(struct target *target, const char *text, int64_t next_attempt_ms)
{
    cause_set(&target->row.cause, TARGET_CAUSE_DEPENDENCY, "%s", text);
    target->dependency_next_ms = next_attempt_ms;
    target_event(target, TABLE_DEPENDENCY_FAILED);
}

void target_set_wanted(struct target *target, bool wanted)
{
    if (target->row.wanted == wanted)
        return;
    target->row.wanted = wanted;
    target_changed(target);
}

void target_set_stopped(struct target *target, bool stopped, const char *why)
{
    target->stopped = stopped ? why : NULL;
    target->row.demand = target->service->start == CONFIG_START_DEMAND && !stopped;
    if (stopped && target->row.state == TARGET_DOWN && target_is_kept(target))
        cause_set(&target->row.cause, TARGET_CAUSE_STOPPED, "%s", why);
    target_changed(target);
}

void target_set_traffic(struct target *target, uint64_t streams, int64_t idle_since_ms)
{
    target->row.streams = streams;
    target->row.idle_since_ms = idle_since_ms;
}

void target_restore(struct target *target, const struct target_row *outcome)
{
    CHECK(target->row.state == TARGET_DOWN && !target->run);
    row_restore(&target->row, outcome);
    if (target->generation < outcome->generation)
        target->generation = outcome->generation;
}

void target_adopt(struct target *target, const struct record *record)
{
    CHECK(target->row.state == TARGET_DOWN && !target->run);
    struct run_settings run = target_run_settings(target);
    target->adopting = true;
    target->opened = true;
    target->was_ready = record->ready_after_ms >= 0;
    row_set_run(&target->row, record);
    row_set_address(&target->row, record->address);
    endpoint_adopt(&target->endpoint, &target->service->listen, record->address, target->shared->ports);
    target->run = run_adopt(&run, record);
    target_event(target, TABLE_ADOPT);
}

struct run *target_run(const struct target *target)
{
    return target->run;
}

struct target *target_new(const struct target_shared *shared, const struct target_form *form)
{
    struct target *target = MEMORY_NEW(struct target);
    target->shared = shared;
    target->service = form->service;
    target->instance = form->instance;
    target->generation = form->generation;
    target->endpoint = endpoint_none();
    row_init(&target->row, form->service, form->instance,
             target_clock(target)->wall_ms(target_clock(target)));
    target->row.slot = form->slot;
    ports_exchange(shared->ports, 0, form->service->listen.port);
    return target;
}

void target_set_service(struct target *target, const struct config_service *service)
{
    ports_exchange(target->shared->ports, target->service->listen.port, service->listen.port);
    target->service = service;
    row_set_service(&target->row, service);
    target_changed(target);
}

void target_free(struct target **where)
{
    struct target *target = *where;
    if (!target)
        return;
    readiness_free(&target->readiness);
    loop_timer_stop(&target->backoff);
    run_free(&target->run);
    endpoint_close(&target->endpoint, &target->row);
    loop_free_later(target->shared->settings.loop, target, free);
    *where = NULL;
}
