/* What services write, on our own standard output: prefixed by name for people, as JSON lines for a pipe. */
#pragma once

#include "base/buffer.h"
#include "config/config.h"
#include "loop/loop.h"
#include "tail/follow.h"
#include "wire/target.h"

#include "reeve/writer.h"

/* --- one record, as it is shown ------------------------------------------------------------------------ */

struct output_style {
    bool json;   /* the record with a member "target" in front; else "name | text" */
    bool colour; /* for a terminal */
    int width;   /* of the names' column; 0: no names */
};

/* Appends the record of `target` (the `index`-th, for its colour). A record that is none is left out. */
void output_format(struct buffer *out, const struct output_style *style, const char *target, size_t index,
                   struct slice record);
/* Escape sequences and other control characters in `text` become visible, so that a program's output cannot
 * steer the reader's terminal. */
void output_append_plain(struct buffer *out, struct slice text);
/* The longest name of a service with a command. */
int output_width(const struct config *config);
/* O_PATH descriptor of STATE/log/NAME, or -errno. */
int output_open(const char *state_directory, const char *target);

/* --- all services, while `reeve run` is in the foreground -------------------------------------------------
 */

struct output;

/* Follows the log of every kept service from its present end, and that of an instance while it runs. Nothing
 * is written until output_release(). */
struct output *output_start(struct loop *loop, const struct config *config, const char *state_directory,
                            struct writer *writer, bool terminal);
/* A target changed: its log may exist by now, and once released its new state is told among its lines. */
void output_look(struct output *output, const struct target_row *row);
void output_release(struct output *output);
void output_stop(struct output **output);
