/* Anything larger than a message travels as a sealed memfd: written once, then immutable. */
#pragma once

#include "base/slice.h"

/* A close-on-exec memfd with `bytes`, sealed against every change (F_SEAL_WRITE|GROW|SHRINK|SEAL). The
 * descriptor or -errno. `name` shows in /proc. */
int memfd_seal(const char *name, struct slice bytes);
/* Maps a memfd that someone else made: refuses (-EPERM) one that is not sealed, -EFBIG over `limit`. The
 * mapping is read-only; give it back with memfd_unmap(). The descriptor stays the caller's. */
int memfd_map(int fd, size_t limit, struct slice *bytes);
void memfd_unmap(struct slice *bytes);

/* An empty close-on-exec memfd that takes seals (and is not executable, where the kernel knows that). The
 * descriptor or -errno. */
int memfd_create_sealable(const char *name);
