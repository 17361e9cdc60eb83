/* One SOCK_SEQPACKET record with its descriptors, sent or received whole; never blocks, never SIGPIPE. */
#pragma once

#include <sys/types.h>

#include "base/slice.h"

enum { RECORD_MOST_DESCRIPTORS = 16 };

struct record {
    struct slice bytes;
    int descriptors[RECORD_MOST_DESCRIPTORS];
    int count;
};

/* 0 or -errno (-EAGAIN: no room now). The descriptors stay the caller's. */
int record_send(int fd, const struct record *record);
/* Reads one record into memory[size]. Its size; 0: the peer has closed (or sent an empty
 * record, which is no message of ours); -EAGAIN; -EPROTO: the record or its
 * descriptors were more than fits (nothing is kept); another -errno. The descriptors are close-on-exec and
 * the caller's; record->bytes points into `memory`. */
ssize_t record_receive(int fd, void *memory, size_t size, struct record *record);
/* Closes every descriptor that is not -1. */
void record_close_descriptors(int *descriptors, int count);
