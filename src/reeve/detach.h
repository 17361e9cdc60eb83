/* `reeve run -d`: the same program again, in a session of its own, and its report awaited. */
#pragma once

#include "base/slice.h"

#include "reeve/command.h"

/* Starts "run --report-to FD" with output to STATE/log/reeve.log, waits for the report, prints it. The exit
 * code. */
int detach_run(const struct command *command, const struct config *config);
/* In the child: sends the outcome once and closes `fd`. */
void detach_report(int fd, int code, struct slice text);
