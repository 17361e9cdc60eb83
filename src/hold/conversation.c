#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/check.h"
#include "base/memory.h"

#include "hold/conversation.h"

struct conversation {
    struct loop *loop;
    struct conversation_events events;
    struct channel *channel; /* NULL: no keeper */
    struct loop_fd listener;
    uid_t keeper_uid;
};

static void conversation_on_message(void *owner, struct channel_message *message)
{
    struct conversation *conversation = owner;
    conversation->events.on_message(conversation->events.owner, message);
}

static void conversation_on_end(void *owner, int error)
{
    (void)error; /* gone, mute or talking nonsense: the next keeper connects */
    struct conversation *conversation = owner;
    channel_close(&conversation->channel);
}

static const struct channel_events conversation_channel_events = {
    .on_message = conversation_on_message,
    .on_end = conversation_on_end,
};

static void conversation_take(struct conversation *conversation, int fd)
{
    channel_close(&conversation->channel);
    conversation->channel = channel_new(conversation->loop, fd, &conversation_channel_events, conversation);
}

static bool conversation_admits(const struct conversation *conversation, int fd)
{
    struct ucred peer;
    socklen_t size = sizeof peer;
    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
           (peer.uid == 0 || peer.uid == conversation->keeper_uid);
}

static void conversation_on_connect(struct loop_fd *watch, uint32_t events)
{
    (void)events;
    struct conversation *conversation = LIST_ENTRY(watch, struct conversation, listener);
    int fd;
    while ((fd = accept4(watch->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0) {
        if (conversation_admits(conversation, fd))
            conversation_take(conversation, fd);
        else
            close(fd);
    }
}

struct conversation *conversation_new(struct loop *loop, int channel_fd, int listener_fd, uid_t keeper_uid,
                                      const struct conversation_events *events)
{
    struct conversation *conversation = MEMORY_NEW(struct conversation);
    conversation->loop = loop;
    conversation->events = *events;
    conversation->keeper_uid = keeper_uid;
    CHECK(loop_fd_start(loop, &conversation->listener, listener_fd, EPOLLIN, conversation_on_connect) == 0);
    conversation_take(conversation, channel_fd);
    return conversation;
}

bool conversation_is_held(const struct conversation *conversation)
{
    return conversation->channel != NULL;
}

void conversation_tell(struct conversation *conversation, enum message_type type, uint32_t id, json_t *body)
{
    if (conversation->channel)
        channel_send(conversation->channel, type, id, body, NULL, 0);
    else
        json_decref(body);
}

bool conversation_told(const struct conversation *conversation)
{
    return !conversation->channel || channel_drained(conversation->channel);
}

void conversation_free(struct conversation **where)
{
    struct conversation *conversation = *where;
    if (!conversation)
        return;
    int fd = conversation->listener.fd;
    loop_fd_stop(&conversation->listener);
    close(fd); /* before the channel: who sees that end finds nobody here any more */
    channel_close(&conversation->channel);
    free(conversation);
    *where = NULL;
}
