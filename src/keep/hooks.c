#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/utf8.h"

#include "keep/hooks.h"
#include "keep/lastwords.h"

enum { HOOKS_NAME_SIZE = 48 };

struct hooks {
    struct hooks_settings settings;
    struct loop *loop;
    struct loop_timer next; /* step, in a turn of its own */
    int64_t begun_ms;
    size_t at; /* index of the one that runs or is next */
    char name[HOOKS_NAME_SIZE];
    struct config_item item;
    struct job *job;
    uint64_t generation;
    bool stopped;
    bool failed;
};

static const struct config_command *hooks_current(const struct hooks *hooks)
{
    return &hooks->settings.commands->items[hooks->at];
}

static void hooks_begin(struct hooks *hooks);

static void hooks_on_next(struct loop_timer *timer)
{
    struct hooks *hooks = LIST_ENTRY(timer, struct hooks, next);
    bool over = hooks->stopped || hooks->at == hooks->settings.commands->count ||
                (hooks->failed && !hooks->settings.all);
    if (over)
        hooks->settings.on_done(hooks->settings.owner, !hooks->failed);
    else
        hooks_begin(hooks);
}

static void hooks_next(struct hooks *hooks)
{
    loop_timer_start(hooks->loop, &hooks->next, 0, hooks_on_next);
}

/* The last words of the run, indented below the sentence. */
static void hooks_tell_failure(struct hooks *hooks, const char *cause, uint64_t generation)
{
    char *words = lastwords_read(hooks->settings.jobs->targets.state_directory, hooks->name, generation);
    char *text =
        memory_format("%s hook %zu (%s): %s%s%s", hooks->settings.kind, hooks->at + 1,
                      hooks_current(hooks)->words.items[0], cause, *words ? "; its last words:" : "", words);
    hooks->failed = true;
    hooks->settings.on_failed(hooks->settings.owner, utf8_clean(text));
    free(text);
    free(words);
}

static void hooks_on_over(void *owner, const struct job_end *end)
{
    struct hooks *hooks = owner;
    if (!end->ok)
        hooks_tell_failure(hooks, end->cause.text, hooks->generation);
    job_free(&hooks->job);
    hooks->at++;
    hooks_next(hooks);
}

static void hooks_on_job_journal(void *owner, const char *event, const json_t *evidence)
{
    struct hooks *hooks = owner;
    hooks->settings.on_journal(hooks->settings.owner, hooks->name, event, evidence);
}

/* What is left of the time of all of them; 0: no limit. */
static int64_t hooks_rest_ms(const struct hooks *hooks)
{
    int64_t rest_ms = hooks->begun_ms + hooks->settings.timeout_ms - loop_now_ms(hooks->loop);
    if (!hooks->settings.timeout_ms)
        return 0;
    return rest_ms > 1 ? rest_ms : 1;
}

static void hooks_begin(struct hooks *hooks)
{
    static const struct job_events events = {.on_over = hooks_on_over, .on_journal = hooks_on_job_journal};
    const struct config_command *command = hooks_current(hooks);
    struct error error = {0};
    hooks->item = (struct config_item){.place = command->place};
    hooks->generation = 0;
    snprintf(hooks->name, sizeof hooks->name, "hook:%s:%zu", hooks->settings.kind, hooks->at + 1);
    hooks->settings.on_begin(hooks->settings.owner, hooks->name, command->words.items[0]);
    const struct job_settings job = {
        .shared = hooks->settings.jobs,
        .name = hooks->name,
        .item = &hooks->item,
        .directory = command->directory,
        .command = &command->words,
        .timeout_ms = hooks_rest_ms(hooks),
        .generation = &hooks->generation,
        .events = &events,
        .owner = hooks,
    };
    hooks->job = job_start(&job, &error);
    if (hooks->job)
        return;
    hooks_tell_failure(hooks, error.text, 0);
    hooks->at++;
    hooks_next(hooks);
}

struct hooks *hooks_start(const struct hooks_settings *settings)
{
    struct hooks *hooks = MEMORY_NEW(struct hooks);
    hooks->settings = *settings;
    hooks->loop = settings->jobs->targets.loop;
    hooks->begun_ms = loop_now_ms(hooks->loop);
    hooks_next(hooks);
    return hooks;
}

void hooks_stop(struct hooks *hooks, bool now)
{
    hooks->stopped = true;
    hooks->failed = true;
    if (hooks->job)
        job_stop(hooks->job, now ? 0 : JOB_GRACE_MS);
}

void hooks_free(struct hooks **where)
{
    struct hooks *hooks = *where;
    if (!hooks)
        return;
    loop_timer_stop(&hooks->next);
    job_free(&hooks->job);
    loop_free_later(hooks->loop, hooks, free);
    *where = NULL;
}
