/* How often somebody may try to sign in: a wait that doubles with each failure in a row, for each user's name
 * and for each client address, and a rate for all together. Arithmetic on history and now; no clock of its
 * own.
 *
 * Every attempt counts as failed from its beginning, so that many at once gain nothing; success takes it
 * back. */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum attempts_limit {
    ATTEMPTS_NONE,    /* go on */
    ATTEMPTS_USER,    /* too many failures for this name */
    ATTEMPTS_ADDRESS, /* or from this address (of IPv6: its /64) */
    ATTEMPTS_ALL,     /* too many attempts altogether */
};

struct attempts_answer {
    enum attempts_limit limit;
    int64_t wait_ms; /* until the next one may be made; 0: go on */
};

struct attempts;

struct attempts *attempts_new(void);
void attempts_free(struct attempts **attempts);
/* `now_ms` is of CLOCK_BOOTTIME and never goes back. One that has to wait is not counted. */
struct attempts_answer attempts_begin(struct attempts *attempts, const char *user, const char *address,
                                      int64_t now_ms);
/* The one begun last for these two was right: the name starts afresh; the address only gets this one back, so
 * that who has an account cannot try those of others with it. */
void attempts_succeed(struct attempts *attempts, const char *user, const char *address);
/* It came to nothing by our fault: nobody learned whether it would have been right. */
void attempts_take_back(struct attempts *attempts, const char *user, const char *address);
/* It came to nothing since who asked has left: the name has nothing of it, but the address has: else it could
 * have helpers started without an end, and use up what all together have. */
void attempts_leave(struct attempts *attempts, const char *user);

/* The wait after `failures` in a row, for tests: free ones first, then doubling up to a limit. */
struct attempts_policy {
    unsigned free;
    int64_t first_ms;
    int64_t most_ms;
    int64_t forget_ms; /* without a failure */
};
extern const struct attempts_policy attempts_for_user, attempts_for_address;
int64_t attempts_wait(const struct attempts_policy *policy, unsigned failures);
