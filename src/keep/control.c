#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/memory.h"
#include "link/channel.h"
#include "link/memfd.h"

#include "keep/arguments.h"
#include "keep/control.h"
#include "keep/reply.h"

enum {
    CONTROL_CLIENTS = 64,
    CONTROL_STARVED_MS = 100,
    CONTROL_EXIT_FAILED = 1,
    CONTROL_EXIT_USAGE = 2,
    CONTROL_NAME_SIZE = 24,
    CONTROL_CONNECT_S = 2,
};

struct control {
    struct control_settings settings;
    char *path;
    int fd;
    struct loop_fd watch;
    struct loop_timer starved; /* armed: not listening for a moment */
    struct list clients;
    int client_count;
};

struct control_client {
    struct list link;
    struct control *control;
    struct channel *channel;
    struct list asks;             /* that wait for their answers */
    char name[CONTROL_NAME_SIZE]; /* "uid 0" */
};

/* One CONTROL_ASK or CONTROL_ATTACH that waits for its answer. */
struct control_ask {
    struct list link;
    struct control_client *client;
    uint32_t id;
};

char *control_path(const char *runtime_directory)
{
    return memory_format("%s/control.sock", runtime_directory);
}

/* --- answers ------------------------------------------------------------------------------------------ */

static void control_refuse(struct control_client *client, uint32_t id, int code, const char *text)
{
    channel_send(client->channel, MESSAGE_ERROR, id, json_pack("{s:s, s:i}", "text", text, "code", code),
                 NULL, 0);
}

static void control_answer(struct control_client *client, uint32_t id, json_t *body)
{
    channel_send(client->channel, MESSAGE_OK, id, body, NULL, 0);
}

/* --- questions -------------------------------------------------------------------------------------------
 */

static struct control_ask *control_ask_new(struct control_client *client, uint32_t id)
{
    struct control_ask *ask = MEMORY_NEW(struct control_ask);
    ask->client = client;
    ask->id = id;
    list_append(&client->asks, &ask->link);
    return ask;
}

static void control_ask_free(struct control_ask *ask)
{
    list_remove(&ask->link);
    free(ask);
}

static void control_on_done(void *owner, int status, json_t *body)
{
    struct control_ask *ask = owner;
    struct reply reply = reply_make(status, body);
    channel_send(ask->client->channel, MESSAGE_OK, ask->id, reply.message, &reply.descriptor,
                 reply.descriptor >= 0);
    reply_close(&reply);
    control_ask_free(ask);
}

static void control_pass_on(struct control_client *client, const struct channel_message *message)
{
    const char *operation = json_string_value(json_object_get(message->body, "operation"));
    const struct principal who = {.kind = PRINCIPAL_OPERATOR, .credential = client->name};
    struct error error = {0};
    json_t *arguments = arguments_read(message, &error);
    const struct operation_request request = {.name = operation, .arguments = arguments, .who = &who};
    if (!operation || !arguments) {
        control_refuse(client, message->id, CONTROL_EXIT_USAGE,
                       operation ? error.text : "no operation is named");
        json_decref(arguments);
        return;
    }
    operations_ask(client->control->settings.operations, &request, control_on_done,
                   control_ask_new(client, message->id));
    json_decref(arguments);
}

static void control_on_attached(void *owner, const struct viewing_answer *answer)
{
    struct control_ask *ask = owner;
    json_t *body = json_pack("{s:i}", "status", answer->status);
    if (answer->text)
        json_object_set_new(body, "text", json_string(answer->text));
    channel_send(ask->client->channel, MESSAGE_OK, ask->id, body, &answer->link, answer->link >= 0);
    control_ask_free(ask);
}

static void control_attach(struct control_client *client, const struct channel_message *message)
{
    const struct principal who = {.kind = PRINCIPAL_OPERATOR, .credential = client->name};
    viewings_attach(client->control->settings.viewings, message->body, &who, control_on_attached,
                    control_ask_new(client, message->id));
}

static void control_down(struct control_client *client, const struct channel_message *message)
{
    const struct control_settings *settings = &client->control->settings;
    bool now = json_is_true(json_object_get(message->body, "now"));
    control_answer(client, message->id, json_object());
    settings->events->on_down(settings->owner, now);
}

static void control_on_message(void *owner, struct channel_message *message)
{
    struct control_client *client = owner;
    const struct control_settings *settings = &client->control->settings;
    switch ((int)message->type) {
    case MESSAGE_CONTROL_HELLO:
        control_answer(client, message->id, settings->events->on_describe(settings->owner));
        break;
    case MESSAGE_CONTROL_DOWN:
        control_down(client, message);
        break;
    case MESSAGE_CONTROL_ASK:
        control_pass_on(client, message);
        break;
    case MESSAGE_CONTROL_ATTACH:
        control_attach(client, message);
        break;
    default:
        control_refuse(client, message->id, CONTROL_EXIT_USAGE, "this reeve does not know that request");
    }
}

/* --- clients
 * --------------------------------------------------------------------------------------------------- */

static void control_client_free(struct control_client *client)
{
    LIST_FOR_EACH(link, &client->asks)
    {
        struct control_ask *ask = LIST_ENTRY(link, struct control_ask, link);
        operations_forget(client->control->settings.operations, ask);
        viewings_forget(client->control->settings.viewings, ask);
        control_ask_free(ask);
    }
    list_remove(&client->link);
    client->control->client_count--;
    channel_close(&client->channel);
    loop_free_later(client->control->settings.loop, client, free);
}

static void control_on_client_end(void *owner, int error)
{
    (void)error;
    control_client_free(owner);
}

static const struct channel_events control_client_events = {
    .on_message = control_on_message,
    .on_end = control_on_client_end,
};

static bool control_admits(const struct control *control, int fd, uid_t *uid)
{
    struct ucred peer = {0};
    socklen_t size = sizeof peer;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
        return false;
    *uid = peer.uid;
    const struct control_settings *settings = &control->settings;
    return (peer.uid == 0 || peer.uid == geteuid()) &&
           !settings->events->is_exposed(settings->owner, peer.pid) &&
           control->client_count < CONTROL_CLIENTS;
}

static void control_on_ready(struct loop_fd *watch, uint32_t events);

static int control_watch(struct control *control)
{
    return loop_fd_start(control->settings.loop, &control->watch, control->fd, EPOLLIN | LOOP_LEVEL,
                         control_on_ready);
}

/* Without descriptors or memory, who waits at the door would wake us for ever. */
static void control_on_starved(struct loop_timer *timer)
{
    struct control *control = LIST_ENTRY(timer, struct control, starved);
    if (control_watch(control) < 0)
        loop_timer_start(control->settings.loop, timer, CONTROL_STARVED_MS, control_on_starved);
}

static void control_starve(struct control *control)
{
    loop_fd_stop(&control->watch);
    loop_timer_start(control->settings.loop, &control->starved, CONTROL_STARVED_MS, control_on_starved);
}

static void control_on_ready(struct loop_fd *watch, uint32_t events)
{
    (void)events;
    struct control *control = LIST_ENTRY(watch, struct control, watch);
    int fd = accept4(control->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) {
        if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
            control_starve(control);
        return;
    }
    uid_t uid = 0;
    if (!control_admits(control, fd, &uid)) {
        log_warning(control->settings.log, "a connection to the control socket was refused");
        close(fd);
        return;
    }
    struct control_client *client = MEMORY_NEW(struct control_client);
    *client = (struct control_client){.control = control};
    snprintf(client->name, sizeof client->name, "uid %u", (unsigned)uid);
    client->channel = channel_new(control->settings.loop, fd, &control_client_events, client);
    if (!client->channel) {
        free(client);
        return;
    }
    list_init(&client->asks);
    list_append(&control->clients, &client->link);
    control->client_count++;
}

static int control_listen(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    unlink(path); /* we hold the lock: whoever bound it has gone */
    if (bind(fd, (const struct sockaddr *)&address, sizeof address) == 0 && listen(fd, CONTROL_CLIENTS) == 0)
        return fd;
    int error = -errno;
    close(fd);
    return error;
}

struct control *control_new(const struct control_settings *settings, struct error *error)
{
    char *path = control_path(settings->runtime_directory);
    int fd = control_listen(path);
    if (fd < 0) {
        error_set(error, "control socket %s: %s", path, strerror(-fd));
        free(path);
        return NULL;
    }
    struct control *control = MEMORY_NEW(struct control);
    *control = (struct control){.settings = *settings, .path = path, .fd = fd};
    list_init(&control->clients);
    int failed = control_watch(control);
    if (failed) {
        error_set(error, "control socket %s: %s", path, strerror(-failed));
        close(fd);
        free(path);
        free(control);
        return NULL;
    }
    return control;
}

void control_free(struct control **owned)
{
    struct control *control = *owned;
    if (!control)
        return;
    LIST_FOR_EACH(link, &control->clients)
    control_client_free(LIST_ENTRY(link, struct control_client, link));
    loop_timer_stop(&control->starved);
    loop_fd_stop(&control->watch);
    close(control->fd);
    unlink(control->path);
    free(control->path);
    free(control);
    *owned = NULL;
}

/* --- the other end
 * ------------------------------------------------------------------------------------------------ */

int control_connect(const char *runtime_directory)
{
    char *path = control_path(runtime_directory);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    bool fits = strlen(path) < sizeof address.sun_path;
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    free(path);
    if (!fits)
        return -ENAMETOOLONG;
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    /* One that accepts nothing keeps who knocks waiting when enough do: EAGAIN then. */
    const struct timeval patience = {.tv_sec = CONTROL_CONNECT_S};
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (connect(fd, (const struct sockaddr *)&address, sizeof address) == 0)
        return fd;
    int error = -errno;
    close(fd);
    return error;
}

/* A body that came in a memfd takes its place in the answer. */
static json_t *control_read_answer(struct channel_message *message)
{
    struct slice bytes;
    if (message->descriptor_count != 1 || memfd_map(message->descriptors[0], SIZE_MAX / 2, &bytes) < 0)
        return json_incref(message->body);
    json_t *body = json_loadb(bytes.data, bytes.size, 0, NULL);
    memfd_unmap(&bytes);
    if (!body || json_object_set_new(message->body, "body", body) < 0)
        return NULL;
    return json_incref(message->body);
}

int control_ask(int connection, const struct control_question *question, json_t **answer, struct error *error)
{
    *answer = NULL;
    struct channel_message message;
    int failed = channel_send_now(connection, question->type, 1, question->body, question->descriptors,
                                  question->descriptor_count, question->timeout_ms);
    failed = failed ? failed : channel_receive_now(connection, &message, question->timeout_ms);
    if (failed) {
        error_set(error, "the keeper does not answer: %s", strerror(-failed));
        return failed;
    }
    if (message.type == MESSAGE_OK) {
        *answer = control_read_answer(&message);
        failed = *answer ? 0 : -EPROTO;
    } else {
        const char *text = json_string_value(json_object_get(message.body, "text"));
        failed = (int)json_integer_value(json_object_get(message.body, "code"));
        failed = failed > 0 ? failed : CONTROL_EXIT_FAILED;
        error_set(error, "%s", text ? text : "the keeper refused without saying why");
    }
    json_decref(message.body);
    for (int i = 0; i < message.descriptor_count; i++)
        if (message.descriptors[i] >= 0)
            close(message.descriptors[i]);
    return failed;
}
