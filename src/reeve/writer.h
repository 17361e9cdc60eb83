/* Lines to a terminal, file or pipe that may be slow or stopped: queued up to 1 MiB, never waited for.
 *
 * The keeper writes its log and the services' prefixed output through one; a reader that does not read
 * must not stop the house. Lines beyond the cap are dropped and counted in a line of their own. */
#pragma once

#include "base/slice.h"
#include "loop/loop.h"

struct writer;

/* Writes to `fd`, which stays the caller's. */
struct writer *writer_new(int fd);
/* From here on what could not be written is tried again from this loop; NULL ends that. */
void writer_attach(struct writer *writer, struct loop *loop);
/* Whole lines, with their newlines. */
void writer_write(struct writer *writer, struct slice lines);
/* A last try within 200 ms, then frees. */
void writer_free(struct writer **writer);
/* For struct log: `sink` is the writer. */
void writer_log_sink(void *sink, const char *line, size_t size);
