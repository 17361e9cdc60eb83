/* The users file on disk: read whole, changed by rename under a lock, never readable for others. */
#pragma once

#include "admit/users.h"

/* Reads and parses. NULL with the text; *missing (may be NULL) tells whether there is no such file. */
struct users *usersfile_read(const char *path, bool *missing, struct error *error);
/* The same of an open descriptor, which stays the caller's; `name` is for errors. */
struct users *usersfile_read_from(int fd, const char *name, struct error *error);

enum usersfile_outcome {
    USERSFILE_FAILED, /* the text says why; nothing was changed */
    USERSFILE_ADDED,
    USERSFILE_CHANGED,
    USERSFILE_REMOVED,
    USERSFILE_ABSENT, /* to be removed, and not there */
};

/* Puts the line of `name` in (NULL: takes it out). The file is made when it is missing; it is 0600 afterwards
 * and belongs to whom it belonged. Two writers wait for each other, at most 10 s. A file that does not parse
 * is not touched. */
enum usersfile_outcome usersfile_change(const char *path, const char *name, const char *line,
                                        struct error *error);
