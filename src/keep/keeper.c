#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "link/spawn.h"

#include "keep/accounts.h"
#include "keep/control.h"
#include "keep/describe.h"
#include "keep/desk.h"
#include "keep/gates.h"
#include "keep/handover.h"
#include "keep/keeper.h"
#include "keep/lifespan.h"
#include "keep/predecessor.h"
#include "keep/process.h"
#include "keep/reload_parts.h"
#include "keep/seat.h"

struct keeper {
    struct keeper_settings settings;
    struct config config; /* as it is now: see keep/reload.h */
    const struct log *log;
    struct loop *loop;
    struct seat seat;
    struct listeners listeners;
    struct listeners_settings listening;
    struct handover handover;
    struct snapshot_user user;
    int hold_program;
    int64_t open_files_soft; /* as it was before we raised ours */
    struct targets *targets;
    struct instances *instances;
    struct gates *gates;
    struct desk *desk;
    struct reload *reload;
    struct reload_parts parts;
    struct monitor *monitor;
    struct condition *condition;
    struct lifespan *lifespan;
    struct reopen reopen;
    bool adopted, served; /* both: the start may go on */
    int exit_code;
    struct error *error;
    int64_t started_wall_ms;
};

static void keeper_journal_own(void *owner, const char *event, const json_t *evidence)
{
    struct keeper *keeper = owner;
    journal_append(&keeper->seat.journal, NULL, event, evidence);
}

/* --- phases -------------------------------------------------------------------------------------------- */

static void keeper_fail(struct keeper *keeper, int code, const char *text)
{
    if (keeper->exit_code == KEEPER_EXIT_DONE) {
        keeper->exit_code = code;
        error_set(keeper->error, "%s", text);
    }
    keeper_stop(keeper, true);
}

static void keeper_go_on_when_ready(struct keeper *keeper)
{
    if (keeper->adopted && keeper->served)
        lifespan_start(keeper->lifespan);
}

static void keeper_on_adopted(void *owner)
{
    struct keeper *keeper = owner;
    keeper->adopted = true;
    keeper_go_on_when_ready(keeper);
}

static void keeper_on_serving(void *owner)
{
    struct keeper *keeper = owner;
    handover_drain(&keeper->handover, keeper->config.drain_timeout_ms);
    reopen_start(&keeper->reopen);
    reload_set_open(keeper->reload, true);
    journal_note(&keeper->seat.journal, "serving", json_object());
    condition_set_phase(keeper->condition, "serving");
    if (keeper->settings.events->on_serving)
        keeper->settings.events->on_serving(keeper->settings.owner, keeper);
}

static void keeper_on_hook_failed(void *owner, const char *text)
{
    keeper_fail(owner, KEEPER_EXIT_FAILED, text);
}

static void keeper_on_stopped(void *owner)
{
    struct keeper *keeper = owner;
    loop_stop(keeper->loop);
}

static const struct lifespan_events keeper_lifespan_events = {
    .on_serving = keeper_on_serving,
    .on_failed = keeper_on_hook_failed,
    .on_stopped = keeper_on_stopped,
};

static void keeper_on_gates_ended(void *owner)
{
    struct keeper *keeper = owner;
    lifespan_gates_ended(keeper->lifespan);
}

void keeper_stop(struct keeper *keeper, bool now)
{
    bool first = lifespan_phase(keeper->lifespan) != LIFESPAN_STOPPING;
    if (first) {
        reopen_stop(&keeper->reopen);
        reload_set_open(keeper->reload, false);
        gates_give_up(keeper->gates, "reeve is stopping");
        journal_note(&keeper->seat.journal, "stop", json_pack("{s:b}", "now", now));
        log_info(keeper->log, now ? "stopping at once" : "stopping; a second signal kills",
                 LOG_NUMBER("at_most_ms", lifespan_stop_ms(keeper->lifespan)));
        condition_set_phase(keeper->condition, "stopping");
    } else {
        log_info(keeper->log, "stopping at once");
    }
    lifespan_stop(keeper->lifespan, now);
}

/* --- what targets say ---------------------------------------------------------------------------------- */

static void keeper_on_change(void *owner, const struct target_row *row, int socket)
{
    struct keeper *keeper = owner;
    if (keeper->gates)
        gates_send_row(keeper->gates, row, socket);
    if (keeper->condition)
        condition_changed(keeper->condition);
    if (keeper->instances)
        instances_on_change(keeper->instances, row);
    if (keeper->settings.events->on_row)
        keeper->settings.events->on_row(keeper->settings.owner, row);
}

static void keeper_on_probed(void *owner, uint32_t id, bool ok, const char *text)
{
    struct keeper *keeper = owner;
    targets_probed(keeper->targets, id, ok, text);
}

static void keeper_on_gone(void *owner, const struct target_row *row)
{
    struct keeper *keeper = owner;
    if (keeper->gates)
        gates_send_gone(keeper->gates, row->name);
    instances_on_gone(keeper->instances, row);
}

static void keeper_on_probe(void *owner, const struct targets_probe *probe)
{
    struct keeper *keeper = owner;
    struct prober_question question = prober_about(probe->row, probe->socket);
    question.path = probe->path;
    question.timeout_ms = probe->timeout_ms;
    question.on_done = keeper_on_probed;
    question.owner = keeper;
    question.tag = probe->id;
    gates_probe(keeper->gates, &question);
}

static void keeper_on_target_journal(void *owner, const char *target, const char *event,
                                     const json_t *evidence)
{
    struct keeper *keeper = owner;
    journal_append(&keeper->seat.journal, target, event, evidence);
}

static const struct targets_events keeper_targets_events = {
    .on_change = keeper_on_change,
    .on_gone = keeper_on_gone,
    .on_probe = keeper_on_probe,
    .on_journal = keeper_on_target_journal,
};

/* --- what gates say ------------------------------------------------------------------------------------ */

static void keeper_on_want(void *owner, const char *target, unsigned slot)
{
    struct keeper *keeper = owner;
    if (!targets_want(keeper->targets, target, slot))
        log_warning(keeper->log, "a gate wants an unknown target", LOG_TEXT("target", target));
}

static void keeper_on_unwant(void *owner, const char *target, unsigned slot)
{
    struct keeper *keeper = owner;
    targets_unwant(keeper->targets, target, slot);
}

static void keeper_on_slot_start(void *owner, unsigned slot)
{
    struct keeper *keeper = owner;
    condition_greet(keeper->condition, slot);
    desk_slot_start(keeper->desk, slot);
}

static void keeper_on_late(void *owner, unsigned slot, bool late)
{
    struct keeper *keeper = owner;
    condition_gate_late(keeper->condition, slot, late);
}

static void keeper_on_slot_gone(void *owner, unsigned slot)
{
    struct keeper *keeper = owner;
    targets_forget_asker(keeper->targets, slot);
    desk_slot_gone(keeper->desk, slot);
    condition_gate_gone(keeper->condition, slot);
}

static bool keeper_on_gate_message(void *owner, unsigned slot, struct channel_message *message)
{
    struct keeper *keeper = owner;
    if (message->type != MESSAGE_GATE_TROUBLE)
        return desk_message(keeper->desk, slot, message);
    condition_gate_trouble(keeper->condition, slot, message->body);
    return true;
}

static void keeper_on_served(void *owner, bool ok, const char *text)
{
    struct keeper *keeper = owner;
    if (keeper->served && reload_served(keeper->reload, ok, text))
        return;
    if (!ok && keeper->served) {
        log_error(keeper->log, "gates go on with what they had", LOG_TEXT("error", text));
        return;
    }
    if (!ok) {
        keeper_fail(keeper, KEEPER_EXIT_USAGE, text);
        return;
    }
    keeper->served = true;
    keeper_go_on_when_ready(keeper);
}

static const struct gates_events keeper_gates_events = {
    .on_want = keeper_on_want,
    .on_unwant = keeper_on_unwant,
    .on_slot_start = keeper_on_slot_start,
    .on_slot_gone = keeper_on_slot_gone,
    .on_late = keeper_on_late,
    .on_message = keeper_on_gate_message,
    .on_journal = keeper_journal_own,
    .on_served = keeper_on_served,
    .on_ended = keeper_on_gates_ended,
};

/* --- what the command asks ----------------------------------------------------------------------------- */

static json_t *keeper_on_describe(void *owner)
{
    const struct keeper *keeper = owner;
    const struct describe describe = {
        .config = &keeper->config,
        .listeners = &keeper->listeners,
        .state = keeper->seat.directories.state,
        .phase = keeper_phase(keeper),
        .started_wall_ms = keeper->started_wall_ms,
        .stop_ms = lifespan_stop_ms(keeper->lifespan),
    };
    return describe_keeper(&describe);
}

static void keeper_on_down(void *owner, bool now)
{
    keeper_stop(owner, now);
}

static const struct control_events keeper_control_events = {
    .on_describe = keeper_on_describe,
    .on_down = keeper_on_down,
};

/* --- start --------------------------------------------------------------------------------------------- */

static void keeper_on_signal(void *owner, const siginfo_t *about)
{
    struct keeper *keeper = owner;
    if (about->si_signo == SIGHUP) {
        reload_ask(keeper->reload, false, "SIGHUP", NULL, NULL);
        return;
    }
    json_t *evidence = json_pack("{s:i, s:i, s:i}", "signal", about->si_signo, "from_pid", (int)about->si_pid,
                                 "from_uid", (int)about->si_uid);
    journal_note(&keeper->seat.journal, "signal-received", evidence);
    keeper_stop(keeper, false);
}

static void keeper_on_unknown_child(void *owner, const siginfo_t *exit)
{
    const struct keeper *keeper = owner;
    log_debug(keeper->log, "reaped a process that was left to us", LOG_NUMBER("pid", exit->si_pid));
}

static bool keeper_prepare_process(struct keeper *keeper)
{
    keeper->open_files_soft = process_prepare();
    keeper->loop = loop_new(keeper->settings.clock);
    if (!keeper->loop || loop_signal(keeper->loop, SIGTERM, keeper_on_signal, keeper) < 0 ||
        loop_signal(keeper->loop, SIGINT, keeper_on_signal, keeper) < 0 ||
        loop_signal(keeper->loop, SIGHUP, keeper_on_signal, keeper) < 0 ||
        loop_reap(keeper->loop, keeper_on_unknown_child, keeper) < 0)
        return error_set(keeper->error, "event loop: %s", strerror(errno));
    keeper->hold_program = spawn_open(keeper->settings.hold_program);
    if (keeper->hold_program < 0)
        return error_set(keeper->error, "%s: %s; it belongs beside the reeve program",
                         keeper->settings.hold_program, strerror(-keeper->hold_program));
    return true;
}

static bool keeper_is_ours(void *owner, const struct identity *identity)
{
    const struct keeper *keeper = owner;
    return handover_is_survivor(&keeper->handover, identity) ||
           predecessor_left(keeper->seat.directories.state, identity);
}

static int keeper_open_listeners(struct keeper *keeper)
{
    keeper->listening = (struct listeners_settings){
        .config = &keeper->config,
        .log = keeper->log,
        .ours = keeper_is_ours,
        .journal = keeper_journal_own,
        .owner = keeper,
    };
    if (!listeners_new(&keeper->listeners, &keeper->config, keeper->error))
        return KEEPER_EXIT_USAGE;
    listeners_take_passed(&keeper->listeners);
    handover_take(&keeper->handover, keeper->seat.directories.state, keeper->seat.directories.runtime,
                  &keeper->listeners, &keeper->listening);
    return listeners_open(&keeper->listeners, &keeper->listening, keeper->error);
}

static void keeper_make_lifespan(struct keeper *keeper, const struct targets_settings *made)
{
    const struct condition_settings condition = {
        .made = *made,
        .journal = &keeper->seat.journal,
        .targets = keeper->targets,
        .gates = keeper->gates,
    };
    keeper->condition = condition_new(&condition);
    const struct lifespan_settings lifespan = {
        .loop = keeper->loop,
        .log = keeper->log,
        .config = &keeper->config,
        .journal = &keeper->seat.journal,
        .jobs = condition_jobs(keeper->condition),
        .targets = keeper->targets,
        .gates = keeper->gates,
        .loops = condition_loops(keeper->condition),
        .events = &keeper_lifespan_events,
        .owner = keeper,
    };
    keeper->lifespan = lifespan_new(&lifespan);
    keeper->reopen = (struct reopen){
        .loop = keeper->loop,
        .log = keeper->log,
        .config = &keeper->config,
        .listeners = &keeper->listeners,
        .user = &keeper->user,
        .gates = keeper->gates,
        .condition = keeper->condition,
    };
}

/* All that may be asked of us, by gates and by the command. */
static void keeper_make_reload(struct keeper *keeper)
{
    keeper->parts = (struct reload_parts){
        .loop = keeper->loop,
        .log = keeper->log,
        .journal = &keeper->seat.journal,
        .config = &keeper->config,
        .listeners = &keeper->listeners,
        .listening = &keeper->listening,
        .user = &keeper->user,
        .targets = keeper->targets,
        .instances = keeper->instances,
        .gates = keeper->gates,
        .condition = keeper->condition,
        .desk = keeper->desk,
    };
    keeper->reload = reload_parts_new(&keeper->parts);
}

static bool keeper_open_desk(struct keeper *keeper)
{
    const struct desk_settings desk = {
        .made = {.loop = keeper->loop,
                 .log = keeper->log,
                 .config = &keeper->config,
                 .journal = &keeper->seat.journal,
                 .gates = keeper->gates,
                 .user = keeper->user},
        .runtime_directory = keeper->seat.directories.runtime,
        .targets = keeper->targets,
        .instances = keeper->instances,
        .condition = keeper->condition,
        .events = &keeper_control_events,
        .owner = keeper,
    };
    keeper->desk = desk_new(&desk, keeper->error);
    if (!keeper->desk)
        return false;
    keeper_make_reload(keeper);
    return true;
}

static bool keeper_start_targets(struct keeper *keeper)
{
    keeper->monitor = monitor_new(keeper->loop);
    const struct targets_settings targets = {
        .loop = keeper->loop,
        .log = keeper->log,
        .config = &keeper->config,
        .state_directory = keeper->seat.directories.state,
        .runtime_directory = keeper->seat.directories.runtime,
        .socket_directory = keeper->seat.directories.sockets,
        .hold_program = keeper->hold_program,
        .open_files_soft = keeper->open_files_soft,
        .monitor = keeper->monitor,
        .gates_group = keeper->user.gid,
        .events = &keeper_targets_events,
        .owner = keeper,
    };
    keeper->targets = targets_new(&targets);
    keeper->instances = instances_new(&targets, keeper->targets, keeper->error);
    if (!keeper->instances)
        return false;
    const struct gates_settings gates = {
        .loop = keeper->loop,
        .log = keeper->log,
        .name = keeper->config.name,
        .state_directory = keeper->seat.directories.state,
        .runtime_directory = keeper->seat.directories.runtime,
        .workers = process_workers(keeper->config.workers, GATES_MOST, keeper->log),
        .user = keeper->user,
        .targets = keeper->targets,
        .events = &keeper_gates_events,
        .owner = keeper,
    };
    keeper->gates = gates_new(&gates, keeper->error);
    if (!keeper->gates)
        return false;
    journal_tell(&keeper->seat.journal, gates_newest_row(keeper->gates));
    keeper_make_lifespan(keeper, &targets);
    return keeper_open_desk(keeper);
}

static int keeper_start(struct keeper *keeper)
{
    if (!snapshot_find_user(&keeper->config, &keeper->user, keeper->error) ||
        !accounts_check(&keeper->config, keeper->error))
        return KEEPER_EXIT_USAGE;
    int code = seat_take(&keeper->seat, &keeper->config, keeper->error);
    if (code)
        return code;
    if (!keeper_prepare_process(keeper))
        return KEEPER_EXIT_FAILED;
    code = keeper_open_listeners(keeper);
    if (code)
        return code;
    if (!keeper_start_targets(keeper))
        return KEEPER_EXIT_FAILED;
    struct snapshot *snapshot = reopen_first(&keeper->reopen, keeper->error);
    if (!snapshot)
        return KEEPER_EXIT_USAGE;
    journal_note(&keeper->seat.journal, "start",
                 json_pack("{s:i, s:s, s:o}", "pid", (int)getpid(), "nonce", keeper->seat.lock.nonce,
                           "config", describe_path(keeper->config.file)));
    gates_serve(keeper->gates, snapshot);
    return KEEPER_EXIT_DONE;
}

static void keeper_end(struct keeper *keeper)
{
    desk_free(&keeper->desk);
    lifespan_free(&keeper->lifespan);
    condition_free(&keeper->condition);
    journal_tell(&keeper->seat.journal, NULL);
    gates_free(&keeper->gates);
    targets_free(&keeper->targets);
    instances_free(&keeper->instances);
    monitor_free(&keeper->monitor);
    reload_free(&keeper->reload); /* with the configurations that the others point into */
    handover_drain(&keeper->handover, 0);
    listeners_end(&keeper->listeners);
    if (keeper->loop) {
        loop_signal(keeper->loop, SIGTERM, NULL, NULL);
        loop_signal(keeper->loop, SIGINT, NULL, NULL);
        loop_signal(keeper->loop, SIGHUP, NULL, NULL);
        loop_free(&keeper->loop);
    }
    if (keeper->hold_program >= 0)
        close(keeper->hold_program);
    journal_note(&keeper->seat.journal, "end", json_pack("{s:i}", "exit_code", keeper->exit_code));
    seat_leave(&keeper->seat);
}

int keeper_run(const struct keeper_settings *settings, struct error *error)
{
    struct keeper keeper = {
        .settings = *settings,
        .config = *settings->config,
        .log = settings->log,
        .seat = {.journal = {.clock = settings->clock, .log = settings->log},
                 .lock = {.fd = -1},
                 .runtime_lock = {.fd = -1}},
        .hold_program = -1,
        .error = error,
        .started_wall_ms = settings->clock->wall_ms(settings->clock),
    };
    keeper.exit_code = keeper_start(&keeper);
    if (keeper.exit_code == KEEPER_EXIT_DONE) {
        if (settings->events->on_begin)
            settings->events->on_begin(settings->owner, &keeper);
        targets_adopt(keeper.targets, keeper_on_adopted, &keeper);
        loop_run(keeper.loop);
        if (settings->events->on_end)
            settings->events->on_end(settings->owner, &keeper);
    }
    keeper_end(&keeper);
    return keeper.exit_code;
}

struct loop *keeper_loop(const struct keeper *keeper)
{
    return keeper->loop;
}

struct targets *keeper_targets(const struct keeper *keeper)
{
    return keeper->targets;
}

enum keeper_phase keeper_phase(const struct keeper *keeper)
{
    return (enum keeper_phase)lifespan_phase(keeper->lifespan);
}

const struct listeners *keeper_listeners(const struct keeper *keeper)
{
    return &keeper->listeners;
}

const char *keeper_state_directory(const struct keeper *keeper)
{
    return keeper->seat.directories.state;
}
