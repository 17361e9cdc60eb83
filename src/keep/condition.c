/* What is watched comes together here; each of the watched knows nothing of the others. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "base/memory.h"

#include "keep/condition.h"
#include "keep/degraded.h"
#include "keep/health.h"
#include "keep/monitor.h"
#include "keep/notify.h"
#include "keep/reach.h"
#include "keep/row.h"

enum {
    CONDITION_SHOWN = 50, /* targets that are not ready, by name */
    CONDITION_WHAT_SIZE = 192,
};

struct condition {
    struct condition_settings settings;
    struct loop *loop;
    struct job_shared jobs;
    struct row_fixed looked_up; /* lives until the next look */
    struct loops *loops;
    struct reach *reach;
    struct degraded *degraded;
    struct health *health;
    struct notify_watchdog watchdog; /* the service manager's */
    const char *phase;
    const char *about; /* the target that is being set; NULL: none in particular */
    int64_t started_wall_ms;
};

/* --- news -------------------------------------------------------------------------------------------- */

static void condition_on_degraded(void *owner, const char *what, const char *reason, int64_t after_ms)
{
    struct condition *condition = owner;
    const struct condition_settings *settings = &condition->settings;
    const struct log *log = settings->made.log;
    json_t *evidence = reason ? json_pack("{s:s, s:s}", "what", what, "reason", reason)
                              : json_pack("{s:s, s:I}", "what", what, "after_ms", (json_int_t)after_ms);
    journal_append(settings->journal, condition->about, reason ? "degraded" : "recovered", evidence);
    json_decref(evidence);
    if (reason) {
        log_warning(log, "degraded", LOG_TEXT("what", what), LOG_TEXT("reason", reason));
    } else {
        log_info(log, "recovered", LOG_TEXT("what", what), LOG_NUMBER("after_ms", after_ms));
    }
}

static void condition_on_news(void *owner)
{
    condition_changed(owner);
}

void condition_set(struct condition *condition, const char *what, const char *reason)
{
    if (reason)
        degraded_set(condition->degraded, what, reason);
    else
        degraded_clear(condition->degraded, what);
}

void condition_changed(struct condition *condition)
{
    health_changed(condition->health);
}

void condition_reload(struct condition *condition, const struct config *config)
{
    condition->settings.made.config = config;
    condition->jobs.targets.config = config;
    loops_reload(condition->loops, &config->loops);
    reach_reload(condition->reach, config);
    condition_changed(condition);
}

void condition_set_phase(struct condition *condition, const char *phase)
{
    if (strcmp(phase, "serving") == 0)
        reach_start(condition->reach);
    condition->phase = phase;
    condition_changed(condition);
}

void condition_greet(struct condition *condition, unsigned slot)
{
    health_greet(condition->health, slot);
}

/* While a vital loop fails, the service manager is to think that we hang: but not that our end hangs. */
static bool condition_is_well(void *owner)
{
    const struct condition *condition = owner;
    return strcmp(condition->phase, "serving") != 0 || !loops_vital_fails(condition->loops);
}

/* --- loops ------------------------------------------------------------------------------------------- */

static void condition_on_result(void *owner, const char *name, unsigned failures, const char *text)
{
    char what[CONDITION_WHAT_SIZE];
    snprintf(what, sizeof what, "loop %s", name);
    condition_set(owner, what, failures ? text : NULL);
}

static void condition_on_loops(void *owner)
{
    condition_changed(owner);
}

static void condition_on_ask(void *owner, const struct prober_question *question)
{
    struct condition *condition = owner;
    gates_probe(condition->settings.gates, question);
}

static void condition_on_journal(void *owner, const char *name, const char *event, const json_t *evidence)
{
    struct condition *condition = owner;
    journal_append(condition->settings.journal, name, event, evidence);
}

/* --- holds ------------------------------------------------------------------------------------------- */

static char *condition_hold(const char *name, char what[CONDITION_WHAT_SIZE])
{
    snprintf(what, CONDITION_WHAT_SIZE, "hold of %s", name);
    return what;
}

static void condition_on_silent(void *owner, const char *name, const json_t *evidence, const char *text)
{
    struct condition *condition = owner;
    char what[CONDITION_WHAT_SIZE];
    journal_append(condition->settings.journal, name, "hold-silent", evidence);
    condition_set(condition, condition_hold(name, what), text);
}

static void condition_on_settled(void *owner, const char *name, bool answers)
{
    struct condition *condition = owner;
    char what[CONDITION_WHAT_SIZE];
    (void)answers;
    condition_set(condition, condition_hold(name, what), NULL);
}

static void condition_on_give_up(void *owner, const char *name, const json_t *evidence, const char *text)
{
    struct condition *condition = owner;
    journal_append(condition->settings.journal, name, "watchdog", evidence);
    log_warning(condition->settings.made.log, "a hold is given up: its run is killed and started again",
                LOG_TEXT("target", name), LOG_TEXT("reason", text));
}

static void condition_on_output(void *owner, const char *name, const char *text)
{
    char what[CONDITION_WHAT_SIZE];
    snprintf(what, sizeof what, "log of %s", name);
    condition_set(owner, what, text);
}

static const struct monitor_events condition_monitor_events = {
    .on_silent = condition_on_silent,
    .on_settled = condition_on_settled,
    .on_give_up = condition_on_give_up,
    .on_output = condition_on_output,
};

/* --- addresses --------------------------------------------------------------------------------------- */

static void condition_on_reached(void *owner, const char *service, const char *address, const char *text)
{
    struct condition *condition = owner;
    char what[CONDITION_WHAT_SIZE + TARGET_ADDRESS_SIZE];
    snprintf(what, sizeof what, "service %s at %s", service, address);
    condition->about = service;
    condition_set(condition, what, text);
    condition->about = NULL;
}

static void condition_on_reason(void *owner, const char *service, const char *address, const char *text)
{
    struct condition *condition = owner;
    char what[CONDITION_WHAT_SIZE + TARGET_ADDRESS_SIZE];
    snprintf(what, sizeof what, "service %s at %s", service, address);
    condition->about = service;
    condition_on_degraded(condition, what, text, 0);
    condition->about = NULL;
}

/* --- gates ------------------------------------------------------------------------------------------- */

static const struct {
    const char *what, *before;
} condition_troubles[] = {
    {"events", "event streams of "}, {"names", "names of "}, {"connections", "new connections of "}};
enum { CONDITION_TROUBLES = sizeof condition_troubles / sizeof *condition_troubles };

static void condition_set_gate(struct condition *condition, const char *before, unsigned slot,
                               const char *reason)
{
    char what[CONDITION_WHAT_SIZE];
    snprintf(what, sizeof what, "%sgate %u", before, slot);
    condition_set(condition, what, reason);
}

void condition_gate_trouble(struct condition *condition, unsigned slot, const json_t *body)
{
    const char *about = json_string_value(json_object_get(body, "what"));
    const char *text = json_string_value(json_object_get(body, "text"));
    for (size_t i = 0; about && i < CONDITION_TROUBLES; i++)
        if (strcmp(about, condition_troubles[i].what) == 0)
            condition_set_gate(condition, condition_troubles[i].before, slot, text);
}

void condition_gate_late(struct condition *condition, unsigned slot, bool late)
{
    condition_set_gate(condition, "", slot,
                       late ? "its loop does not turn; it is replaced after 10 s" : NULL);
}

void condition_gate_gone(struct condition *condition, unsigned slot)
{
    for (size_t i = 0; i < CONDITION_TROUBLES; i++)
        condition_set_gate(condition, condition_troubles[i].before, slot, NULL);
    condition_set_gate(condition, "", slot, NULL);
}

/* --- jobs -------------------------------------------------------------------------------------------- */

/* services.NAME.port and services.NAME.socket in commands of jobs. */
static const char *condition_lookup(void *owner, struct slice name)
{
    struct condition *condition = owner;
    const struct config_services *services = &condition->settings.made.config->services;
    const char *value = NULL;
    for (size_t i = 0; i < services->count && !value; i++) {
        const struct target_row *row = targets_find(condition->settings.targets, services->items[i].name);
        condition->looked_up = row_fixed(&services->items[i]);
        value = row ? row_lookup(row, &condition->looked_up, name) : NULL;
    }
    return value;
}

static const struct loops_events condition_loops_events = {
    .on_result = condition_on_result,
    .on_change = condition_on_loops,
    .on_ask = condition_on_ask,
    .on_journal = condition_on_journal,
};

static void condition_make_loops(struct condition *condition)
{
    const struct condition_settings *settings = &condition->settings;
    char *path = memory_format("%s/run", settings->made.state_directory);
    condition->jobs = (struct job_shared){
        .targets = settings->made,
        .run_directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC),
        .services = condition_lookup,
        .owner = condition,
    };
    free(path);
    if (!condition->jobs.targets.environment)
        condition->jobs.targets.environment = (const char *const *)environ;
    const struct loops_settings loops = {
        .jobs = &condition->jobs,
        .config = &settings->made.config->loops,
        .targets = settings->targets,
        .events = &condition_loops_events,
        .owner = condition,
    };
    condition->loops = loops_new(&loops);
}

struct loops *condition_loops(const struct condition *condition)
{
    return condition->loops;
}

const struct job_shared *condition_jobs(const struct condition *condition)
{
    return &condition->jobs;
}

/* --- what is shown ----------------------------------------------------------------------------------- */

static json_t *condition_describe_targets(const struct condition *condition)
{
    const struct targets *targets = condition->settings.targets;
    json_int_t wanted = 0, ready = 0;
    json_t *rows = json_array();
    for (size_t i = 0; i < targets_count(targets); i++) {
        int socket;
        const struct target_row *row = targets_row(targets, i, &socket);
        bool missed = target_row_is_missed(row);
        wanted += missed || (row->wanted && row->ready);
        ready += row->wanted && row->ready;
        if (!missed || json_array_size(rows) == CONDITION_SHOWN)
            continue;
        json_array_append_new(rows, json_pack("{s:s, s:s, s:s}", "name", row->name, "state",
                                              target_state_name(row->state), "cause", row->cause.text));
    }
    return json_pack("{s:I, s:I, s:o}", "wanted", wanted, "ready", ready, "not_ready", rows);
}

json_t *condition_describe(const struct condition *condition)
{
    const struct condition_settings *settings = &condition->settings;
    const struct clock *clock = loop_clock(settings->made.loop);
    json_t *degraded = degraded_describe(condition->degraded);
    char started[CLOCK_TEXT_SIZE];
    json_t *details = json_pack(
        "{s:s, s:s, s:s, s:i, s:s, s:s, s:I}", "status", json_array_size(degraded) ? "degraded" : "ok",
        "name", settings->made.config->name, "version", REEVE_VERSION, "pid", (int)getpid(), "phase",
        condition->phase, "started", clock_format(condition->started_wall_ms, started), "as_of_ms",
        (json_int_t)clock->boottime_ms(clock));
    CHECK(details);
    json_object_set_new(details, "targets", condition_describe_targets(condition));
    json_object_set_new(details, "loops", loops_describe(condition->loops));
    json_object_set_new(details, "monitor", monitor_describe(settings->made.monitor));
    json_object_set_new(details, "gates", gates_describe(settings->gates));
    json_object_set_new(details, "degraded", degraded);
    return details;
}

static json_t *condition_on_describe(void *owner)
{
    return condition_describe(owner);
}

struct condition *condition_new(const struct condition_settings *settings)
{
    struct condition *condition = MEMORY_NEW(struct condition);
    const struct clock *clock = loop_clock(settings->made.loop);
    condition->settings = *settings;
    condition->loop = settings->made.loop;
    condition->phase = "starting";
    condition->started_wall_ms = clock->wall_ms(clock);
    const struct degraded_settings degraded = {
        .clock = clock, .on_change = condition_on_degraded, .on_news = condition_on_news, .owner = condition};
    const struct health_settings health = {.loop = settings->made.loop,
                                           .gates = settings->gates,
                                           .describe = condition_on_describe,
                                           .owner = condition};
    condition->degraded = degraded_new(&degraded);
    condition->health = health_new(&health);
    condition_make_loops(condition);
    const struct reach_settings reach = {.loop = condition->loop,
                                         .config = settings->made.config,
                                         .on_ask = condition_on_ask,
                                         .on_result = condition_on_reached,
                                         .on_reason = condition_on_reason,
                                         .owner = condition};
    condition->reach = reach_new(&reach);
    if (!settings->journal->store)
        condition_set(condition, "journal", "its database cannot be opened: nothing is journalled");
    monitor_start(settings->made.monitor, &condition_monitor_events, condition);
    condition->watchdog =
        (struct notify_watchdog){.loop = condition->loop, .is_well = condition_is_well, .owner = condition};
    notify_watchdog_start(&condition->watchdog);
    return condition;
}

void condition_free(struct condition **where)
{
    struct condition *condition = *where;
    if (!condition)
        return;
    monitor_stop(condition->settings.made.monitor);
    notify_watchdog_stop(&condition->watchdog);
    reach_free(&condition->reach);
    loops_free(&condition->loops);
    degraded_free(&condition->degraded);
    health_free(&condition->health);
    if (condition->jobs.run_directory >= 0)
        close(condition->jobs.run_directory);
    loop_free_later(condition->loop, condition, free);
    *where = NULL;
}
