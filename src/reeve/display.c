#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "keep/cause.h"

#include "reeve/display.h"

static const char *display_text(const json_t *object, const char *key, const char *otherwise)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text && *text ? text : otherwise;
}

static const char *display_colour(const char *state)
{
    static const struct {
        const char *state, *colour;
    } colours[] = {
        {"ready", "\033[32m"},   {"starting", "\033[33m"}, {"stopping", "\033[33m"},
        {"backoff", "\033[31m"}, {"failed", "\033[31m"},   {NULL, ""},
    };
    size_t i = 0;
    while (colours[i].state && strcmp(colours[i].state, state) != 0)
        i++;
    return colours[i].colour;
}

static void display_ready_after(const json_t *target, char *text, size_t size)
{
    const json_t *after = json_object_get(json_object_get(target, "run"), "ready_after_ms");
    if (json_is_integer(after) && json_is_true(json_object_get(target, "ready")))
        snprintf(text, size, "%.2f s", (double)json_integer_value(after) / 1000);
    else
        snprintf(text, size, "-");
}

/* Seconds from now to an RFC 3339 time of a keeper of this machine; 0 when it has passed. */
static double display_wait(const char *when)
{
    double wait = (double)(clock_read(when) - clock_system.wall_ms(&clock_system)) / 1000;
    return wait > 0 ? wait : 0;
}

static void display_why(struct buffer *out, const json_t *target, const char *state)
{
    const char *cause = display_text(json_object_get(target, "cause"), "text", "");
    const char *next = display_text(target, "next_attempt", NULL);
    if (strcmp(state, "ready") != 0 && *cause)
        buffer_append_format(out, "  %s", cause);
    if (strcmp(state, "backoff") == 0 && next)
        buffer_append_format(out, "; next attempt in %.1f s", display_wait(next));
    if (strcmp(state, "down") == 0 && strcmp(display_text(target, "wanted", ""), "down") == 0 && !*cause)
        buffer_append_text(out, "  not wanted now (starts on demand, or was stopped)");
}

/* Whoever answers there is believed: seen wherever the service is. */
static void display_insecure(struct buffer *out, const json_t *target, bool colour)
{
    if (strcmp(display_text(target, "tls", ""), "none") == 0)
        buffer_append_format(out, "  %sinsecure%s: its certificate is not checked", colour ? "\033[31m" : "",
                             colour ? "\033[0m" : "");
}

static int display_widest(const json_t *targets, const char *key, int least)
{
    for (size_t i = 0; i < json_array_size(targets); i++) {
        int size = (int)strlen(display_text(json_array_get(targets, i), key, "-"));
        least = size > least ? size : least;
    }
    return least;
}

static void display_target(struct buffer *out, const json_t *target, const int widths[2], bool colour)
{
    const char *state = display_text(target, "state", "?");
    const json_t *run = json_object_get(target, "run");
    json_int_t pid = json_integer_value(json_object_get(run, "pid"));
    char pid_text[16] = "-", after[32];
    if (pid > 0)
        snprintf(pid_text, sizeof pid_text, "%d", (int)pid);
    display_ready_after(target, after, sizeof after);
    buffer_append_format(out, "  %-*s  %s%-8s%s  %7s  %-*s  %8s  %8lld", widths[0],
                         display_text(target, "name", "?"), colour ? display_colour(state) : "", state,
                         colour ? "\033[0m" : "", pid_text, widths[1], display_text(target, "address", "-"),
                         after, (long long)json_integer_value(json_object_get(target, "restarts")));
    display_why(out, target, state);
    display_insecure(out, target, colour);
    buffer_append_text(out, "\n");
}

void display_targets(struct buffer *out, const json_t *targets, bool colour)
{
    if (json_array_size(targets) == 0)
        return;
    const int widths[2] = {display_widest(targets, "name", 6), display_widest(targets, "address", 7)};
    buffer_append_format(out, "  %-*s  %-8s  %7s  %-*s  %8s  %8s\n", widths[0], "TARGET", "STATE", "PID",
                         widths[1], "ADDRESS", "READY IN", "RESTARTS");
    for (size_t i = 0; i < json_array_size(targets); i++)
        display_target(out, json_array_get(targets, i), widths, colour);
}

/* "0.4 s" "41 s" "3 m" of an age or a wait in milliseconds. */
static char *display_time(int64_t milliseconds, char text[CAUSE_TIME_SIZE])
{
    return cause_time(milliseconds > 0 ? milliseconds : 0, text);
}

static void display_loop(struct buffer *out, const json_t *loop, int width, bool colour)
{
    const json_t *last = json_object_get(loop, "last");
    const char *state = display_text(loop, "state", "?"), *next = display_text(loop, "next", NULL);
    json_int_t failures = json_integer_value(json_object_get(loop, "failures"));
    bool failing = failures > 0;
    char age[CAUSE_TIME_SIZE];
    buffer_append_format(out, "  %-*s  %s%-8s%s", width, display_text(loop, "name", "?"),
                         !colour   ? ""
                         : failing ? "\033[31m"
                                   : "\033[32m",
                         failing ? "failing" : state, colour ? "\033[0m" : "");
    if (json_is_object(last))
        buffer_append_format(out, "  %s, %s ago", display_text(last, "text", ""),
                             display_time(json_integer_value(json_object_get(loop, "age_ms")), age));
    if (failures > 1)
        buffer_append_format(out, "; %lld times in a row", (long long)failures);
    if (strcmp(state, "running") == 0)
        buffer_append_text(out, "; runs now");
    else if (next)
        buffer_append_format(out, "%s next in %s", json_is_object(last) ? ";" : " ",
                             display_time((int64_t)(display_wait(next) * 1000), age));
    buffer_append_text(out, "\n");
}

void display_loops(struct buffer *out, const json_t *loops, bool colour)
{
    if (json_array_size(loops) == 0)
        return;
    int width = display_widest(loops, "name", 6);
    buffer_append_format(out, "  %-*s  %-8s  %s\n", width, "LOOP", "STATE", "LAST RUN");
    for (size_t i = 0; i < json_array_size(loops); i++)
        display_loop(out, json_array_get(loops, i), width, colour);
}

void display_degraded(struct buffer *out, const json_t *degraded, bool colour)
{
    char age[CAUSE_TIME_SIZE];
    for (size_t i = 0; i < json_array_size(degraded); i++) {
        const json_t *thing = json_array_get(degraded, i);
        buffer_append_format(out, "  %sdegraded%s  %s: %s (for %s)\n", colour ? "\033[31m" : "",
                             colour ? "\033[0m" : "", display_text(thing, "what", "?"),
                             display_text(thing, "reason", "?"),
                             display_time(json_integer_value(json_object_get(thing, "age_ms")), age));
    }
}

bool display_url(const json_t *addresses, char *url, size_t size)
{
    for (size_t i = 0; i < json_array_size(addresses); i++) {
        const char *address = json_string_value(json_array_get(addresses, i));
        if (!address || strncmp(address, "unix:", 5) == 0)
            continue;
        const char *port = strrchr(address, ':');
        bool any = strncmp(address, "0.0.0.0:", 8) == 0 || strncmp(address, "[::]:", 5) == 0;
        if (any)
            snprintf(url, size, "http://127.0.0.1%s/", port);
        else
            snprintf(url, size, "http://%s/", address);
        return true;
    }
    return false;
}

const char *display_api(const char *console)
{
    return strncmp(console, "unix:", 5) == 0 ? "" : "api/v1/";
}

void display_keeper(struct buffer *out, const json_t *keeper)
{
    char url[160] = "";
    display_url(json_object_get(keeper, "listen"), url, sizeof url);
    buffer_append_format(out, "%s · reeve %s · %s · pid %d · %s\n  file   %s\n  state  %s\n",
                         display_text(keeper, "name", "?"), display_text(keeper, "version", "?"),
                         display_text(keeper, "phase", "?"),
                         (int)json_integer_value(json_object_get(keeper, "pid")), url,
                         display_text(keeper, "config", "?"), display_text(keeper, "state", "?"));
    const char *console = json_string_value(json_object_get(keeper, "console"));
    if (console)
        buffer_append_format(out, "  api    %s%s\n", console, display_api(console));
}
