/* Records of the terminal link that wait to be sent to one viewer.
 *
 * What is live is limited: beyond it nothing more is taken, and who fills the outbox drops what is live and
 * sends a snapshot instead. A snapshot is kept whole, whatever its size, and leaves memory as it is sent. */
#pragma once

#include "base/buffer.h"

enum { OUTBOX_LIVE_MOST = 256 * 1024 };

struct outbox {
    struct buffer records; /* each with its size before it */
    size_t kept;           /* bytes at the front that are not live */
    size_t last;           /* size of the last record, if more may be added to it; else 0 */
};

struct outbox outbox_new(void);
bool outbox_is_empty(const struct outbox *outbox);
/* Adds `data` as one record of `type`, or as several of OUTPUT, which may also join the last one. False, with
 * nothing added, when the live ones would be too many. */
bool outbox_add(struct outbox *outbox, char type, struct slice data);
void outbox_drop_live(struct outbox *outbox);
void outbox_drop(struct outbox *outbox); /* everything */
/* Adds the same without a limit, and keeps it and all that is before it. */
void outbox_keep(struct outbox *outbox, char type, struct slice data);
/* Sends what the socket takes. 0: all is sent; -EAGAIN; or another -errno, for good. */
int outbox_send(struct outbox *outbox, int fd);
void outbox_free(struct outbox *outbox);
