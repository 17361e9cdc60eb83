/* Small JSON files of the state directory: written whole or not at all, read with a cap. */
#pragma once

#include <jansson.h>

/* Writes `value` (borrowed) to path.new (mode 0600), fsyncs, renames. 0 or -errno. */
int jsonfile_write(const char *path, const json_t *value);
/* A new reference; NULL with *error: -ENOENT, -EPROTO (not JSON), -EFBIG (over 1 MiB), -EPERM (not a regular
 * file of ours). */
json_t *jsonfile_read(const char *path, int *error);
