/* A service is made of the command for as long as the start takes: launch knows no other thing to start. */
#include <signal.h>
#include <stdlib.h>

#include "base/memory.h"
#include "base/text.h"

#include "keep/adoption.h"
#include "keep/cause.h"
#include "keep/job.h"
#include "keep/launch.h"

enum { JOB_OUTPUT_BYTES = 10 << 20, JOB_OUTPUT_FILES = 5, JOB_PLACE_SIZE = 256 };

struct job {
    struct job_settings settings;
    char place[JOB_PLACE_SIZE]; /* of the command in the configuration, which may have changed by the end */
    struct run *run;
    struct loop_timer limit;
    bool late;
    bool stopped;
};

const struct record *job_record(const struct job *job)
{
    return run_record(job->run);
}

/* --- the run's news ------------------------------------------------------------------------------ */

static void job_on_executed(void *owner)
{
    (void)owner;
}

static void job_on_ending(void *owner)
{
    (void)owner; /* the hold ends what is left */
}

static void job_on_lost(void *owner)
{
    struct job *job = owner;
    run_kill(job->run);
}

static void job_on_over(void *owner, const struct run_end *run_end)
{
    struct job *job = owner;
    struct job_end end = {.cause = run_end->cause, .after_ms = run_end->after_ms};
    char time[TEXT_NUMBER_SIZE];
    loop_timer_stop(&job->limit);
    end.ok = !job->late && !job->stopped && cause_is_success(&end.cause);
    if (job->late)
        cause_set(&end.cause, TARGET_CAUSE_STOPPED, "did not end within %s",
                  text_of_duration(job->settings.timeout_ms, time));
    if (end.cause.kind == TARGET_CAUSE_EXEC)
        cause_set(&end.cause, TARGET_CAUSE_EXEC, "%s (from %s)", run_end->cause.text, job->place);
    launch_clean(&job->settings.shared->targets, run_record(job->run));
    job->settings.events->on_over(job->settings.owner, &end);
}

static void job_on_journal(void *owner, const char *event, const json_t *evidence)
{
    const struct job *job = owner;
    job->settings.events->on_journal(job->settings.owner, event, evidence);
}

static const struct run_events job_run_events = {
    .on_executed = job_on_executed,
    .on_ending = job_on_ending,
    .on_lost = job_on_lost,
    .on_over = job_on_over,
    .on_journal = job_on_journal,
};

static void job_on_limit(struct loop_timer *timer)
{
    struct job *job = LIST_ENTRY(timer, struct job, limit);
    job->late = true;
    run_stop(job->run, &(struct run_stop_order){SIGTERM, JOB_GRACE_MS, "it took too long"});
    if (job->settings.events->on_late)
        job->settings.events->on_late(job->settings.owner);
}

/* --- start and stop ------------------------------------------------------------------------------- */

/* As adoption_prune(), for a number that is known. */
static void job_prune(const struct job_settings *settings)
{
    char name[RECORD_FILE_SIZE];
    if (*settings->generation > ADOPTION_KEPT)
        record_remove(settings->shared->run_directory,
                      record_name(settings->name, *settings->generation - ADOPTION_KEPT, name));
}

static struct run *job_launch(struct job *job, struct error *error)
{
    const struct job_settings *settings = &job->settings;
    const struct job_shared *shared = settings->shared;
    char none[] = "";
    const struct config_service service = {
        .item = *settings->item,
        .name = (char *)(uintptr_t)settings->name,
        .command = *settings->command,
        .directory = (char *)(uintptr_t)settings->directory,
        .prefix = none,
        .stop = {.signal = SIGTERM, .grace_ms = JOB_GRACE_MS},
        .output = {.max_bytes = JOB_OUTPUT_BYTES, .keep = JOB_OUTPUT_FILES},
    };
    const struct launch_settings launch = {
        .targets = &shared->targets,
        .service = &service,
        .name = settings->name,
        .generation = ++*settings->generation,
        .run_directory = shared->run_directory,
        .services = shared->services,
        .owner = shared->owner,
    };
    const struct run_settings run = {
        .loop = shared->targets.loop,
        .log = shared->targets.log,
        .directory = shared->run_directory,
        .hold_program = shared->targets.hold_program,
        .monitor = shared->targets.monitor,
        .events = &job_run_events,
        .owner = job,
    };
    return launch_run(&launch, &run, error);
}

struct job *job_start(const struct job_settings *settings, struct error *error)
{
    struct job *job = MEMORY_NEW(struct job);
    const struct config_place place = config_place_of(settings->item, "command");
    job->settings = *settings;
    config_place_text(&place, job->place, sizeof job->place);
    if (*settings->generation == 0)
        *settings->generation = adoption_generation(settings->shared->run_directory, settings->name);
    job_prune(settings);
    job->run = job_launch(job, error);
    if (!job->run) {
        free(job);
        return NULL;
    }
    if (settings->timeout_ms)
        loop_timer_start(settings->shared->targets.loop, &job->limit, settings->timeout_ms, job_on_limit);
    return job;
}

void job_stop(struct job *job, int64_t grace_ms)
{
    job->stopped = true;
    loop_timer_stop(&job->limit);
    const struct run_stop_order order = {grace_ms ? SIGTERM : SIGKILL, grace_ms, "stopped with reeve"};
    run_stop(job->run, &order);
}

void job_free(struct job **where)
{
    struct job *job = *where;
    if (!job)
        return;
    loop_timer_stop(&job->limit);
    run_free(&job->run);
    loop_free_later(job->settings.shared->targets.loop, job, free);
    *where = NULL;
}
