/* Pipes through which bytes go from one descriptor to another without being copied (splice(2)): a small pool,
 * since each may hold 256 KiB of the kernel's memory while a peer does not read. Made when they are asked
 * for. */
#pragma once

#include <stddef.h>

enum {
    PIPES_MOST = 32,
    PIPES_ROOM = 256 * 1024, /* of one; less where the kernel refuses (pipe(7), pipe-user-pages-soft) */
};

struct pipes;

struct pipe {
    int read_end, write_end; /* non-blocking */
    size_t room;
    struct pipe *next; /* private */
};

struct pipes *pipes_new(void);
/* All have been given back. */
void pipes_free(struct pipes **pipes);
/* An empty one, or NULL: all are in use, or there are no more to be had. */
struct pipe *pipes_take(struct pipes *pipes);
/* `left`: bytes that are still in it. Sets *pipe to NULL; NULL in *pipe is fine. */
void pipes_give(struct pipes *pipes, struct pipe **pipe, size_t left);
