/* Gates that ask for views of terminals (MESSAGE_GATE_ATTACH): checked, counted, answered under their id. As
 * for keep/questions, a gate is believed who asks, and neither that it is the operator nor more than
 * VIEWS_MOST at a time. */
#pragma once

#include "keep/gates.h"
#include "keep/viewings.h"

enum { VIEWS_MOST = 64 /* open questions of one gate */ };

struct views;

/* Both outlive it. */
struct views *views_new(struct viewings *viewings, struct gates *gates);
void views_free(struct views **views);
/* One MESSAGE_GATE_ATTACH of the gate in `slot`. Whatever is wrong with it is its answer. */
void views_ask(struct views *views, unsigned slot, const struct channel_message *message);
/* The gate of that slot has gone. */
void views_forget(struct views *views, unsigned slot);
