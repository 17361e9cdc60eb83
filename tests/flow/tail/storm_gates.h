/* Gates that are turned step by step. */
#pragma once

#include "storm_clients.h"

static int64_t storm_us(const struct clock *clock)
{
    (void)clock;
    return storm.now_us;
}

static int64_t storm_ms(const struct clock *clock)
{
    (void)clock;
    return storm.now_us / 1000;
}

/* A gate closes after a while what nobody reads: it does not know then that the file was cut, and what was
 * deleted is gone with that. */
static void storm_note_closed(int gate)
{
    bool closed[STORM_FILES + 1];
    for (int i = 1; i <= storm.file_count; i++) {
        closed[i] = !storm_has(gate, &storm.files[i]);
        storm.files[i].excused[gate] |= closed[i] && !storm.files[i].name[0];
    }
    for (int n = 1; n <= storm.line_count; n++)
        storm.lines[n].excused[gate] |= storm.lines[n].lost && closed[storm.lines[n].file];
}

static void storm_take_all(void)
{
    for (int i = 0; i < STORM_CLIENTS; i++)
        if (storm.clients[i].joined)
            storm_take(&storm.clients[i]);
}

static int storm_turn(int gate)
{
    storm.inside = true;
    int events = loop_step(storm.gates[gate].loop, 0);
    storm.inside = false;
    if (storm_sequence(gate))
        storm_note_closed(gate);
    storm_take_all();
    return events;
}

static void storm_settle(int gate)
{
    for (int quiet = 0, turns = 0; quiet < 3; turns++) {
        quiet = storm_turn(gate) ? 0 : quiet + 1;
        storm.now_us += (TAIL_PACE_MS + 1) * 1000;
        if (turns > 2000) {
            STORM_FAIL("gate %d does not come to rest", gate);
            return;
        }
    }
}

/* What is forgotten when nobody has read for long. */
static void storm_forget(int gate)
{
    if (!(storm.mode & STORM_RESTARTS))
        return;
    for (int i = 0; i < STORM_CLIENTS; i++)
        if (storm.clients[i].gate == gate)
            storm_leave(&storm.clients[i]);
    STORM_SAY("gate %d forgets\n", gate);
    storm_settle(gate);
    storm.now_us += (TAIL_LINGER_MS + 1) * INT64_C(1000);
    storm_settle(gate);
    storm.now_us += (TAIL_LINGER_MS + 1) * INT64_C(1000);
    storm_settle(gate);
    for (int i = 1; i <= storm.file_count; i++)
        storm.files[i].excused[gate] |= !storm.files[i].name[0];
    for (int n = 1; n <= storm.line_count; n++)
        storm.lines[n].excused[gate] |= storm.lines[n].lost;
}

/* --- steps of a script ------------------------------------------------------------------------------- */

static struct storm_client *storm_chosen(uint8_t argument)
{
    return &storm.clients[argument / 2 % STORM_CLIENTS];
}

static void storm_step_turn(uint8_t argument)
{
    STORM_SAY("gate %d turns\n", argument & 1);
    storm_turn(argument & 1);
}

static void storm_step_settle(uint8_t argument)
{
    STORM_SAY("gate %d settles\n", argument & 1);
    storm_settle(argument & 1);
}

static void storm_step_leave(uint8_t argument)
{
    storm_leave(storm_chosen(argument));
}

static void storm_step_join(uint8_t argument)
{
    storm_join(storm_chosen(argument), argument & 1, false);
}

static void storm_step_move(uint8_t argument)
{
    storm_step_leave(argument);
    storm_step_join(argument);
}

static void storm_step_rest(uint8_t argument)
{
    struct storm_client *client = storm_chosen(argument);
    client->restless = !client->restless;
    if (client->joined && !client->restless)
        tail_resume(&client->reader);
}

static void storm_step_wait(uint8_t argument)
{
    storm.now_us += TAIL_PACE_MS * 1000;
    if (argument % 8 == 0)
        storm_forget(argument / 8 & 1);
}

typedef void storm_step_fn(uint8_t argument);
static storm_step_fn *const storm_steps[] = {
    storm_step_turn, storm_step_turn, storm_step_settle, storm_step_settle, storm_step_leave,
    storm_step_move, storm_step_join, storm_step_rest,   storm_step_wait,
};
enum { STORM_STEPS = sizeof storm_steps / sizeof *storm_steps };

static void storm_step(uint8_t action, uint8_t argument)
{
    action %= STORM_WRITES + STORM_STEPS;
    if (action < STORM_WRITES)
        storm_writes[action](argument);
    else
        storm_steps[action - STORM_WRITES](argument);
}
