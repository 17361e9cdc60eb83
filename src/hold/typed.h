/* What waits to be read by the program: typed by viewers, or answered to the program's own queries.
 *
 * Limited: when a program does not read, its viewers are not listened to (typed_has_room()), and answers,
 * which only it can be waiting for, are dropped. */
#pragma once

#include "base/buffer.h"

struct typed {
    struct buffer bytes;
};

struct typed typed_new(void);
bool typed_is_empty(const struct typed *typed);
/* Whether any record of a viewer fits. */
bool typed_has_room(const struct typed *typed);
void typed_add(struct typed *typed, struct slice bytes);
/* Writes what the terminal takes. 0: all is written; -EAGAIN; or another -errno. */
int typed_write(struct typed *typed, int master);
void typed_free(struct typed *typed);
