/* The start screen of `reeve run`: what runs where, and what to try (also as one JSON line for a pipe). */
#pragma once

#include "base/buffer.h"
#include "keep/keeper.h"

#include "reeve/command.h"

/* For people. */
void screen_show(struct buffer *out, const struct command *command, const struct config *config,
                 const struct keeper *keeper, bool colour);
/* {"event": "serving", "name", "url", "targets": [...]} and a newline. */
void screen_show_json(struct buffer *out, const struct config *config, const struct keeper *keeper);
/* True when no target is on its way up any more. */
bool screen_settled(const struct keeper *keeper);
