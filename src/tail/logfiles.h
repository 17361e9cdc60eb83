/* The files of log/NAME/ (wire/logline.h says how they are named). The directory belongs to the run's user:
 * nothing in it is followed or waited for. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* The numbers of all rotated files, ascending, in fresh memory (free()); NULL when there are none. */
int64_t *logfiles_numbers(int directory, size_t *count);

/* Opens a regular file for reading; close-on-exec. The descriptor or -errno (-ENOTSUP: something else). */
int logfiles_open(int directory, const char *name);
