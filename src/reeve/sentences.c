/* A table row per event: how it begins a sentence, and which events it may follow in one. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buffer.h"
#include "base/text.h"
#include "keep/cause.h"

#include "reeve/phrases.h"
#include "reeve/sentences.h"

enum { SENTENCE_LIMIT = 64 * 1024, TOGETHER_MS = 60000 };

/* One row while its words are written. */
struct telling {
    struct buffer *out;
    const char *name; /* of the target; "reeve" for the rows about itself */
    const char *event;
    const json_t *evidence;
    int64_t time_ms, before_ms; /* its own, and of the row before it in the sentence */
};

typedef void telling_fn(const struct telling *telling);

/* --- pieces --------------------------------------------------------------------------------------------- */

char *sentences_time(int64_t wall_ms, int64_t now_ms, char *text)
{
    time_t then = (time_t)(wall_ms / 1000), now = (time_t)(now_ms / 1000);
    struct tm at = {0}, today = {0};
    localtime_r(&then, &at);
    localtime_r(&now, &today);
    bool same = at.tm_yday == today.tm_yday && at.tm_year == today.tm_year;
    if (strftime(text, SENTENCES_TIME_SIZE, same ? "%H:%M:%S" : "%Y-%m-%d %H:%M:%S", &at) == 0)
        text[0] = '\0';
    return text;
}

static const char *text_in(const struct telling *telling, const char *name)
{
    const char *text = json_string_value(json_object_get(telling->evidence, name));
    return text && *text ? text : NULL;
}

static int64_t number_in(const struct telling *telling, const char *name)
{
    return json_integer_value(json_object_get(telling->evidence, name));
}

static void say(const struct telling *telling, const char *text)
{
    buffer_append_text(telling->out, text);
}

/* " (started 09:00:02, nonce ok)" */
static void say_identity(const struct telling *telling)
{
    char time[SENTENCES_TIME_SIZE];
    const char *nonce = text_in(telling, "nonce");
    int64_t started_ms = number_in(telling, "started_ms");
    buffer_append_format(telling->out, "pid %lld", (long long)number_in(telling, "pid"));
    if (started_ms > 0)
        buffer_append_format(telling->out, " (started %s",
                             sentences_time(started_ms, telling->time_ms, time));
    if (nonce)
        buffer_append_format(telling->out, "%snonce %s", started_ms > 0 ? ", " : " (", nonce);
    if (started_ms > 0 || nonce)
        say(telling, ")");
}

static void say_signal_to(const struct telling *telling)
{
    char name[TEXT_SIGNAL_SIZE];
    buffer_append_format(telling->out, "%s to ", text_of_signal((int)number_in(telling, "signal"), name));
    say_identity(telling);
}

static void say_text(const struct telling *telling, const char *before)
{
    const char *text = text_in(telling, "text");
    if (text)
        buffer_append_format(telling->out, "%s%s", before, text);
}

static void say_delay(const struct telling *telling)
{
    char time[CAUSE_TIME_SIZE];
    buffer_append_format(telling->out, "; next attempt in %s",
                         cause_time(number_in(telling, "delay_ms"), time));
}

/* One phrase, or what has no words of its own: "loop-late (loop tick, after_ms 30)". */
static void tell_plainly(const struct telling *telling)
{
    const char *key, *before = " (";
    json_t *value;
    struct buffer phrase = BUFFER(SENTENCE_LIMIT);
    bool found = phrases_append(&phrase, telling->event, telling->evidence);
    buffer_append_format(telling->out, "%s%s ", telling->name, found ? "" : ":");
    buffer_append(telling->out, found ? buffer_slice(&phrase) : slice_of_text(telling->event));
    buffer_free(&phrase);
    if (found)
        return;
    json_object_foreach((json_t *)(uintptr_t)telling->evidence, key, value)
    {
        char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
        buffer_append_format(telling->out, "%s%s ", before, key);
        say(telling, json_is_string(value) ? json_string_value(value) : text ? text : "?");
        free(text);
        before = ", ";
    }
    if (*before == ',')
        say(telling, ")");
}

/* --- who wanted it ----------------------------------------------------------------------------------------
 */

/* Only a restart starts again what has ended or failed. */
static void tell_asked(const struct telling *telling)
{
    const char *by = text_in(telling, "by"), *state = text_in(telling, "state");
    bool starts = strcmp(telling->event, "start-asked") == 0;
    bool over = state && (strcmp(state, "ended") == 0 || strcmp(state, "failed") == 0);
    const char *what = strcmp(telling->event, "stop-asked") == 0 ? "stopped"
                       : !starts                                 ? "restarted"
                       : over                                    ? "not started again, which takes a restart"
                                                                 : "started";
    buffer_append_format(telling->out, "%s was %s: by %s", telling->name, what, by ? by : "the operator");
    if (state && strcmp(state, "ready") != 0)
        buffer_append_format(telling->out, " (it was %s)", state);
}

/* --- a run begins -----------------------------------------------------------------------------------------
 */

static void tell_generation(const struct telling *telling)
{
    const char *address = text_in(telling, "address");
    buffer_append_format(telling->out, "generation %lld", (long long)number_in(telling, "generation"));
    if (address)
        buffer_append_format(telling->out, " on %s", address);
}

static void tell_spawn(const struct telling *telling)
{
    buffer_append_format(telling->out, "%s was started: ", telling->name);
    tell_generation(telling);
}

static void tell_more_spawn(const struct telling *telling)
{
    say(telling, "; ");
    tell_generation(telling);
}

static void tell_started(const struct telling *telling)
{
    buffer_append_format(telling->out, "%s runs: ", telling->name);
    say_identity(telling);
}

static void tell_more_started(const struct telling *telling)
{
    buffer_append_format(telling->out, ", pid %lld", (long long)number_in(telling, "pid"));
}

static void tell_adopted(const struct telling *telling)
{
    buffer_append_format(telling->out, "%s was adopted: ", telling->name);
    say_identity(telling);
    buffer_append_format(telling->out, ", kept by hold %lld", (long long)number_in(telling, "hold"));
}

static void say_ready(const struct telling *telling)
{
    char time[CAUSE_TIME_SIZE];
    int64_t after_ms = number_in(telling, "ready_after_ms");
    say(telling, "ready");
    if (after_ms >= 0)
        buffer_append_format(telling->out, " after %s", cause_time(after_ms, time));
}

static void tell_ready(const struct telling *telling)
{
    buffer_append_format(telling->out, "%s is ", telling->name);
    say_ready(telling);
}

static void tell_more_ready(const struct telling *telling)
{
    say(telling, "; ");
    say_ready(telling);
}

static void tell_not_ready(const struct telling *telling)
{
    buffer_append_format(telling->out, "%s did not get ready", telling->name);
    say_text(telling, ": ");
}

static void tell_more_not_ready(const struct telling *telling)
{
    say(telling, "; did not get ready");
    say_text(telling, ": ");
}

static void tell_start_failed(const struct telling *telling)
{
    buffer_append_format(telling->out, "%s could not be started", telling->name);
    say_text(telling, ": ");
}

/* --- a run ends -------------------------------------------------------------------------------------------
 */

/* "idle 15 m (last request 13:47:10 GET /x from ann)" */
static void say_reason(const struct telling *telling)
{
    char time[SENTENCES_TIME_SIZE];
    const json_t *request = json_object_get(telling->evidence, "last_request");
    const char *line = json_string_value(json_object_get(request, "request")),
               *from = json_string_value(json_object_get(request, "from")),
               *reason = text_in(telling, "reason");
    say(telling, reason ? reason : "for no reason that was noted");
    if (!line)
        return;
    buffer_append_format(
        telling->out, " (last request %s %s",
        sentences_time(json_integer_value(json_object_get(request, "time_ms")), telling->time_ms, time),
        line);
    buffer_append_format(telling->out, "%s%s)", from ? " from " : "", from ? from : "");
}

static void tell_stop(const struct telling *telling)
{
    if (!number_in(telling, "pid")) { /* reeve itself */
        buffer_append_format(telling->out, "%s was stopped%s", telling->name,
                             json_is_true(json_object_get(telling->evidence, "now")) ? " at once" : "");
        return;
    }
    buffer_append_format(telling->out, "%s was stopped: ", telling->name);
    say_reason(telling);
    say(telling, "; ");
    say_signal_to(telling);
}

static void tell_more_stop(const struct telling *telling)
{
    say(telling, "; ");
    say_signal_to(telling);
}

static void say_leftovers(const struct telling *telling)
{
    int64_t left = number_in(telling, "leftovers"), remain = number_in(telling, "remaining");
    if (left > 0)
        buffer_append_format(telling->out, "; %lld process%s that it left behind ended with it",
                             (long long)(left - remain), left - remain == 1 ? "" : "es");
    if (remain > 0)
        buffer_append_format(telling->out, "; %lld could not be ended", (long long)remain);
}

static void tell_exit(const struct telling *telling)
{
    const char *text = text_in(telling, "text");
    bool killed = text && strncmp(text, "killed ", 7) == 0;
    buffer_append_format(telling->out, "%s %s%s", telling->name, killed ? "was " : "", text ? text : "ended");
    int64_t pid = number_in(telling, "pid");
    if (pid > 0)
        buffer_append_format(telling->out, " (pid %lld)", (long long)pid);
    say_leftovers(telling);
}

/* Behind a stop, the time since the signal is of interest and not that since the start. */
static void tell_more_exit(const struct telling *telling)
{
    char time[CAUSE_TIME_SIZE], name[TEXT_SIGNAL_SIZE];
    int64_t signal = number_in(telling, "signal"), took_ms = telling->time_ms - telling->before_ms;
    if (signal > 0)
        buffer_append_format(telling->out, "; killed by %s", text_of_signal((int)signal, name));
    else
        buffer_append_format(telling->out, "; exited %lld", (long long)number_in(telling, "code"));
    buffer_append_format(telling->out, " after %s", cause_time(took_ms > 0 ? took_ms : 0, time));
    say_leftovers(telling);
}

static void tell_backoff(const struct telling *telling)
{
    buffer_append_format(telling->out, "%s waits", telling->name);
    say_text(telling, ": ");
    say_delay(telling);
}

static void say_until(const struct telling *telling, const char *before)
{
    char time[SENTENCES_TIME_SIZE];
    buffer_append_format(telling->out, " %s %s", before,
                         sentences_time(number_in(telling, "last_ms"), telling->time_ms, time));
}

/* Who watched and who typed, never what; what one did over and over is one row with `times`. */
static void tell_terminal(const struct telling *telling)
{
    const char *action = text_in(telling, "action"), *user = text_in(telling, "user");
    bool typed = action && strcmp(action, "input") == 0, left = action && strcmp(action, "detach") == 0;
    bool watches = json_is_true(json_object_get(telling->evidence, "view"));
    long long times = (long long)number_in(telling, "times"),
              viewer = (long long)number_in(telling, "viewer");
    buffer_append_format(telling->out, "%s: %s ", telling->name, user ? user : times ? "others" : "somebody");
    if (typed)
        buffer_append_format(telling->out, "typed %lld bytes into", (long long)number_in(telling, "bytes"));
    else
        buffer_append_text(telling->out, left ? "left" : watches ? "watches" : "attached to");
    buffer_append_text(telling->out, " its terminal");
    if (times > 0 && !typed)
        buffer_append_format(telling->out, " %lld more time%s", times, times == 1 ? "" : "s");
    if (times > 0 || typed)
        say_until(telling, times == 1 ? "at" : "until");
    buffer_append_format(telling->out, times > 1 ? " (the last as viewer %lld)" : " (viewer %lld)", viewer);
}

static void tell_lost(const struct telling *telling)
{
    buffer_append_format(telling->out, "%s was lost", telling->name);
    say_text(telling, ": ");
    if (!text_in(telling, "text") && text_in(telling, "why"))
        buffer_append_format(telling->out, ": the hold %s", text_in(telling, "why"));
}

static void tell_refused(const struct telling *telling)
{
    const char *what = text_in(telling, "what");
    buffer_append_format(telling->out, "%s: %s was refused", telling->name, what ? what : "something");
    say_text(telling, ": ");
}

/* Of a sweep (found_by), or of somebody who asked for it. */
static void tell_signal(const struct telling *telling)
{
    const char *by = text_in(telling, "by"), *found_by = text_in(telling, "found_by"),
               *command = text_in(telling, "command");
    buffer_append_format(telling->out, "%s got a signal: ", telling->name);
    say_signal_to(telling);
    if (found_by)
        buffer_append_format(telling->out, ", found by %s", found_by);
    if (command)
        buffer_append_format(telling->out, ": %s", command);
    if (by)
        buffer_append_format(telling->out, ", by %s", by);
}

static void tell_remaining(const struct telling *telling)
{
    buffer_append_format(telling->out, "%s left %lld processes that could not be ended", telling->name,
                         (long long)number_in(telling, "processes"));
}

static void tell_hold_stays(const struct telling *telling)
{
    buffer_append_format(telling->out, "%s: its hold, pid %lld, did not leave and was killed", telling->name,
                         (long long)number_in(telling, "pid"));
}

/* --- reeve itself -----------------------------------------------------------------------------------------
 */

static void tell_begin(const struct telling *telling)
{
    buffer_append_format(telling->out, "%s was started: pid %lld", telling->name,
                         (long long)number_in(telling, "pid"));
}

static void tell_serving(const struct telling *telling)
{
    buffer_append_format(telling->out, "%s serves", telling->name);
}

static void tell_end(const struct telling *telling)
{
    buffer_append_format(telling->out, "%s ended with %lld", telling->name,
                         (long long)number_in(telling, "exit_code"));
}

static void tell_signal_received(const struct telling *telling)
{
    char name[TEXT_SIGNAL_SIZE];
    buffer_append_format(telling->out, "%s got %s from pid %lld (uid %lld)", telling->name,
                         text_of_signal((int)number_in(telling, "signal"), name),
                         (long long)number_in(telling, "from_pid"),
                         (long long)number_in(telling, "from_uid"));
}

static void say_holder(const struct telling *telling)
{
    const char *command = text_in(telling, "command");
    buffer_append_format(telling->out, "pid %lld (uid %lld%s%s)", (long long)number_in(telling, "pid"),
                         (long long)number_in(telling, "uid"), command ? ", " : "", command ? command : "");
}

static void tell_takeover(const struct telling *telling)
{
    char name[TEXT_SIGNAL_SIZE];
    const char *address = text_in(telling, "address");
    buffer_append_format(telling->out, "%s took %s over: %s to ", telling->name, address ? address : "a port",
                         text_of_signal((int)number_in(telling, "signal"), name));
    say_holder(telling);
}

static void tell_port_refused(const struct telling *telling)
{
    const char *address = text_in(telling, "address");
    buffer_append_format(telling->out, "%s left %s alone", telling->name, address ? address : "a port");
    if (!number_in(telling, "pid"))
        return;
    say(telling, ": it is held by ");
    say_holder(telling);
}

static void tell_gate_killed(const struct telling *telling)
{
    const char *reason = text_in(telling, "reason");
    buffer_append_format(telling->out, "%s killed a gate: ", telling->name);
    say_signal_to(telling);
    if (reason)
        buffer_append_format(telling->out, ": %s", reason);
}

static void tell_name_refused(const struct telling *telling)
{
    const char *text = text_in(telling, "error");
    buffer_append_format(telling->out, "%s did not start: %s", telling->name,
                         text ? text : "its name is taken");
}

static void tell_predecessor(const struct telling *telling)
{
    buffer_append_format(telling->out, "%s ended the one before it: ", telling->name);
    say_signal_to(telling);
}

/* --- the table --------------------------------------------------------------------------------------------
 */

struct words {
    const char *event;
    telling_fn *begin;
    const char *follows; /* events, with spaces around each; NULL: none */
    telling_fn *go_on;
};

static const struct words all_words[] = {
    {"start-asked", tell_asked, NULL, NULL},
    {"stop-asked", tell_asked, NULL, NULL},
    {"restart-asked", tell_asked, NULL, NULL},
    {"spawn", tell_spawn, " start-asked ", tell_more_spawn},
    {"started", tell_started, " spawn ", tell_more_started},
    {"adopted", tell_adopted, NULL, NULL},
    {"ready", tell_ready, " started spawn adopted ", tell_more_ready},
    {"not-ready", tell_not_ready, " started spawn ", tell_more_not_ready},
    {"start-failed", tell_start_failed, NULL, NULL},
    {"stop", tell_stop, " stop-asked restart-asked not-ready ", tell_more_stop},
    {"exit", tell_exit, " stop ", tell_more_exit},
    {"backoff", tell_backoff, " exit start-failed not-ready lost ", say_delay},
    {"lost", tell_lost, NULL, NULL},
    {"terminal", tell_terminal, NULL, NULL},
    {"refused", tell_refused, NULL, NULL},
    {"signal", tell_signal, NULL, NULL},
    {"remaining", tell_remaining, NULL, NULL},
    {"hold-stays", tell_hold_stays, NULL, NULL},
    {"start", tell_begin, NULL, NULL},
    {"serving", tell_serving, NULL, NULL},
    {"end", tell_end, NULL, NULL},
    {"signal-received", tell_signal_received, NULL, NULL},
    {"port-takeover", tell_takeover, NULL, NULL},
    {"port-refused", tell_port_refused, NULL, NULL},
    {"name-refused", tell_name_refused, NULL, NULL},
    {"gate-killed", tell_gate_killed, NULL, NULL},
    {"predecessor-evicted", tell_predecessor, NULL, NULL},
};

static const struct words *find_words(const char *event)
{
    for (size_t i = 0; i < sizeof all_words / sizeof *all_words; i++)
        if (strcmp(all_words[i].event, event) == 0)
            return &all_words[i];
    return NULL;
}

/* --- sentences --------------------------------------------------------------------------------------------
 */

struct sentence {
    json_t *all;
    struct buffer text;
    char name[256], last_event[64];
    int64_t first_ms, last_ms;
    int events;
};

static void finish(struct sentence *sentence)
{
    if (sentence->events == 0)
        return;
    char time[CLOCK_TEXT_SIZE];
    struct slice text = buffer_slice(&sentence->text);
    json_array_append_new(sentence->all,
                          json_pack("{s:I, s:s, s:o, s:i}", "time_ms", (json_int_t)sentence->first_ms, "time",
                                    clock_format(sentence->first_ms, time), "text",
                                    json_stringn_nocheck(text.data, text.size), "events", sentence->events));
    buffer_clear(&sentence->text);
    sentence->events = 0;
}

static bool goes_on(const struct sentence *sentence, const struct telling *telling, const struct words *words)
{
    char event[sizeof sentence->last_event + 2];
    if (!words || !words->follows || sentence->events == 0 || strcmp(sentence->name, telling->name) != 0 ||
        telling->time_ms - sentence->last_ms > TOGETHER_MS)
        return false;
    snprintf(event, sizeof event, " %s ", sentence->last_event);
    return strstr(words->follows, event) != NULL;
}

static void add(struct sentence *sentence, struct telling *telling)
{
    const struct words *words = find_words(telling->event);
    telling->out = &sentence->text;
    telling->before_ms = sentence->last_ms;
    if (goes_on(sentence, telling, words)) {
        words->go_on(telling);
    } else {
        finish(sentence);
        sentence->first_ms = telling->time_ms;
        snprintf(sentence->name, sizeof sentence->name, "%s", telling->name);
        if (words)
            words->begin(telling);
        else
            tell_plainly(telling);
    }
    sentence->events++;
    sentence->last_ms = telling->time_ms;
    snprintf(sentence->last_event, sizeof sentence->last_event, "%s", telling->event);
}

json_t *sentences_make(const json_t *rows)
{
    struct sentence sentence = {.all = json_array(), .text = BUFFER(SENTENCE_LIMIT)};
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i);
        const char *target = json_string_value(json_object_get(row, "target")),
                   *event = json_string_value(json_object_get(row, "event"));
        struct telling telling = {
            .name = target ? target : "reeve",
            .event = event ? event : "?",
            .evidence = json_object_get(row, "evidence"),
            .time_ms = json_integer_value(json_object_get(row, "time_ms")),
        };
        add(&sentence, &telling);
    }
    finish(&sentence);
    buffer_free(&sentence.text);
    return sentence.all;
}
