/* The peer is known by SO_PEERCRED; one conversation at a time, the newest counts. */
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/memory.h"

#include "gate/succession.h"

enum { STARVED_MS = 100 };

struct succession {
    struct succession_settings settings;
    int fd;
    struct loop_fd watch;
    struct loop_timer starved; /* armed: not listening for a moment */
    struct channel *heir;
};

static void on_end(void *owner, int error)
{
    struct succession *succession = owner;
    (void)error;
    channel_close(&succession->heir);
}

static void hand_over(struct succession *succession, uint32_t id)
{
    int fds[ENTRANCE_MOST];
    json_t *addresses = json_array();
    size_t count = entrance_listeners(succession->settings.entrance, fds, addresses);
    json_t *body = json_pack("{s:s, s:i, s:o}", "name", succession->settings.name, "pid", (int)getpid(),
                             "addresses", addresses);
    channel_send(succession->heir, MESSAGE_GATE_LISTENERS, id, body, fds, (int)count);
    log_info(succession->settings.log, "listeners handed over", LOG_NUMBER("count", (int64_t)count));
}

static void on_message(void *owner, struct channel_message *message)
{
    struct succession *succession = owner;
    if (message->type == MESSAGE_TAKE_LISTENERS)
        hand_over(succession, message->id);
    else if (message->type == MESSAGE_GATE_DRAIN)
        succession->settings.on_drain(succession->settings.owner,
                                      json_integer_value(json_object_get(message->body, "timeout_ms")));
}

static bool is_keeper(const struct succession *succession, int connection)
{
    struct ucred peer;
    socklen_t size = sizeof peer;
    return getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
           (peer.uid == 0 || peer.uid == succession->settings.keeper_user);
}

static void on_ready(struct loop_fd *watch, uint32_t events);

static int listen_on(struct succession *succession)
{
    return loop_fd_start(succession->settings.loop, &succession->watch, succession->fd, EPOLLIN | LOOP_LEVEL,
                         on_ready);
}

/* Without descriptors, who waits at the door would wake us for ever. */
static void on_starved(struct loop_timer *timer)
{
    struct succession *succession = LIST_ENTRY(timer, struct succession, starved);
    if (listen_on(succession))
        loop_timer_start(succession->settings.loop, timer, STARVED_MS, on_starved);
}

static void starve(struct succession *succession)
{
    loop_fd_stop(&succession->watch);
    loop_timer_start(succession->settings.loop, &succession->starved, STARVED_MS, on_starved);
}

static void on_ready(struct loop_fd *watch, uint32_t events)
{
    static const struct channel_events channel_events = {.on_message = on_message, .on_end = on_end};
    struct succession *succession = LIST_ENTRY(watch, struct succession, watch);
    (void)events;
    int connection = accept4(succession->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (connection < 0) {
        if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
            starve(succession);
        return;
    }
    if (!is_keeper(succession, connection)) {
        log_warning(succession->settings.log, "somebody else asked for the listeners");
        close(connection);
        return;
    }
    channel_close(&succession->heir);
    succession->heir = channel_new(succession->settings.loop, connection, &channel_events, succession);
}

struct succession *succession_new(const struct succession_settings *settings, int fd)
{
    struct succession *succession = MEMORY_NEW(struct succession);
    succession->settings = *settings;
    succession->fd = fd;
    int error = listen_on(succession);
    if (error == 0)
        return succession;
    close(fd);
    free(succession);
    errno = -error;
    return NULL;
}

static void free_memory(void *succession)
{
    free(succession);
}

void succession_free(struct succession **owned)
{
    struct succession *succession = *owned;
    if (!succession)
        return;
    *owned = NULL;
    channel_close(&succession->heir);
    loop_timer_stop(&succession->starved);
    loop_fd_stop(&succession->watch);
    close(succession->fd);
    loop_free_later(succession->settings.loop, succession, free_memory);
}
