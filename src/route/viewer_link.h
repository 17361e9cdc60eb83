/* A viewer's end of the terminal link (wire/terminal.h), watched: records in and out. net/stream is for
 * streams of bytes, where a short read means that nothing is left; here each read gives one record. */
#pragma once

#include "base/slice.h"
#include "loop/loop.h"

struct viewer_link {
    struct loop *loop;
    int fd;               /* -1: closed */
    struct loop_fd watch; /* watched only while something is wanted */
    bool reads, waits;    /* for records; for room */
    /* From the loop, with on_record while viewer_link_want() says so, and on_room once after
     * viewer_link_send() found none. Each may close the link. */
    void (*on_record)(struct viewer_link *link);
    void (*on_room)(struct viewer_link *link);
};

/* Takes `fd`, with the callbacks set. Nothing is wanted at first. */
void viewer_link_open(struct viewer_link *link, struct loop *loop, int fd);
void viewer_link_close(struct viewer_link *link);

/* Whether records are wanted. */
void viewer_link_want(struct viewer_link *link, bool records);
/* The bytes of one record, 0: the hold has gone, -EAGAIN, or another -errno. */
ssize_t viewer_link_read(struct viewer_link *link, void *memory, size_t size);
/* One record. False: there is no room; on_room follows. What goes to a hold that has gone is lost. */
bool viewer_link_send(struct viewer_link *link, char type, struct slice data);
