/* The access log: one line per exchange, written in batches and never waited for. When the reader of a pipe
 * is too slow, lines are dropped and their number is told in the next one that fits. */
#pragma once

#include "gate/access_line.h"

struct access;

/* `fd` is taken over. */
struct access *access_new(struct loop *loop, int fd, enum access_format format);
void access_write(struct access *access, const struct http_record *record);
/* Writes what can be written at once; closes. */
void access_free(struct access **access);

/* A descriptor for the log on our own stdout, or for another log on stderr. A pipe or terminal is opened anew
 * where that is allowed (call it before rights are dropped), because it is shared with others who want it
 * blocking. -1: `shared` is closed. */
int access_open_shared(int shared);
