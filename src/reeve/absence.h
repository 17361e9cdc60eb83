/* What is told when no keeper is found where it was looked for: who runs all the same, and how to find it. */
#pragma once

#include "reeve/command.h"

/* Nobody has this state directory: how to start one, or who runs under its name with another. */
void absence_tell(const struct command *command, const struct command_place *place);
/* The configuration cannot be read: whoever runs by that file, if somebody does. */
void absence_tell_runner(const struct command *command);
