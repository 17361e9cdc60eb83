/* Names of files: joining, finding the configuration, default directories; and reading one whole. */
#pragma once

#include "config/config.h"

/* `path` below `directory` unless it is absolute; ".", ".." and double slashes are resolved by text alone.
 * Fresh memory. */
char *paths_join(const char *directory, struct slice path);
/* Without the last segment; "/" at least. Fresh memory. */
char *paths_directory(const char *path);

/* The value of a variable of the environment given; NULL when not set. */
const char *paths_variable(const struct config_environment *environment, struct slice name);

/* config_find_file() */
char *paths_find_file(const char *given, const struct config_environment *environment, struct error *error);
/* Where reeve `name` keeps its state unless told otherwise; fresh memory, NULL without $HOME. */
char *paths_state(const char *name, const struct config_environment *environment);
/* `text` with what a name may not have replaced by "-"; "reeve" when nothing is left. Fresh memory. */
char *paths_name(const char *directory);

/* A whole file ("-": stdin) of at most `limit` bytes, ended by NUL, in fresh memory; NULL with a negative
 * errno, -EFBIG for a larger one. Never waits for a FIFO or device: -EINVAL. */
char *paths_read(const char *path, size_t limit, size_t *size, int *status);
/* What such a status means of a file; a literal, or strerror(3)'s. */
const char *paths_refusal(int status);
