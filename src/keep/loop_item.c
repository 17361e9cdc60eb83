/* One state, and two ways for a run to happen: a job of our own, or a question that a gate asks. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/check.h"
#include "base/memory.h"
#include "base/text.h"
#include "base/utf8.h"

#include "keep/loop_item.h"
#include "keep/loop_policy.h"

enum {
    LOOP_ITEM_LOOK_MS = 200,    /* at a target that is still starting */
    LOOP_ITEM_CLOCK_MS = 60000, /* the wall clock may be put forward or back while `at` waits */
    LOOP_ITEM_NAME_SIZE = 80,
    LOOP_ITEM_TEXT_SIZE = 512,
};

enum loop_item_state {
    LOOP_ITEM_IDLE,    /* not started yet */
    LOOP_ITEM_WAITING, /* for the time of its next run */
    LOOP_ITEM_RUNNING, /* a job, or a question to a gate, is open */
    LOOP_ITEM_ENDED,   /* nothing runs and nothing shall */
};

struct loop_item {
    const struct loop_item_shared *shared;
    const struct config_loop *config;
    char name[LOOP_ITEM_NAME_SIZE]; /* of its jobs */
    enum loop_item_state state;
    struct loop_timer due; /* the next run; with http also the next look at the target */
    int64_t due_wall_ms;
    struct job *job;
    uint64_t generation;
    uint32_t asked; /* number of the open question whose answer counts; 0: none */
    uint32_t last_asked;
    unsigned open; /* questions that will still be answered, to whatever end */
    bool stopping; /* the last run of all is ending */
    bool leaving;  /* no longer configured: goes when nothing of it runs, and `config` is not looked at */
    bool renewed;  /* changed while it ran: the next run is a first one */
    int64_t started_ms; /* of the run under way, CLOCK_BOOTTIME */
    bool judged;        /* the run under way has failed already: its time is over */
    uint64_t runs, skipped;
    unsigned failures; /* in a row */
    bool known;        /* there is a last run, the following is of it */
    bool ok;
    char text[LOOP_ITEM_TEXT_SIZE];
    int64_t ended_ms; /* CLOCK_BOOTTIME */
    int64_t after_ms;
};

static void loop_item_run(struct loop_item *item);

static int64_t loop_item_now_ms(const struct loop_item *item)
{
    const struct clock *clock = loop_clock(item->shared->loop);
    return clock->boottime_ms(clock);
}

static int64_t loop_item_wall_ms(const struct loop_item *item)
{
    const struct clock *clock = loop_clock(item->shared->loop);
    return clock->wall_ms(clock);
}

static void loop_item_journal(struct loop_item *item, const char *event, json_t *evidence)
{
    const struct loops_settings *settings = item->shared->settings;
    CHECK(evidence);
    settings->events->on_journal(settings->owner, item->name, event, evidence);
    json_decref(evidence);
}

static void loop_item_changed(const struct loop_item_shared *shared)
{
    shared->settings->events->on_change(shared->settings->owner);
}

/* --- the next run --------------------------------------------------------------------------------- */

static void loop_item_wait(struct loop_item *item);

static void loop_item_on_due(struct loop_timer *timer)
{
    struct loop_item *item = LIST_ENTRY(timer, struct loop_item, due);
    if (!item->config->every_ms && loop_item_wall_ms(item) < item->due_wall_ms)
        loop_item_wait(item);
    else
        loop_item_run(item);
}

static void loop_item_wait(struct loop_item *item)
{
    int64_t delay_ms = item->due_wall_ms - loop_item_wall_ms(item);
    if (!item->config->every_ms && delay_ms > LOOP_ITEM_CLOCK_MS)
        delay_ms = LOOP_ITEM_CLOCK_MS;
    item->state = LOOP_ITEM_WAITING;
    loop_timer_start(item->shared->loop, &item->due, delay_ms > 0 ? delay_ms : 0, loop_item_on_due);
}

static struct loop_policy_now loop_item_policy_now(const struct loop_item *item)
{
    struct loop_policy_now now = {
        .failures = item->failures, .wall_ms = loop_item_wall_ms(item), .zone = localtime_r};
    CHECK(getrandom(&now.random, sizeof now.random, 0) == (ssize_t)sizeof now.random);
    return now;
}

static void loop_item_wait_for(struct loop_item *item, int64_t pause_ms)
{
    int64_t wall_ms = loop_item_wall_ms(item);
    item->due_wall_ms = pause_ms < INT64_MAX - wall_ms ? wall_ms + pause_ms : INT64_MAX;
    loop_item_wait(item);
}

void loop_item_begin(struct loop_item *item)
{
    const struct loop_policy_now now = loop_item_policy_now(item);
    item->renewed = false;
    loop_item_wait_for(item, loop_policy_first(item->config, &now));
}

/* The run under way is over: the next one is waited for, or none. */
static void loop_item_go_on(struct loop_item *item)
{
    const struct loop_item_shared *shared = item->shared;
    if (item->stopping || item->leaving) {
        item->state = LOOP_ITEM_ENDED;
        shared->on_ended(shared->owner, item);
    } else if (item->renewed) {
        loop_item_begin(item);
    } else {
        const struct loop_policy_now now = loop_item_policy_now(item);
        loop_item_wait_for(item, loop_policy_pause(item->config, &now));
    }
    loop_item_changed(shared);
}

/* --- what became of a run -------------------------------------------------------------------------- */

static void loop_item_tell(struct loop_item *item, bool recovered)
{
    const struct loops_settings *settings = item->shared->settings;
    if (recovered)
        loop_item_journal(item, "loop-recovered", json_pack("{s:s}", "text", item->text));
    if (!item->ok)
        loop_item_journal(item, "loop-failed",
                          json_pack("{s:s, s:i, s:I, s:I, s:I}", "text", item->text, "failures",
                                    item->failures, "after_ms", (json_int_t)item->after_ms, "generation",
                                    (json_int_t)item->generation, "pid",
                                    (json_int_t)(item->job ? job_record(item->job)->main.pid : 0)));
    settings->events->on_result(settings->owner, item->config->name, item->failures, item->text);
}

static void loop_item_judge(struct loop_item *item, bool ok, const char *text)
{
    bool recovered = ok && item->failures > 0;
    item->known = true;
    item->ok = ok;
    item->failures = ok ? 0 : item->failures + 1;
    item->ended_ms = loop_item_now_ms(item);
    item->after_ms = item->ended_ms - item->started_ms;
    snprintf(item->text, sizeof item->text, "%s", text);
    utf8_clean(item->text);
    loop_item_tell(item, recovered);
}

static void loop_item_finish(struct loop_item *item, bool ok, const char *text)
{
    /* What we end ourselves says nothing of the loop. */
    if (!item->judged && !item->stopping && !item->leaving && !item->renewed)
        loop_item_judge(item, ok, text);
    item->ended_ms = loop_item_now_ms(item);
    job_free(&item->job);
    item->asked = 0;
    loop_item_go_on(item);
}

/* --- a command ------------------------------------------------------------------------------------- */

static void loop_item_on_late(void *owner)
{
    struct loop_item *item = owner;
    char text[LOOP_ITEM_TEXT_SIZE], time[TEXT_NUMBER_SIZE];
    snprintf(text, sizeof text, "did not end within %s", text_of_duration(item->config->timeout_ms, time));
    item->judged = true;
    loop_item_judge(item, false, text);
    loop_item_changed(item->shared);
}

static void loop_item_on_over(void *owner, const struct job_end *end)
{
    loop_item_finish(owner, end->ok, end->cause.text);
}

/* The row of a failure comes at its end, with the pid. */
static void loop_item_on_job_journal(void *owner, const char *event, const json_t *evidence)
{
    static const char *const usual[] = {"spawn", "started", "exit"};
    struct loop_item *item = owner;
    const struct loops_settings *settings = item->shared->settings;
    for (size_t i = 0; i < sizeof usual / sizeof *usual; i++)
        if (strcmp(event, usual[i]) == 0)
            return;
    settings->events->on_journal(settings->owner, item->name, event, evidence);
}

static void loop_item_run_command(struct loop_item *item)
{
    static const struct job_events events = {
        .on_late = loop_item_on_late, .on_over = loop_item_on_over, .on_journal = loop_item_on_job_journal};
    struct error error = {0};
    const struct job_settings job = {
        .shared = item->shared->settings->jobs,
        .name = item->name,
        .item = &item->config->item,
        .directory = item->config->directory,
        .command = &item->config->command,
        .timeout_ms = item->config->timeout_ms,
        .generation = &item->generation,
        .events = &events,
        .owner = item,
    };
    item->job = job_start(&job, &error);
    if (!item->job)
        loop_item_finish(item, false, error.text);
}

/* --- a request ------------------------------------------------------------------------------------- */

static const struct target_row *loop_item_target(const struct loop_item *item, int *socket)
{
    const struct targets *targets = item->shared->settings->targets;
    for (size_t i = 0; i < targets_count(targets); i++) {
        const struct target_row *row = targets_row(targets, i, socket);
        if (strcmp(row->name, item->config->http.to) == 0)
            return row;
    }
    return NULL;
}

static void loop_item_on_answer(void *owner, uint32_t tag, bool ok, const char *text)
{
    struct loop_item *item = owner;
    item->open--;
    if (item->asked == tag)
        loop_item_finish(item, ok, text);
    else if (item->leaving)
        item->shared->on_ended(item->shared->owner, item);
}

static void loop_item_ask(struct loop_item *item, const struct target_row *row, int socket,
                          int64_t timeout_ms)
{
    const struct loops_settings *settings = item->shared->settings;
    struct prober_question question = prober_about(row, socket);
    question.method = item->config->http.method;
    question.path = item->config->http.path;
    question.timeout_ms = timeout_ms;
    question.on_done = loop_item_on_answer;
    question.owner = item;
    question.tag = ++item->last_asked;
    item->asked = item->last_asked;
    item->open++;
    settings->events->on_ask(settings->owner, &question);
}

static void loop_item_fail_target(struct loop_item *item, const struct target_row *row)
{
    char text[LOOP_ITEM_TEXT_SIZE];
    snprintf(text, sizeof text, "%s is %s%s%s", row->name, target_state_name(row->state),
             row->cause.text[0] ? ": " : "", row->cause.text);
    loop_item_finish(item, false, text);
}

static void loop_item_run_http(struct loop_item *item);

static void loop_item_on_look(struct loop_timer *timer)
{
    loop_item_run_http(LIST_ENTRY(timer, struct loop_item, due));
}

/* A target that is starting is waited for, one that nobody wants now is left in peace, one that has failed is
 * our failure too. */
static void loop_item_run_http(struct loop_item *item)
{
    int socket = -1;
    const struct target_row *row = loop_item_target(item, &socket);
    int64_t rest_ms = item->started_ms + item->config->timeout_ms - loop_item_now_ms(item);
    CHECK(row);
    if (row->ready) {
        loop_item_ask(item, row, socket, rest_ms > 1 ? rest_ms : 1);
    } else if (!row->wanted && row->state == TARGET_DOWN) {
        item->skipped++;
        loop_item_go_on(item);
    } else if (row->state == TARGET_STARTING && rest_ms > 0) {
        loop_timer_start(item->shared->loop, &item->due, LOOP_ITEM_LOOK_MS, loop_item_on_look);
    } else {
        loop_item_fail_target(item, row);
    }
}

static void loop_item_run(struct loop_item *item)
{
    item->state = LOOP_ITEM_RUNNING;
    item->judged = false;
    item->runs++;
    item->started_ms = loop_item_now_ms(item);
    if (item->config->command.count)
        loop_item_run_command(item);
    else
        loop_item_run_http(item);
    loop_item_changed(item->shared);
}

/* --- from outside --------------------------------------------------------------------------------- */

struct loop_item *loop_item_new(const struct loop_item_shared *shared, const struct config_loop *config)
{
    struct loop_item *item = MEMORY_NEW(struct loop_item);
    item->shared = shared;
    item->config = config;
    snprintf(item->name, sizeof item->name, "loop:%s", config->name);
    return item;
}

static void loop_item_end_run(struct loop_item *item)
{
    loop_timer_stop(&item->due);
    item->asked = 0;
    if (item->job)
        job_stop(item->job, JOB_GRACE_MS);
}

void loop_item_stop(struct loop_item *item)
{
    item->stopping = true;
    loop_item_end_run(item);
    if (!item->job)
        item->state = LOOP_ITEM_ENDED;
}

void loop_item_hurry(struct loop_item *item)
{
    if (item->job)
        job_stop(item->job, 0);
}

void loop_item_leave(struct loop_item *item)
{
    const struct loops_settings *settings = item->shared->settings;
    item->leaving = true;
    item->config = NULL;
    loop_item_end_run(item);
    settings->events->on_result(settings->owner, loop_item_name(item), 0, "it is not configured any more");
    if (!item->job)
        item->state = LOOP_ITEM_ENDED;
}

void loop_item_renew(struct loop_item *item, const struct config_loop *config, bool started)
{
    const struct config_loop *before = item->config;
    item->config = config;
    if (loop_policy_same(before, config))
        return;
    loop_item_end_run(item);
    if (item->job)
        item->renewed = true;
    else if (started)
        loop_item_begin(item);
}

const char *loop_item_name(const struct loop_item *item)
{
    return item->name + sizeof "loop:" - 1;
}

bool loop_item_is_leaving(const struct loop_item *item)
{
    return item->leaving;
}

bool loop_item_is_running(const struct loop_item *item)
{
    return item->state == LOOP_ITEM_RUNNING;
}

bool loop_item_is_busy(const struct loop_item *item)
{
    return item->job || item->open;
}

bool loop_item_vital_fails(const struct loop_item *item)
{
    return !item->leaving && item->config->vital && item->failures;
}

void loop_item_free(struct loop_item **where)
{
    struct loop_item *item = *where;
    loop_timer_stop(&item->due);
    job_free(&item->job);
    loop_free_later(item->shared->loop, item, free);
    *where = NULL;
}

/* --- what is shown --------------------------------------------------------------------------------- */

static json_t *loop_item_time(const struct loop_item *item, int64_t boottime_ms)
{
    char text[CLOCK_TEXT_SIZE];
    return json_string(clock_format(loop_item_wall_ms(item) - (loop_item_now_ms(item) - boottime_ms), text));
}

static json_t *loop_item_describe_last(const struct loop_item *item)
{
    if (!item->known)
        return json_null();
    return json_pack("{s:b, s:s, s:o, s:I}", "ok", item->ok, "text", item->text, "ended",
                     loop_item_time(item, item->ended_ms), "after_ms", (json_int_t)item->after_ms);
}

static json_t *loop_item_describe_run(const struct loop_item *item)
{
    if (item->state != LOOP_ITEM_RUNNING)
        return json_null();
    return json_pack("{s:I, s:o}", "pid", (json_int_t)(item->job ? job_record(item->job)->main.pid : 0),
                     "started", loop_item_time(item, item->started_ms));
}

static json_t *loop_item_describe_next(const struct loop_item *item)
{
    char text[CLOCK_TEXT_SIZE];
    if (item->state != LOOP_ITEM_WAITING || item->due_wall_ms == INT64_MAX)
        return json_null();
    return json_string(clock_format(item->due_wall_ms, text));
}

json_t *loop_item_describe(const struct loop_item *item)
{
    static const char *const states[] = {"idle", "waiting", "running", "ended"};
    const struct config_loop *config = item->config;
    char every[TEXT_NUMBER_SIZE];
    json_t *row = json_pack(
        "{s:s, s:s, s:s, s:s, s:b, s:I, s:I, s:I, s:b}", "name", config->name, "state", states[item->state],
        "kind", config->command.count ? "command" : "http", config->every_ms ? "every" : "at",
        config->every_ms ? text_of_duration(config->every_ms, every) : config->at, "vital", config->vital,
        "runs", (json_int_t)item->runs, "failures", (json_int_t)item->failures, "skipped",
        (json_int_t)item->skipped, "ok", item->failures == 0);
    json_object_set_new(row, "last", loop_item_describe_last(item));
    json_object_set_new(row, "age_ms",
                        item->known ? json_integer(loop_item_now_ms(item) - item->ended_ms) : json_null());
    json_object_set_new(row, "run", loop_item_describe_run(item));
    json_object_set_new(row, "next", loop_item_describe_next(item));
    return row;
}
