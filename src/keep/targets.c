/* What each target shall do, from boot, requests, the operator and the targets that depend on it.
 *
 * Everything that happens only leaves a mark; one task, later in the same turn, looks at all targets until
 * nothing changes any more, and tells the outside once. So nothing is ever called from inside itself. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "base/memory.h"

#include "keep/adoption.h"
#include "keep/directories.h"
#include "keep/entries.h"
#include "keep/inheritance.h"
#include "keep/outcomes.h"
#include "keep/policy.h"
#include "keep/ports.h"
#include "keep/targets.h"
#include "keep/verbs.h"
#include "keep/wanted.h"
#include "keep/wishes.h"

static const char targets_by_operator[] = "stopped by the operator";
static const char targets_by_end[] = "stopped with reeve";
static const char targets_by_removal[] = "removed";

struct targets {
    struct target_shared shared;
    struct entries entries;
    struct wishes *wishes;
    struct outcomes *outcomes;
    struct verbs *verbs;
    struct inheritance *inheritance;
    struct loop_task review;
    bool booted;
    bool stopping;
    bool hurried;
    uint32_t last_probe;
    void (*on_stopped)(void *owner);
    void *stopped_owner;
};

static void targets_on_review(struct loop_task *task);

/* Of one struct targets. */
static void targets_mark(void *owner)
{
    struct targets *targets = owner;
    loop_task_start(targets->shared.settings.loop, &targets->review, targets_on_review);
}

static bool targets_is_active(const struct target *target)
{
    enum target_state state = target_row(target)->state;
    return target_is_kept(target) && state != TARGET_DOWN && state != TARGET_ENDED && state != TARGET_FAILED;
}

static void targets_journal(struct targets *targets, const char *target, const char *event, json_t *evidence)
{
    const struct targets_settings *settings = &targets->shared.settings;
    CHECK(evidence);
    settings->events->on_journal(settings->owner, target, event, evidence);
    json_decref(evidence);
}

/* --- what is wanted ----------------------------------------------------------------------------- */

static struct wanted targets_wanted(const struct targets *targets)
{
    return (struct wanted){
        .entries = &targets->entries, .booted = targets->booted, .stopping = targets->stopping};
}

/* True when something changed. */
static bool targets_review_wanted(struct targets *targets, struct entry *entry)
{
    struct target *target = entry->target;
    const struct wanted all = targets_wanted(targets);
    bool wanted = wanted_is(&all, entry);
    if (wanted == target_row(target)->wanted)
        return false;
    target_set_wanted(target, wanted);
    target_event(target, wanted ? TABLE_WANT : TABLE_UNWANT);
    return true;
}

/* --- the end of reeve --------------------------------------------------------------------------- */

static void targets_hurry(const struct target *target)
{
    struct run *run = target_run(target);
    const struct run_stop_order order = {.signal = SIGKILL, .reason = "without grace"};
    if (run && target_row(target)->state == TARGET_STOPPING)
        run_stop(run, &order);
}

/* In reverse order: a target ends when nothing that depends on it is left. */
static bool targets_review_end(struct targets *targets, struct entry *entry)
{
    const struct wanted all = targets_wanted(targets);
    if (!targets->stopping || entry->ending || !targets_is_active(entry->target) ||
        wanted_has_dependent(&all, entry, targets_is_active))
        return false;
    entry->ending = true;
    target_set_stopped(entry->target, true, targets_by_end);
    target_event(entry->target, TABLE_STOP);
    if (targets->hurried)
        targets_hurry(entry->target);
    return true;
}

static bool targets_is_over(const struct targets *targets)
{
    for (size_t i = 0; i < targets->entries.count; i++)
        if (targets_is_active(targets->entries.items[i]->target))
            return false;
    return inheritance_is_settled(targets->inheritance);
}

/* --- the review --------------------------------------------------------------------------------- */

/* The end of reeve is the end of all outcomes; those of instances are kept with them. */
static void targets_note_outcome(struct targets *targets, const struct target_row *row)
{
    if (!targets->stopping && !row->instance && outcomes_note(targets->outcomes, row) < 0)
        log_warning(targets->shared.settings.log,
                    "after a crash of reeve a service would not be as it is now",
                    LOG_TEXT("target", row->name));
}

static void targets_tell_one(struct targets *targets, struct entry *entry)
{
    const struct targets_settings *settings = &targets->shared.settings;
    entry->changed = false;
    targets_note_outcome(targets, target_row(entry->target));
    settings->events->on_change(settings->owner, target_row(entry->target), target_socket(entry->target));
}

static void targets_tell(struct targets *targets)
{
    for (size_t i = 0; i < targets->entries.count; i++)
        if (targets->entries.items[i]->changed)
            targets_tell_one(targets, targets->entries.items[i]);
    verbs_settle(targets->verbs);
}

/* Whoever waited for a verb on it has been told; from the end, since the list closes up. */
static void targets_part(struct targets *targets)
{
    const struct targets_settings *settings = &targets->shared.settings;
    for (size_t i = targets->entries.count; i-- > 0;) {
        struct entry *entry = targets->entries.items[i];
        if (!entry->leaving || entry->changed || targets_is_active(entry->target))
            continue;
        const struct target_row row = *target_row(entry->target);
        verbs_part(targets->verbs, target_row(entry->target));
        entries_remove(&targets->entries, entry);
        settings->events->on_gone(settings->owner, &row);
    }
}

static void targets_check_end(struct targets *targets)
{
    if (!targets->on_stopped || !targets_is_over(targets))
        return;
    void (*done)(void *owner) = targets->on_stopped;
    targets->on_stopped = NULL;
    done(targets->stopped_owner);
}

static void targets_on_review(struct loop_task *task)
{
    struct targets *targets = LIST_ENTRY(task, struct targets, review);
    bool changed = true;
    while (changed) {
        changed = false;
        for (size_t i = 0; i < targets->entries.count; i++) {
            struct entry *entry = targets->entries.items[i];
            changed |= targets_review_wanted(targets, entry);
            changed |= targets_review_end(targets, entry);
            changed |= wanted_review_dependencies(entry);
        }
    }
    targets_tell(targets);
    targets_part(targets);
    inheritance_review(targets->inheritance);
    targets_check_end(targets);
}

/* --- what targets say --------------------------------------------------------------------------- */

static void targets_on_change(void *owner, struct target *target)
{
    struct targets *targets = owner;
    struct entry *entry = entries_of(&targets->entries, target);
    entry->changed = true;
    if (entry->adopted && !targets_is_active(target))
        entry->adopted = false;
    targets_mark(targets);
}

static void targets_on_probe(void *owner, struct target *target, const char *path, int64_t timeout_ms)
{
    struct targets *targets = owner;
    const struct targets_settings *settings = &targets->shared.settings;
    targets->last_probe = targets->last_probe == UINT32_MAX ? 1 : targets->last_probe + 1;
    entries_of(&targets->entries, target)->probe = targets->last_probe;
    const struct targets_probe probe = {
        .id = targets->last_probe,
        .row = target_row(target),
        .socket = target_socket(target),
        .path = path,
        .timeout_ms = timeout_ms,
    };
    settings->events->on_probe(settings->owner, &probe);
}

static const struct target_events targets_target_events = {
    .on_change = targets_on_change,
    .on_probe = targets_on_probe,
};

/* services.NAME.port and services.NAME.socket, of a fixed address or of the current run. */
static const char *targets_lookup(void *owner, struct slice name)
{
    const struct targets *targets = owner;
    for (size_t i = 0; i < targets->entries.count; i++) {
        const char *value = row_lookup(target_row(targets->entries.items[i]->target),
                                       &targets->entries.items[i]->fixed, name);
        if (value)
            return value;
    }
    return NULL;
}

static void targets_on_inheritance_journal(void *owner, const char *target, const char *event,
                                           const json_t *evidence)
{
    const struct targets *targets = owner;
    targets->shared.settings.events->on_journal(targets->shared.settings.owner, target, event, evidence);
}

/* --- from outside ------------------------------------------------------------------------------- */

static bool targets_add_asker(struct targets *targets, const char *name, unsigned asker, bool asks)
{
    struct entry *entry = entries_find(&targets->entries, name);
    if (!entry)
        return false;
    askers_set(&entry->askers, asker, asks);
    targets_mark(targets);
    return true;
}

bool targets_want(struct targets *targets, const char *name, unsigned asker)
{
    return targets_add_asker(targets, name, asker, true);
}

void targets_unwant(struct targets *targets, const char *name, unsigned asker)
{
    targets_add_asker(targets, name, asker, false);
}

void targets_forget_asker(struct targets *targets, unsigned asker)
{
    for (size_t i = 0; i < targets->entries.count; i++)
        targets_add_asker(targets, target_row(targets->entries.items[i]->target)->name, asker, false);
}

static void targets_set_stopped(struct targets *targets, struct entry *entry, bool stopped)
{
    const char *name = target_row(entry->target)->name;
    entry->stopped = stopped;
    target_set_stopped(entry->target, stopped, targets_by_operator);
    if (wishes_set_stopped(targets->wishes, name, stopped) < 0)
        log_warning(targets->shared.settings.log, "a wish will not outlive reeve", LOG_TEXT("target", name));
}

bool targets_do(struct targets *targets, const struct targets_order *order, targets_done_fn *done,
                void *owner)
{
    static const enum table_event events[] = {TABLE_START, TABLE_STOP, TABLE_RESTART};
    static const char *const names[] = {"start-asked", "stop-asked", "restart-asked"};
    struct entry *entry = entries_find(&targets->entries, order->name);
    enum targets_verb verb = order->verb;
    if (!targets_is_kept(targets, order->name))
        return false;
    targets_journal(targets, order->name, names[verb],
                    json_pack("{s:s, s:s?}", "state", target_state_name(target_row(entry->target)->state),
                              "by", order->by));
    entry->pinned = verb != TARGETS_STOP;
    entry->adopted = false;
    verbs_add(targets->verbs, verb, target_row(entry->target), done, owner);
    targets_set_stopped(targets, entry, verb == TARGETS_STOP);
    if (!targets->stopping) {
        target_set_wanted(entry->target, verb != TARGETS_STOP);
        target_event(entry->target, events[verb]);
    }
    targets_mark(targets);
    return true;
}

bool targets_is_kept(const struct targets *targets, const char *name)
{
    const struct entry *entry = entries_find(&targets->entries, name);
    return entry && target_is_kept(entry->target) && !entry->leaving;
}

bool targets_is_leaving(const struct targets *targets, const char *name)
{
    const struct entry *entry = entries_find(&targets->entries, name);
    return entry && entry->leaving;
}

struct run *targets_run(const struct targets *targets, const char *name)
{
    const struct entry *entry = entries_find(&targets->entries, name);
    return entry ? target_run(entry->target) : NULL;
}

const struct config_service *targets_service(const struct targets *targets, const char *name)
{
    return target_service(entries_find(&targets->entries, name)->target);
}

int targets_signal(struct targets *targets, const char *name, int signo, const char *by)
{
    struct run *run = targets_run(targets, name);
    return run ? run_signal(run, signo, by) : -ESRCH;
}

void targets_forget_owner(struct targets *targets, void *owner)
{
    verbs_forget(targets->verbs, owner);
}

void targets_probed(struct targets *targets, uint32_t id, bool ok, const char *text)
{
    for (size_t i = 0; i < targets->entries.count; i++) {
        struct entry *entry = targets->entries.items[i];
        if (!id || entry->probe != id)
            continue;
        entry->probe = 0;
        target_probed(entry->target, ok, text);
        return;
    }
}

void targets_stop_all(struct targets *targets, bool now, void (*done)(void *owner), void *owner)
{
    targets->stopping = true;
    outcomes_clear(targets->outcomes);
    targets->on_stopped = done;
    targets->stopped_owner = owner;
    if (now && !targets->hurried) {
        targets->hurried = true;
        inheritance_hurry(targets->inheritance);
        for (size_t i = 0; i < targets->entries.count; i++)
            targets_hurry(targets->entries.items[i]->target);
    }
    targets_mark(targets);
}

bool targets_end_jobs(const struct targets *targets)
{
    return inheritance_has_job(targets->inheritance);
}

bool targets_are_stopping(const struct targets *targets)
{
    return targets->stopping;
}

void targets_boot(struct targets *targets)
{
    targets->booted = true;
    targets_mark(targets);
}

size_t targets_count(const struct targets *targets)
{
    return targets->entries.count;
}

const struct target_row *targets_row(const struct targets *targets, size_t index, int *socket)
{
    CHECK(index < targets->entries.count);
    *socket = target_socket(targets->entries.items[index]->target);
    return target_row(targets->entries.items[index]->target);
}

void targets_set_traffic(struct targets *targets, size_t index, const struct targets_traffic *traffic)
{
    CHECK(index < targets->entries.count);
    struct entry *entry = targets->entries.items[index];
    const struct clock *clock = loop_clock(targets->shared.settings.loop);
    int64_t ago_ms = clock->boottime_ms(clock) - traffic->last_ms;
    bool moved = entry->last_ms != traffic->last_ms;
    entry->last_ms = traffic->last_ms;
    if (moved)
        entry->last_wall_ms = traffic->last_ms ? clock->wall_ms(clock) - ago_ms : 0;
    target_set_traffic(entry->target, traffic->streams, traffic->streams ? 0 : entry->last_wall_ms);
}

const struct target_row *targets_find(const struct targets *targets, const char *name)
{
    const struct entry *entry = entries_find(&targets->entries, name);
    return entry ? target_row(entry->target) : NULL;
}

/* --- adoption ----------------------------------------------------------------------------------- */

static bool targets_take_over(void *owner, const struct record *record)
{
    struct targets *targets = owner;
    struct entry *entry = entries_find(&targets->entries, record->target);
    if (!entry || !target_is_kept(entry->target) || target_row(entry->target)->state != TARGET_DOWN)
        return false;
    entry->adopted = !entry->stopped && !entry->leaving;
    target_adopt(entry->target, record);
    if (!entry->adopted)
        target_event(entry->target, TABLE_STOP);
    return true;
}

static bool targets_are_adopting(void *owner)
{
    const struct targets *targets = owner;
    for (size_t i = 0; i < targets->entries.count; i++)
        if (target_is_adopting(targets->entries.items[i]->target))
            return true;
    return false;
}

static const struct inheritance_events targets_inheritance_events = {
    .on_run = targets_take_over,
    .is_adopting = targets_are_adopting,
    .on_change = targets_mark,
    .on_journal = targets_on_inheritance_journal,
};

void targets_adopt(struct targets *targets, void (*done)(void *owner), void *owner)
{
    inheritance_read(targets->inheritance, done, owner);
}

/* --- beginning and end -------------------------------------------------------------------------- */

/* Before a crash of reeve, with a policy that still says the same of it. */
static void targets_restore(struct targets *targets, struct entry *entry, uint64_t generation)
{
    struct target_row outcome;
    const struct config_service *service = target_service(entry->target);
    if (!entry->stopped && outcomes_find(targets->outcomes, service->name, generation, &outcome) &&
        policy_is_final(service->restart, outcome.state == TARGET_ENDED))
        target_restore(entry->target, &outcome);
}

static struct entry *targets_add_one(struct targets *targets, const struct config_service *service,
                                     const struct instance *instance)
{
    const struct target_form form = {
        .service = service,
        .instance = instance,
        .slot = entries_take_slot(&targets->entries),
        .generation = adoption_generation(targets->shared.run_directory, service->name),
    };
    struct entry *entry = entries_add(&targets->entries, target_new(&targets->shared, &form));
    entry->stopped = wishes_stopped(targets->wishes, service->name);
    if (entry->stopped)
        target_set_stopped(entry->target, true, targets_by_operator);
    if (!instance)
        targets_restore(targets, entry, form.generation);
    return entry;
}

static void targets_add_all(struct targets *targets)
{
    const struct config_services *services = &targets->shared.settings.config->services;
    for (size_t i = 0; i < services->count; i++)
        targets_add_one(targets, &services->items[i], NULL);
    for (size_t i = 0; i < targets->entries.count; i++)
        entries_link(&targets->entries, targets->entries.items[i]);
}

const struct target_row *targets_add(struct targets *targets, const struct targets_instance *instance)
{
    struct entry *entry = targets_add_one(targets, instance->service, instance->instance);
    entries_link(&targets->entries, entry);
    entry->pinned = instance->up;
    if (instance->outcome)
        target_restore(entry->target, instance->outcome);
    if (targets->booted) /* else an earlier run of it may still be found */
        targets_review_wanted(targets, entry);
    targets_tell_one(targets, entry);
    targets_mark(targets);
    return target_row(entry->target);
}

void targets_remove(struct targets *targets, const char *name)
{
    struct entry *entry = entries_find(&targets->entries, name);
    CHECK(entry);
    if (entry->leaving)
        return;
    entry->leaving = true;
    entry->depends_count = 0; /* they may go before it does */
    wishes_set_stopped(targets->wishes, name, false);
    target_set_stopped(entry->target, true, targets_by_removal);
    if (target_is_kept(entry->target))
        target_event(entry->target, TABLE_STOP);
    targets_mark(targets);
}

void targets_reload(struct targets *targets, const struct config *config)
{
    for (size_t i = 0; i < targets->entries.count; i++) {
        struct entry *entry = targets->entries.items[i];
        const struct target_row *row = target_row(entry->target);
        if (entry->leaving) {
            entry->depends_count = 0;
            continue;
        }
        if (!row->instance)
            target_set_service(entry->target, config_service(config, row->name));
        else
            target_set_service(entry->target, target_service(entry->target));
        entry->fixed = row_fixed(target_service(entry->target));
        entries_link(&targets->entries, entry);
    }
    targets_mark(targets);
}

bool targets_are_leaving(const struct targets *targets)
{
    return entries_are_leaving(&targets->entries);
}

struct targets *targets_new(const struct targets_settings *settings)
{
    struct targets *targets = MEMORY_NEW(struct targets);
    struct error error = {0};
    targets->shared.settings = *settings;
    if (!settings->environment)
        targets->shared.settings.environment = (const char *const *)environ;
    targets->shared.ports = ports_new(settings->config->ports_first, settings->config->ports_last,
                                      ports_seed(settings->state_directory));
    targets->shared.run_directory = directories_open(settings->state_directory, "run");
    if (targets->shared.run_directory < 0)
        log_error(settings->log, "the folder run/ of the state directory cannot be opened",
                  LOG_TEXT("error", strerror(-targets->shared.run_directory)));
    targets->shared.events = &targets_target_events;
    targets->shared.lookup = targets_lookup;
    targets->shared.owner = targets;
    targets->wishes = wishes_new(settings->state_directory, &error);
    if (error.text[0])
        log_warning(settings->log, "wishes of the operator are lost", LOG_TEXT("error", error.text));
    targets->outcomes = outcomes_new(settings->state_directory);
    targets->verbs = verbs_new();
    const struct inheritance_settings inheritance = {
        .run = {.loop = settings->loop,
                .log = settings->log,
                .directory = targets->shared.run_directory,
                .hold_program = settings->hold_program},
        .events = &targets_inheritance_events,
        .owner = targets,
    };
    targets->inheritance = inheritance_new(&inheritance);
    targets_add_all(targets);
    return targets;
}

void targets_free(struct targets **where)
{
    struct targets *targets = *where;
    if (!targets)
        return;
    entries_free(&targets->entries);
    inheritance_free(&targets->inheritance);
    verbs_free(&targets->verbs);
    wishes_free(&targets->wishes);
    outcomes_free(&targets->outcomes);
    ports_free(&targets->shared.ports);
    loop_task_stop(&targets->review);
    if (targets->shared.run_directory >= 0)
        close(targets->shared.run_directory);
    loop_free_later(targets->shared.settings.loop, targets, free);
    *where = NULL;
}
