/* Who listens where, by kernel truth: sock_diag(7) over netlink and /proc (design §3, §4).
 *
 * Only sockets in state LISTEN are ever reported: a port's clients are nobody's business here. */
#pragma once

#include <sys/types.h>

#include "net/address.h"

struct sockdiag_listener {
    uint64_t inode;
    uid_t uid;
    struct address address;
};

/* Fills `found` with listening sockets that would keep `wanted` from being bound (same port and the same or
 * a wildcard address; for unix the same path). The count (at most `most`), or -errno. */
int sockdiag_listeners(const struct address *wanted, struct sockdiag_listener *found, int most);

/* As above, of everything that listens on TCP in this network namespace. */
int sockdiag_tcp_listeners(struct sockdiag_listener *found, int most);

/* Pids that have socket `inode` open, of those we may look into (/proc/PID/fd). The count, at most `most`. */
int sockdiag_holders(uint64_t inode, pid_t *pids, int most);

/* True when process `pid` has socket `inode` open. */
bool sockdiag_holds(pid_t pid, uint64_t inode);
