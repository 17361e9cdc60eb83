/* What gates ask of the keeper's operations (MESSAGE_GATE_ASK): checked, counted, answered under its id.
 *
 * A gate may have been taken over. It says who asks, and that is believed; that it is the operator, or more
 * than QUESTIONS_MOST at a time, is not. */
#pragma once

#include "keep/gates.h"
#include "keep/operations.h"

enum { QUESTIONS_MOST = 256 /* open, of one gate */ };

struct questions;

/* Both outlive it. */
struct questions *questions_new(struct operations *operations, struct gates *gates);
void questions_free(struct questions **questions);
/* One MESSAGE_GATE_ASK of the gate in `slot`. Whatever is wrong with it is its answer. */
void questions_ask(struct questions *questions, unsigned slot, const struct channel_message *message);
/* The gate of that slot has gone: nobody is there to be answered. */
void questions_forget(struct questions *questions, unsigned slot);
