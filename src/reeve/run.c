/* `reeve run`: the keeper in this process, its log on stderr, the services' output on stdout. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/memory.h"
#include "keep/keeper.h"

#include "reeve/detach.h"
#include "reeve/output.h"
#include "reeve/screen.h"
#include "reeve/verbs.h"
#include "reeve/writer.h"

/* The screen does not wait longer for targets that take their time. */
enum { RUN_FIRST_LOOK_MS = 1, RUN_SCREEN_MS = 10000, RUN_SCREEN_LIMIT = 1 << 18 };

struct run {
    const struct command *command;
    const struct config *config;
    struct keeper *keeper;
    struct writer *out, *log_out;
    struct output *output;
    bool terminal;
    bool looked; /* serving, and targets were asked to start */
    bool shown;
    struct loop_timer patience;
};

static void run_show(struct run *run)
{
    if (run->shown)
        return;
    run->shown = true;
    loop_timer_stop(&run->patience);
    struct buffer screen = BUFFER(RUN_SCREEN_LIMIT);
    if (run->command->report >= 0) {
        screen_show(&screen, run->command, run->config, run->keeper, false);
        detach_report(run->command->report, COMMAND_DONE, buffer_slice(&screen));
        buffer_clear(&screen);
    }
    if (run->terminal)
        screen_show(&screen, run->command, run->config, run->keeper, true);
    else
        screen_show_json(&screen, run->config, run->keeper);
    writer_write(run->out, buffer_slice(&screen));
    buffer_free(&screen);
    output_release(run->output);
}

static void run_show_when_settled(struct run *run)
{
    if (run->looked && !run->shown && screen_settled(run->keeper))
        run_show(run);
}

static void run_on_patience(struct loop_timer *timer)
{
    run_show(LIST_ENTRY(timer, struct run, patience));
}

static void run_on_first_look(struct loop_timer *timer)
{
    struct run *run = LIST_ENTRY(timer, struct run, patience);
    loop_timer_start(keeper_loop(run->keeper), timer, RUN_SCREEN_MS, run_on_patience);
    run->looked = true;
    run_show_when_settled(run);
}

static void run_on_begin(void *owner, struct keeper *keeper)
{
    struct run *run = owner;
    struct loop *loop = keeper_loop(keeper);
    run->keeper = keeper;
    writer_attach(run->out, loop);
    writer_attach(run->log_out, loop);
    run->output = output_start(loop, run->config, keeper_state_directory(keeper), run->out, run->terminal);
}

static void run_on_serving(void *owner, struct keeper *keeper)
{
    struct run *run = owner;
    /* Targets are asked to start in this very turn; how they are is seen after it. */
    loop_timer_start(keeper_loop(keeper), &run->patience, RUN_FIRST_LOOK_MS, run_on_first_look);
}

static void run_on_row(void *owner, const struct target_row *row)
{
    struct run *run = owner;
    output_look(run->output, row);
    run_show_when_settled(run);
}

static void run_on_end(void *owner, struct keeper *keeper)
{
    struct run *run = owner;
    (void)keeper;
    loop_timer_stop(&run->patience);
    output_stop(&run->output);
    writer_attach(run->out, NULL);
    writer_attach(run->log_out, NULL);
    run->keeper = NULL;
}

static const struct keeper_events run_events = {
    .on_begin = run_on_begin,
    .on_serving = run_on_serving,
    .on_row = run_on_row,
    .on_end = run_on_end,
};

/* reeve-hold beside the program, or where `make install` puts it. Fresh memory. */
static char *run_hold_program(void)
{
    char self[4096];
    ssize_t size = readlink("/proc/self/exe", self, sizeof self - 1);
    self[size > 0 ? size : 0] = '\0';
    char *slash = strrchr(self, '/');
    if (slash)
        *slash = '\0';
    char *beside = memory_format("%s/reeve-hold", self);
    if (access(beside, X_OK) == 0)
        return beside;
    char *installed = memory_format("%s/../libexec/reeve/reeve-hold", self);
    bool there = access(installed, X_OK) == 0;
    free(there ? beside : installed);
    return there ? installed : beside;
}

static int run_keeper(struct run *run, struct error *error)
{
    struct log log = {
        .least = run->config->log.level,
        .format = isatty(STDERR_FILENO) ? LOG_FORMAT_PLAIN : LOG_FORMAT_JSON,
        .clock = &clock_system,
        .role = "keeper",
        .write = writer_log_sink,
        .sink = run->log_out,
    };
    char *hold = run_hold_program();
    const struct keeper_settings settings = {
        .config = run->config,
        .clock = &clock_system,
        .log = &log,
        .hold_program = hold,
        .events = &run_events,
        .owner = run,
    };
    int code = keeper_run(&settings, error);
    free(hold);
    return code;
}

static int run_config(const struct command *command, const struct config *config)
{
    struct run run = {
        .command = command,
        .config = config,
        .out = writer_new(STDOUT_FILENO),
        .log_out = writer_new(STDERR_FILENO),
        .terminal = isatty(STDOUT_FILENO) && !command->json,
    };
    struct error error = {0};
    int code = run_keeper(&run, &error);
    writer_free(&run.out);
    writer_free(&run.log_out);
    if (code && command->report >= 0 && !run.shown)
        detach_report(command->report, code, slice_of_text(error.text));
    return code ? command_fail(code, "%s", error.text) : code;
}

/* $REEVE_STATE may stand in any environment: it is for the other verbs, and no mistake here. */
static bool run_was_given_state(const struct command *command)
{
    const char *variable = getenv("REEVE_STATE");
    return command->state && command->state != variable;
}

int run_verb(const struct command *command)
{
    if (run_was_given_state(command))
        return command_fail(COMMAND_USAGE,
                            "--state finds a reeve that runs; where one keeps its files is said by `state:` "
                            "in its configuration");
    struct config *config = command_load(command, command->argument_count ? command->arguments[0] : NULL);
    if (!config)
        return COMMAND_USAGE;
    prctl(PR_SET_NAME, "reeve"); /* `run -d` has executed /proc/self/exe */
    int code = command->detach ? detach_run(command, config) : run_config(command, config);
    config_free(&config);
    return code;
}
