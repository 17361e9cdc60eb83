/* Names below a folder that nobody is given, whoever may read there: what is reeve's own (keep/own_files.h).
 * A name ("a/b") stands for itself and for all that is below it; "" is all of the folder. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

struct hidden; /* NULL: nothing is */

/* `*hidden` may be NULL. The name is copied. */
void hidden_add(struct hidden **hidden, const char *name);
struct hidden *hidden_copy(const struct hidden *hidden);
void hidden_free(struct hidden **hidden);
/* The same for the same names in the same order; 0: nothing is hidden. */
uint64_t hidden_digest(const struct hidden *hidden);

/* `path` is below the folder, without dot segments; slashes at its ends and double ones do not count. */
bool hidden_has(const struct hidden *hidden, struct slice path);
/* What is called `name` in the folder of the file `path`. */
bool hidden_has_beside(const struct hidden *hidden, const char *path, const char *name);
/* `fd` was opened below the folder behind `root` (O_PATH will do): whether it is what a name leads to,
 * whatever symbolic links it came by. Also true when that cannot be told. */
bool hidden_has_open(const struct hidden *hidden, int root, int fd);
