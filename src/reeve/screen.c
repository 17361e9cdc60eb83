#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/slice.h"

#include "keep/console.h"

#include "reeve/display.h"
#include "reeve/screen.h"

static json_t *screen_targets(const struct keeper *keeper)
{
    const struct targets *targets = keeper_targets(keeper);
    const struct clock *clock = loop_clock(keeper_loop(keeper));
    json_t *rows = json_array();
    int socket;
    for (size_t i = 0; i < targets_count(targets); i++)
        json_array_append_new(rows, target_row_encode(targets_row(targets, i, &socket), false,
                                                      clock->boottime_ms(clock), clock->wall_ms(clock)));
    return rows;
}

static bool screen_url(const struct config *config, char *url, size_t size)
{
    json_t *addresses = json_array();
    for (size_t i = 0; i < config->listeners.count; i++)
        json_array_append_new(addresses, json_string(config->listeners.items[i].address));
    bool found = display_url(addresses, url, size);
    json_decref(addresses);
    return found;
}

static void screen_append_try(struct buffer *out, const struct command *command, const char *first,
                              const char *verb)
{
    buffer_append_format(out, "  %-6s  ", first);
    command_append_self(out, command);
    buffer_append_format(out, " %s\n", verb);
}

/* The reader sits on another machine: how its browser gets here. SSH_CONNECTION is "client port server port".
 */
static void screen_append_ssh(struct buffer *out, const char *url)
{
    const char *connection = getenv("SSH_CONNECTION"), *user = getenv("USER");
    const char *port = strrchr(url, ':');
    struct slice rest = slice_of_text(connection), parts[4];
    int count = 0;
    while (connection && count < 4 && slice_next(&rest, ' ', &parts[count]))
        count++;
    if (count < 4 || !port)
        return;
    int digits = (int)strcspn(port + 1, "/");
    buffer_append_format(out, "  tunnel  ssh -L %.*s:127.0.0.1:%.*s ", digits, port + 1, digits, port + 1);
    if (!slice_equal(parts[3], SLICE("22")))
        buffer_append_format(out, "-p " SLICE_FORMAT " ", SLICE_ARGUMENTS(parts[3]));
    buffer_append_format(out, "%s%s" SLICE_FORMAT "   on your own machine, then open it there\n",
                         user ? user : "", user ? "@" : "", SLICE_ARGUMENTS(parts[2]));
}

/* Of a target that is ready: killing another shows nothing. */
static pid_t screen_some_pid(const struct targets *targets)
{
    int socket;
    for (size_t i = 0; i < targets_count(targets); i++) {
        const struct target_row *row = targets_row(targets, i, &socket);
        if (row->ready && row->pid > 0)
            return row->pid;
    }
    return 0;
}

void screen_show(struct buffer *out, const struct command *command, const struct config *config,
                 const struct keeper *keeper, bool colour)
{
    char url[160] = "";
    buffer_append_format(out, "\n  %s%s%s · reeve %s\n  file    %s\n  state   %s\n\n",
                         colour ? "\033[1m" : "", config->name, colour ? "\033[0m" : "", REEVE_VERSION,
                         config->file, keeper_state_directory(keeper));
    json_t *rows = screen_targets(keeper);
    display_targets(out, rows, colour);
    json_decref(rows);
    buffer_append_text(out, "\n");
    if (screen_url(config, url, sizeof url)) {
        buffer_append_format(out, "  open    %s%s%s\n", colour ? "\033[1m" : "", url,
                             colour ? "\033[0m" : "");
        screen_append_ssh(out, url);
    }
    if (console_url(keeper_listeners(keeper), config, url, sizeof url))
        buffer_append_format(out, "  api     %s%s\n", url, display_api(url));
    pid_t pid = screen_some_pid(keeper_targets(keeper));
    if (pid > 0)
        buffer_append_format(out, "  try     kill -9 %d\n", (int)pid);
    screen_append_try(out, command, pid > 0 ? "" : "try", "status");
    screen_append_try(out, command, "", "logs -f");
    screen_append_try(out, command, "", "down");
    buffer_append_text(out, command->report >= 0 ? "\n" : "  stop    Ctrl-C\n\n");
}

void screen_show_json(struct buffer *out, const struct config *config, const struct keeper *keeper)
{
    char url[160] = "";
    screen_url(config, url, sizeof url);
    char console[160];
    bool has_console = console_url(keeper_listeners(keeper), config, console, sizeof console);
    json_t *line = json_pack("{s:s, s:s, s:s, s:s?, s:o}", "event", "serving", "name", config->name, "url",
                             url, "console", has_console ? console : NULL, "targets", screen_targets(keeper));
    char *text = json_dumps(line, JSON_COMPACT);
    buffer_append_format(out, "%s\n", text);
    free(text);
    json_decref(line);
}

bool screen_settled(const struct keeper *keeper)
{
    const struct targets *targets = keeper_targets(keeper);
    int socket;
    if (keeper_phase(keeper) == KEEPER_STARTING)
        return false;
    for (size_t i = 0; i < targets_count(targets); i++) {
        const struct target_row *row = targets_row(targets, i, &socket);
        if (row->state == TARGET_STARTING || (row->wanted && row->state == TARGET_DOWN))
            return false;
    }
    return true;
}
