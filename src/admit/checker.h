/* The password helper: a process of its own for one sign-in (design §6). It gets one record from a gate,
 * looks into the users file, tells the keeper the verdict and ends. It runs as the gates' user without any
 * right, and what it learned is wiped.
 *
 * Its descriptors: 3 the gate's record, 4 the keeper, 5 the users file. */
#pragma once

#include <sys/types.h>

#include "admit/users.h"

enum {
    CHECKER_QUESTION_FD = 3,
    CHECKER_KEEPER_FD = 4,
    CHECKER_USERS_FD = 5,
    CHECKER_DESCRIPTORS = 3,
    CHECKER_RECORD_MOST = 4096,
    CHECKER_PATIENCE_MS = 10000, /* for the record */
};

struct checker_start {
    uid_t uid; /* to become, as root */
    gid_t gid;
};

/* Never returns. Its exit status: 0, also for a wrong password; 1 when it could not do its work. */
__attribute__((noreturn)) void checker_main(const struct checker_start *start);

/* What the record says: JSON {"user", "password"}, two texts and nothing else. Texts are fresh memory of the
 * question. False: malformed. Pure. */
struct checker_question {
    char *user;
    char *password;
};
bool checker_read(struct slice record, struct checker_question *question);
void checker_wipe(struct checker_question *question);
