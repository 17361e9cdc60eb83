/* The program's output: two pipes, cut into records, written to the log in one piece per wake.
 *
 * A pipe is read only as fast as the disk takes records, so a slow disk slows the program down, as a terminal
 * would. Memory for reading and writing is held while there is output and given back soon after. */
#pragma once

#include "loop/loop.h"
#include "wire/logline.h"

#include "hold/logfile.h"

struct output;

/* The disk began to refuse records, or takes them again (see logfile_counts). */
typedef void output_health_fn(void *owner);

/* `settings` as for logfile_new(). */
struct output *output_new(struct loop *loop, const struct logfile_settings *settings,
                          output_health_fn *on_health, void *owner);
/* Takes the non-blocking read end `fd`; `stream` is LOGLINE_STDOUT or LOGLINE_STDERR. */
void output_watch(struct output *output, enum logline_stream stream, int fd);
/* Writes `lines` as a stream that no pipe has: each line a record. */
void output_note(struct output *output, enum logline_stream stream, struct slice lines);
/* The program and what it left behind are gone: takes what is still in the pipes, without waiting for their
 * end (another process may have a copy), writes last lines, closes the pipes. on_health does not fire. */
void output_finish(struct output *output);
struct logfile_counts output_counts(const struct output *output);
void output_free(struct output **output);
