/* Two tables of steps, read from above; one function goes through them. A step begins, is looked at whenever
 * something happens, and is hurried when its budget is over or somebody cannot wait. */
#include <stdlib.h>

#include "base/memory.h"

#include "keep/lifespan.h"
#include "keep/notify.h"

enum {
    LIFESPAN_LOOK_MS = 50,           /* at what tells nobody when it is over */
    LIFESPAN_HOOKS_LEAST_MS = 10000, /* shutdown hooks have drain.timeout, but at least this */
    LIFESPAN_SLACK_MS = 3000,        /* what a step needs beyond the time it gives to others */
    LIFESPAN_FORCE_MS = 12000,       /* a step that was hurried is not waited for longer */
};

struct lifespan_step {
    const char *name;
    void (*begin)(struct lifespan *lifespan);
    bool (*is_over)(const struct lifespan *lifespan);
    void (*hurry)(struct lifespan *lifespan);
    int64_t (*budget_ms)(const struct lifespan *lifespan); /* NULL: as long as it takes */
};

struct lifespan {
    struct lifespan_settings settings;
    enum lifespan_phase phase;
    const struct lifespan_step *step; /* NULL: between two sequences */
    struct hooks *hooks;              /* those under way */
    bool now;                         /* nobody waits any more */
    bool hurried;                     /* this step has been */
    bool loops_ended, gates_ended, targets_ended;
    struct loop_task next;
    struct loop_timer look, budget;
};

static void lifespan_check(struct lifespan *lifespan);

/* --- hooks ----------------------------------------------------------------------------------------- */

static void lifespan_on_hook(void *owner, const char *name, const char *program)
{
    const struct lifespan *lifespan = owner;
    log_info(lifespan->settings.log, "hook", LOG_TEXT("hook", name), LOG_TEXT("program", program));
}

static void lifespan_on_hook_failed(void *owner, const char *text)
{
    struct lifespan *lifespan = owner;
    const struct lifespan_events *events = lifespan->settings.events;
    journal_note(lifespan->settings.journal, "hook-failed", json_pack("{s:s}", "text", text));
    if (lifespan->phase == LIFESPAN_STARTING)
        events->on_failed(lifespan->settings.owner, text);
    else
        log_error(lifespan->settings.log, "a shutdown hook has failed; the stop goes on",
                  LOG_TEXT("error", text));
}

static void lifespan_on_hooks_done(void *owner, bool ok)
{
    struct lifespan *lifespan = owner;
    (void)ok; /* on_failed has told, and where that ends the start it has been ended */
    hooks_free(&lifespan->hooks);
    lifespan_check(lifespan);
}

static void lifespan_on_hook_journal(void *owner, const char *name, const char *event, const json_t *evidence)
{
    struct lifespan *lifespan = owner;
    journal_append(lifespan->settings.journal, name, event, evidence);
}

static void lifespan_run_hooks(struct lifespan *lifespan, bool startup)
{
    const struct config *config = lifespan->settings.config;
    int64_t drain_ms = config->drain_timeout_ms;
    const struct hooks_settings hooks = {
        .jobs = lifespan->settings.jobs,
        .commands = startup ? &config->hooks.startup : &config->hooks.shutdown,
        .kind = startup ? "startup" : "shutdown",
        .all = !startup,
        .timeout_ms = startup                              ? 0
                      : drain_ms > LIFESPAN_HOOKS_LEAST_MS ? drain_ms
                                                           : LIFESPAN_HOOKS_LEAST_MS,
        .on_begin = lifespan_on_hook,
        .on_failed = lifespan_on_hook_failed,
        .on_done = lifespan_on_hooks_done,
        .on_journal = lifespan_on_hook_journal,
        .owner = lifespan,
    };
    if (hooks.commands->count)
        lifespan->hooks = hooks_start(&hooks);
}

static bool lifespan_hooks_over(const struct lifespan *lifespan)
{
    return !lifespan->hooks;
}

/* --- start ------------------------------------------------------------------------------------------ */

static bool lifespan_jobs_gone(const struct lifespan *lifespan)
{
    return !targets_end_jobs(lifespan->settings.targets);
}

static void lifespan_begin_hooks(struct lifespan *lifespan)
{
    lifespan_run_hooks(lifespan, true);
}

static void lifespan_boot(struct lifespan *lifespan)
{
    loops_start(lifespan->settings.loops);
    targets_boot(lifespan->settings.targets);
}

/* In a turn of its own, when the gates have been told what is starting: requests for that are to wait for it.
 */
static void lifespan_serve(struct lifespan *lifespan)
{
    const struct lifespan_settings *settings = &lifespan->settings;
    lifespan->phase = LIFESPAN_SERVING;
    gates_set_phase(settings->gates, GATES_SERVING);
    notify_send("READY=1");
    settings->events->on_serving(settings->owner);
}

static const struct lifespan_step lifespan_starting[] = {
    /* A hook of a dead keeper must not run beside the same hook of ours. */
    {"jobs left behind end", NULL, lifespan_jobs_gone, NULL, NULL},
    {"startup hooks", lifespan_begin_hooks, lifespan_hooks_over, NULL, NULL},
    {"loops and targets begin", lifespan_boot, NULL, NULL, NULL},
    {"requests are answered", lifespan_serve, NULL, NULL, NULL},
    {0},
};

/* --- stop ------------------------------------------------------------------------------------------- */

static void lifespan_turn_away(struct lifespan *lifespan)
{
    notify_send("STOPPING=1");
    gates_set_phase(lifespan->settings.gates, GATES_STOPPING);
}

static void lifespan_on_loops_stopped(void *owner)
{
    struct lifespan *lifespan = owner;
    lifespan->loops_ended = true;
    lifespan_check(lifespan);
}

static void lifespan_end_loops(struct lifespan *lifespan)
{
    loops_stop(lifespan->settings.loops, lifespan_on_loops_stopped, lifespan);
    if (lifespan->hooks)
        hooks_stop(lifespan->hooks, false);
}

static bool lifespan_loops_over(const struct lifespan *lifespan)
{
    return lifespan->loops_ended && !lifespan->hooks;
}

static void lifespan_hurry_loops(struct lifespan *lifespan)
{
    loops_hurry(lifespan->settings.loops);
    if (lifespan->hooks)
        hooks_stop(lifespan->hooks, true);
}

static int64_t lifespan_loops_ms(const struct lifespan *lifespan)
{
    (void)lifespan;
    return JOB_GRACE_MS + LIFESPAN_SLACK_MS;
}

/* Stop accepting; goodbyes and shutdown hooks at the same time; the gates end. */
static void lifespan_drain(struct lifespan *lifespan)
{
    lifespan_run_hooks(lifespan, false);
    gates_drain(lifespan->settings.gates, lifespan->now ? 0 : lifespan->settings.config->drain_timeout_ms);
}

static bool lifespan_drained(const struct lifespan *lifespan)
{
    return lifespan->gates_ended && !lifespan->hooks;
}

static void lifespan_hurry_drain(struct lifespan *lifespan)
{
    if (lifespan->hooks)
        hooks_stop(lifespan->hooks, true);
    gates_hurry(lifespan->settings.gates);
}

static int64_t lifespan_drain_ms(const struct lifespan *lifespan)
{
    const struct config *config = lifespan->settings.config;
    bool hooks = config->hooks.shutdown.count && config->drain_timeout_ms < LIFESPAN_HOOKS_LEAST_MS;
    return (hooks ? LIFESPAN_HOOKS_LEAST_MS : config->drain_timeout_ms) + LIFESPAN_SLACK_MS;
}

static void lifespan_on_targets_stopped(void *owner)
{
    struct lifespan *lifespan = owner;
    lifespan->targets_ended = true;
    lifespan_check(lifespan);
}

static void lifespan_stop_targets(struct lifespan *lifespan)
{
    targets_stop_all(lifespan->settings.targets, lifespan->now, lifespan_on_targets_stopped, lifespan);
}

static bool lifespan_targets_over(const struct lifespan *lifespan)
{
    return lifespan->targets_ended;
}

static void lifespan_hurry_targets(struct lifespan *lifespan)
{
    targets_stop_all(lifespan->settings.targets, true, lifespan_on_targets_stopped, lifespan);
}

/* Of each service: its own grace, and before it that of the slowest that depends on it, and so on. */
static bool lifespan_add_dependents(const struct config *config, int64_t *ends_ms)
{
    const struct config_services *services = &config->services;
    bool changed = false;
    for (size_t i = 0; i < services->count; i++) {
        const struct config_service *service = &services->items[i];
        for (size_t j = 0; j < service->depends_on.count; j++) {
            const struct config_service *needed = config_service(config, service->depends_on.items[j]);
            int64_t end_ms = ends_ms[i] + needed->stop.grace_ms;
            int64_t *place = &ends_ms[needed - services->items];
            changed |= *place < end_ms;
            *place = *place < end_ms ? end_ms : *place;
        }
    }
    return changed;
}

static int64_t lifespan_targets_ms(const struct lifespan *lifespan)
{
    const struct config_services *services = &lifespan->settings.config->services;
    int64_t *ends_ms = MEMORY_ARRAY(int64_t, services->count + 1), longest_ms = 0;
    for (size_t i = 0; i < services->count; i++)
        ends_ms[i] = services->items[i].stop.grace_ms;
    while (lifespan_add_dependents(lifespan->settings.config, ends_ms)) /* there are no circles */
        ;
    for (size_t i = 0; i < services->count; i++)
        longest_ms = ends_ms[i] > longest_ms ? ends_ms[i] : longest_ms;
    free(ends_ms);
    return longest_ms + LIFESPAN_SLACK_MS;
}

static const struct lifespan_step lifespan_stopping[] = {
    {"not ready", lifespan_turn_away, NULL, NULL, NULL},
    /* A reconcile loop must not restart what is being stopped. */
    {"loops end", lifespan_end_loops, lifespan_loops_over, lifespan_hurry_loops, lifespan_loops_ms},
    {"drain", lifespan_drain, lifespan_drained, lifespan_hurry_drain, lifespan_drain_ms},
    {"targets stop", lifespan_stop_targets, lifespan_targets_over, lifespan_hurry_targets,
     lifespan_targets_ms},
    {0},
};

int64_t lifespan_stop_ms(const struct lifespan *lifespan)
{
    int64_t sum_ms = 0;
    for (const struct lifespan_step *step = lifespan_stopping; step->name; step++)
        sum_ms += step->budget_ms ? step->budget_ms(lifespan) : 0;
    return sum_ms;
}

/* --- going through them ------------------------------------------------------------------------------ */

static void lifespan_hurry(struct lifespan *lifespan, const char *why)
{
    if (lifespan->hurried || !lifespan->step || !lifespan->step->hurry)
        return;
    lifespan->hurried = true;
    log_warning(lifespan->settings.log, why, LOG_TEXT("step", lifespan->step->name));
    lifespan->step->hurry(lifespan);
}

static void lifespan_on_next(struct loop_task *task);

static void lifespan_on_budget(struct loop_timer *timer)
{
    struct lifespan *lifespan = LIST_ENTRY(timer, struct lifespan, budget);
    const struct lifespan_settings *settings = &lifespan->settings;
    bool again = lifespan->hurried;
    journal_note(settings->journal, again ? "phase-left" : "phase-late",
                 json_pack("{s:s}", "phase", lifespan->step->name));
    if (again) {
        loop_task_start(settings->loop, &lifespan->next, lifespan_on_next);
        return;
    }
    lifespan_hurry(lifespan, "a step of the stop takes too long: ended without patience");
    loop_timer_start(settings->loop, timer, LIFESPAN_FORCE_MS, lifespan_on_budget);
}

static void lifespan_on_look(struct loop_timer *timer)
{
    lifespan_check(LIST_ENTRY(timer, struct lifespan, look));
}

static void lifespan_begin(struct lifespan *lifespan, const struct lifespan_step *step)
{
    struct loop *loop = lifespan->settings.loop;
    lifespan->step = step;
    lifespan->hurried = false;
    loop_timer_stop(&lifespan->look);
    loop_timer_stop(&lifespan->budget);
    if (!step->name)
        return;
    int64_t budget_ms = step->budget_ms ? step->budget_ms(lifespan) : 0;
    journal_note(lifespan->settings.journal, "phase",
                 json_pack("{s:s, s:I}", "phase", step->name, "budget_ms", (json_int_t)budget_ms));
    if (budget_ms)
        loop_timer_start(loop, &lifespan->budget, budget_ms, lifespan_on_budget);
    if (step->begin)
        step->begin(lifespan);
    if (lifespan->now)
        lifespan_hurry(lifespan, "not waited for");
    lifespan_check(lifespan);
}

/* What a step waits for comes from everywhere, also from inside its beginning: the next one begins in a turn
 * of its own. */
static void lifespan_check(struct lifespan *lifespan)
{
    const struct lifespan_step *step = lifespan->step;
    if (!step || !step->name)
        return;
    if (!step->is_over || step->is_over(lifespan))
        loop_task_start(lifespan->settings.loop, &lifespan->next, lifespan_on_next);
    else if (!step->begin) /* nobody tells when it is over */
        loop_timer_start(lifespan->settings.loop, &lifespan->look, LIFESPAN_LOOK_MS, lifespan_on_look);
}

static void lifespan_on_next(struct loop_task *task)
{
    struct lifespan *lifespan = LIST_ENTRY(task, struct lifespan, next);
    if (!lifespan->step || !lifespan->step->name)
        return;
    lifespan_begin(lifespan, lifespan->step + 1);
    if (lifespan->step->name)
        return;
    lifespan->step = NULL;
    if (lifespan->phase == LIFESPAN_STOPPING)
        lifespan->settings.events->on_stopped(lifespan->settings.owner);
}

void lifespan_start(struct lifespan *lifespan)
{
    if (lifespan->phase == LIFESPAN_STARTING && !lifespan->step)
        lifespan_begin(lifespan, lifespan_starting);
}

void lifespan_stop(struct lifespan *lifespan, bool now)
{
    bool first = lifespan->phase != LIFESPAN_STOPPING;
    lifespan->now |= now || !first;
    lifespan->phase = LIFESPAN_STOPPING;
    if (first)
        lifespan_begin(lifespan, lifespan_stopping);
    else
        lifespan_hurry(lifespan, "not waited for any more");
}

void lifespan_gates_ended(struct lifespan *lifespan)
{
    lifespan->gates_ended = true;
    lifespan_check(lifespan);
}

enum lifespan_phase lifespan_phase(const struct lifespan *lifespan)
{
    return lifespan->phase;
}

struct lifespan *lifespan_new(const struct lifespan_settings *settings)
{
    struct lifespan *lifespan = MEMORY_NEW(struct lifespan);
    lifespan->settings = *settings;
    return lifespan;
}

void lifespan_free(struct lifespan **where)
{
    struct lifespan *lifespan = *where;
    if (!lifespan)
        return;
    hooks_free(&lifespan->hooks);
    loop_task_stop(&lifespan->next);
    loop_timer_stop(&lifespan->look);
    loop_timer_stop(&lifespan->budget);
    loop_free_later(lifespan->settings.loop, lifespan, free);
    *where = NULL;
}
