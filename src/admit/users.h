/* The users file: who may sign in with a password. Pure: bytes in, values out.
 *
 *   # a comment, or an empty line: kept as it is
 *   NAME:HASH:GROUP,GROUP
 *
 * HASH is yescrypt ("$y$...", crypt(5)) or begins with ! or *, which no password fits. The groups and their
 * colon may be missing. */
#pragma once

#include "base/error.h"
#include "base/slice.h"
#include "wire/seal.h"

enum {
    USERS_FILE_MOST = 1 << 20,
    USERS_MOST = 10000,
    USERS_GROUPS_MOST = 32,
    USERS_GROUPS_SIZE_MOST = 1024, /* of one user, as written: they travel in a cookie */
    USERS_STAMP_SIZE = SEAL_HEX_SIZE + 1,
};

struct user {
    const char *name;
    const char *hash;
    const char *const *groups;
    size_t group_count;
    size_t line;
    bool locked;                  /* its hash is none */
    char stamp[USERS_STAMP_SIZE]; /* another one: password or groups are others now */
};

struct users {
    struct user *items; /* in the order of the file */
    size_t count;
};

/* NULL with "NAME:line: what is wrong": a hash is never part of the text. `name` is the file's. */
struct users *users_parse(struct slice text, const char *name, struct error *error);
const struct user *users_find(const struct users *users, const char *name);
void users_free(struct users **users); /* wipes */

/* False with what is allowed. */
bool users_check_name(struct slice name, struct error *error);
bool users_check_group(struct slice group, struct error *error);

/* The line for a user, without its newline; fresh memory. */
char *users_line(const char *name, const char *hash, const char *const *groups, size_t group_count);
/* `text` with the line of `name` replaced by `line` (added at the end when there is none), or taken out
 * (NULL). Everything else stays byte for byte. Fresh memory. */
char *users_edit(struct slice text, const char *name, const char *line);
