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

#include "keep/control.h"

enum {
    CONTROL_CLIENTS = 64,
    CONTROL_STARVED_MS = 100,
    CONTROL_INLINE = MESSAGE_BODY_LARGEST - 1024,
    CONTROL_JOURNAL_MOST = 10000,
    CONTROL_EXIT_FAILED = 1,
    CONTROL_EXIT_USAGE = 2,
    CONTROL_EXIT_NO_TARGET = 6,
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
    struct list requests; /* that wait for targets */
};

/* One START, STOP or RESTART that waits until its effect is there. */
struct control_request {
    struct list link;
    struct control_client *client;
    uint32_t id;
    int waiting;
    json_t *rows;
    struct error failure; /* of the first target that failed */
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
    char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
    if (!text) { /* something in it was no text: better no answer than no keeper */
        control_refuse(client, id, CONTROL_EXIT_FAILED, "the answer cannot be written as JSON");
        json_decref(body);
        return;
    }
    if (strlen(text) <= CONTROL_INLINE) {
        channel_send(client->channel, MESSAGE_OK, id, body, NULL, 0);
    } else {
        int memfd = memfd_seal("reeve-answer", slice_of_text(text));
        if (memfd >= 0) {
            channel_send(client->channel, MESSAGE_OK, id, NULL, &memfd, 1);
            close(memfd);
        }
        json_decref(body);
    }
    free(text);
}

static json_t *control_row(const struct control *control, const struct target_row *row)
{
    const struct clock *clock = loop_clock(control->settings.loop);
    return target_row_encode(row, false, clock->boottime_ms(clock), clock->wall_ms(clock));
}

/* --- start, stop, restart ------------------------------------------------------------------------------- */

static void control_request_free(struct control_request *request)
{
    targets_forget_owner(request->client->control->settings.targets, request);
    list_remove(&request->link);
    json_decref(request->rows);
    free(request);
}

static void control_request_finish(struct control_request *request)
{
    if (request->failure.text[0])
        control_refuse(request->client, request->id, CONTROL_EXIT_FAILED, request->failure.text);
    else
        control_answer(request->client, request->id, json_pack("{s:O}", "targets", request->rows));
    control_request_free(request);
}

static void control_on_done(void *owner, const struct target_row *row, bool ok)
{
    struct control_request *request = owner;
    json_array_append_new(request->rows, control_row(request->client->control, row));
    if (!ok && !request->failure.text[0])
        error_set(&request->failure, "%s is %s: %s", row->name, target_state_name(row->state),
                  row->cause.text);
    if (--request->waiting == 0)
        control_request_finish(request);
}

/* Every name is checked before anything is done. NULL when all are targets. */
static const char *control_unknown_target(const struct control *control, const json_t *names)
{
    for (size_t i = 0; i < json_array_size(names); i++) {
        const char *name = json_string_value(json_array_get(names, i));
        if (!name || !targets_find(control->settings.targets, name))
            return name ? name : "(no text)";
    }
    return NULL;
}

/* The rows as they are now, for who does not want to wait. */
static void control_add_all(struct control_request *request, const json_t *names)
{
    const struct control *control = request->client->control;
    for (size_t i = 0; i < json_array_size(names); i++) {
        const char *name = json_string_value(json_array_get(names, i));
        json_array_append_new(request->rows,
                              control_row(control, targets_find(control->settings.targets, name)));
    }
}

static void control_do_all(struct control_request *request, enum targets_verb verb, const json_t *names,
                           bool wait)
{
    struct targets *targets = request->client->control->settings.targets;
    request->waiting = 1; /* until all are asked */
    for (size_t i = 0; i < json_array_size(names); i++) {
        const char *name = json_string_value(json_array_get(names, i));
        request->waiting++;
        if (targets_do(targets, name, verb, control_on_done, request))
            continue;
        request->waiting--;
        if (!request->failure.text[0])
            error_set(&request->failure, "%s is kept by someone else: it has no command here", name);
    }
    request->waiting--;
    if (!wait)
        control_add_all(request, names);
    if (!wait || request->waiting == 0)
        control_request_finish(request);
}

static void control_verb(struct control_client *client, const struct channel_message *message,
                         enum targets_verb verb)
{
    const json_t *names = json_object_get(message->body, "targets");
    const char *unknown = control_unknown_target(client->control, names);
    if (unknown || json_array_size(names) == 0) {
        struct error error;
        error_set(&error, "there is no target %s; `reeve status` lists them", unknown ? unknown : "named");
        control_refuse(client, message->id, unknown ? CONTROL_EXIT_NO_TARGET : CONTROL_EXIT_USAGE,
                       error.text);
        return;
    }
    struct control_request *request = MEMORY_NEW(struct control_request);
    *request = (struct control_request){.client = client, .id = message->id, .rows = json_array()};
    list_append(&client->requests, &request->link);
    control_do_all(request, verb, names, !json_is_false(json_object_get(message->body, "wait")));
}

/* --- the other questions
 * ------------------------------------------------------------------------------------ */

static void control_status(struct control_client *client, const struct channel_message *message)
{
    const struct control *control = client->control;
    const struct targets *targets = control->settings.targets;
    json_t *rows = json_array();
    int socket;
    for (size_t i = 0; i < targets_count(targets); i++)
        json_array_append_new(rows, control_row(control, targets_row(targets, i, &socket)));
    json_t *keeper = control->settings.events->on_describe(control->settings.owner);
    control_answer(client, message->id,
                   json_pack("{s:o, s:o, s:o}", "keeper", keeper, "gates",
                             gates_describe(control->settings.gates), "targets", rows));
}

static void control_journal(struct control_client *client, const struct channel_message *message)
{
    const struct control *control = client->control;
    json_int_t last = json_integer_value(json_object_get(message->body, "last"));
    last = last > 0 && last < CONTROL_JOURNAL_MOST ? last : CONTROL_JOURNAL_MOST;
    const char *target = json_string_value(json_object_get(message->body, "target"));
    json_t *rows = control->settings.events->on_journal_read(control->settings.owner, target, (int)last);
    if (rows)
        control_answer(client, message->id, json_pack("{s:o}", "rows", rows));
    else
        control_refuse(client, message->id, CONTROL_EXIT_FAILED, "the journal cannot be read");
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
    case MESSAGE_CONTROL_STATUS:
        control_status(client, message);
        break;
    case MESSAGE_CONTROL_START:
        control_verb(client, message, TARGETS_START);
        break;
    case MESSAGE_CONTROL_STOP:
        control_verb(client, message, TARGETS_STOP);
        break;
    case MESSAGE_CONTROL_RESTART:
        control_verb(client, message, TARGETS_RESTART);
        break;
    case MESSAGE_CONTROL_DOWN:
        control_down(client, message);
        break;
    case MESSAGE_CONTROL_JOURNAL:
        control_journal(client, message);
        break;
    default:
        control_refuse(client, message->id, CONTROL_EXIT_USAGE, "this reeve does not know that request");
    }
}

/* --- clients
 * --------------------------------------------------------------------------------------------------- */

static void control_client_free(struct control_client *client)
{
    LIST_FOR_EACH(link, &client->requests)
    control_request_free(LIST_ENTRY(link, struct control_request, link));
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

static bool control_admits(const struct control *control, int fd)
{
    struct ucred peer = {0};
    socklen_t size = sizeof peer;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
        return false;
    return (peer.uid == 0 || peer.uid == geteuid()) && !gates_has(control->settings.gates, peer.pid) &&
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
    if (!control_admits(control, fd)) {
        log_warning(control->settings.log, "a connection to the control socket was refused");
        close(fd);
        return;
    }
    struct control_client *client = MEMORY_NEW(struct control_client);
    *client = (struct control_client){.control = control};
    client->channel = channel_new(control->settings.loop, fd, &control_client_events, client);
    if (!client->channel) {
        free(client);
        return;
    }
    list_init(&client->requests);
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
    if (connect(fd, (const struct sockaddr *)&address, sizeof address) == 0)
        return fd;
    int error = -errno;
    close(fd);
    return error;
}

static json_t *control_read_answer(struct channel_message *message)
{
    struct slice bytes;
    if (message->descriptor_count != 1 || memfd_map(message->descriptors[0], SIZE_MAX / 2, &bytes) < 0)
        return json_incref(message->body);
    json_t *answer = json_loadb(bytes.data, bytes.size, 0, NULL);
    memfd_unmap(&bytes);
    return answer;
}

int control_ask(int connection, const struct control_question *question, json_t **answer, struct error *error)
{
    *answer = NULL;
    struct channel_message message;
    int failed =
        channel_send_now(connection, question->type, 1, question->body, NULL, 0, question->timeout_ms);
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
