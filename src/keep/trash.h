/* Folders that are going: out of the way at once, removed in small steps from the loop, however much a
 * program has left in them. What is not finished when the keeper ends is gone on with by the next one. */
#pragma once

#include "base/log.h"
#include "loop/loop.h"

struct trash;

/* Makes STATE/instances/.trash, where what goes waits; begins with what is there. NULL with errno. */
struct trash *trash_new(struct loop *loop, const struct log *log, int instances);
/* Moves `name` in the directory `parent` (of the same file system) there. 0, also when there is none, or
 * -errno: it is still where it was. */
int trash_take(struct trash *trash, int parent, const char *name);
/* Nothing waits any more. */
bool trash_is_empty(const struct trash *trash);
void trash_free(struct trash **trash);
