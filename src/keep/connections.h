/* The long streams (tunnels, event streams, terminals) of all gates, asked of all at once (design §2 "Across
 * gates"): they are in no table of the keeper's.
 *
 *   connections {}             200 {connections: [{id: "gate.generation.serial", kind, route, user, address,
 * since, age_ms, target?, bytes_in?, bytes_out?, messages_in?, messages_out?, idle_ms?}], silent: [slots of
 * gates that did not answer within 500 ms], more: not listed} connection-close {id}      200 {id}; 404: there
 * is none (any more); 503: its gate does not answer */
#pragma once

#include "keep/gates.h"
#include "keep/journal.h"
#include "keep/operations.h"

struct connections_settings {
    struct loop *loop;
    struct operations *operations;
    struct gates *gates;
    struct journal *journal;
};

struct connections; /* the context of its rows */

/* Adds its rows. Everything outlives it. */
struct connections *connections_new(const struct connections_settings *settings);
/* MESSAGE_GATE_STREAMS_ANSWER of a gate. */
void connections_answered(struct connections *connections, unsigned slot,
                          const struct channel_message *message);
/* Nobody answers there any more. */
void connections_slot_gone(struct connections *connections, unsigned slot);
/* After the operations. */
void connections_free(struct connections **connections);
