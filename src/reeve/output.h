/* What services write, on our own standard output: prefixed by name for people, as JSON lines for a pipe. */
#pragma once

#include "config/config.h"
#include "loop/loop.h"

#include "reeve/writer.h"

struct output;

/* Follows the log of every kept service from its present end. Lines are kept back (the newest 1,000) until
 * output_release(). */
struct output *output_start(struct loop *loop, const struct config *config, const char *state_directory,
                            struct writer *writer, bool terminal);
void output_release(struct output *output);
void output_stop(struct output **output);
