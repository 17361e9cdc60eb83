/* The unix socket of a kept process, made connectable for the gates (design §2: they get it as a descriptor).
 */
#pragma once

#include <sys/types.h>

#include "base/error.h"

/* An O_PATH descriptor (close-on-exec) of exactly the socket at `path`; -1 with text when it is none, is a
 * link, has other names, or belongs to somebody other than `user` (uid 0 may use anybody's). As root its
 * group becomes `gates` with the right to connect; the folders above need not be open to it. */
int socketfile_open(const char *path, uid_t user, gid_t gates, struct error *error);
