/* Those that are not in use are a stack. One that comes back with bytes in it is closed: that is cheaper than
 * to empty it, and happens only when a peer is lost. */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/check.h"
#include "base/memory.h"

#include "net/pipes.h"

enum {
    ROOM_LEAST = 65536, /* one that has less costs more than copying */
    REFUSALS = 4096,
};

struct pipes {
    struct pipe *free;
    unsigned made, used;
    unsigned refusals_left; /* asks to turn down before the kernel is asked again, which has refused */
};

struct pipes *pipes_new(void)
{
    return MEMORY_NEW(struct pipes);
}

static void pipe_close(struct pipe *pipe)
{
    close(pipe->read_end);
    close(pipe->write_end);
    free(pipe);
}

void pipes_free(struct pipes **owned)
{
    struct pipes *pipes = *owned;
    if (!pipes)
        return;
    CHECK(pipes->used == 0);
    while (pipes->free) {
        struct pipe *pipe = pipes->free;
        pipes->free = pipe->next;
        pipe_close(pipe);
    }
    free(pipes);
    *owned = NULL;
}

static struct pipe *pipe_open(void)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
        return NULL;
    struct pipe *pipe = MEMORY_NEW(struct pipe);
    pipe->read_end = ends[0];
    pipe->write_end = ends[1];
    int room = fcntl(ends[1], F_SETPIPE_SZ, PIPES_ROOM);
    if (room < 0)
        room = fcntl(ends[1], F_GETPIPE_SZ);
    if (room >= ROOM_LEAST) {
        pipe->room = (size_t)room;
        return pipe;
    }
    pipe_close(pipe);
    return NULL;
}

static struct pipe *pipe_more(struct pipes *pipes)
{
    if (pipes->made == PIPES_MOST)
        return NULL;
    if (pipes->refusals_left > 0) {
        pipes->refusals_left--;
        return NULL;
    }
    struct pipe *pipe = pipe_open();
    if (pipe)
        pipes->made++;
    else
        pipes->refusals_left = REFUSALS;
    return pipe;
}

struct pipe *pipes_take(struct pipes *pipes)
{
    struct pipe *pipe = pipes->free;
    if (pipe)
        pipes->free = pipe->next;
    else
        pipe = pipe_more(pipes);
    if (pipe)
        pipes->used++;
    return pipe;
}

void pipes_give(struct pipes *pipes, struct pipe **owned, size_t left)
{
    struct pipe *pipe = *owned;
    *owned = NULL;
    if (!pipe)
        return;
    pipes->used--;
    if (left > 0) {
        pipes->made--;
        pipe_close(pipe);
        return;
    }
    pipe->next = pipes->free;
    pipes->free = pipe;
}
