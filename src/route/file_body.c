/* A fast client must not keep the loop to itself: after 512 KiB the others get their turn. */
#include <errno.h>
#include <unistd.h>

#include "route/file_body.h"

enum { PER_TURN = 512 * 1024 };

struct file_body {
    struct exchange *exchange;
    struct loop_task next_turn;
    int fd;
    int64_t offset;
    int64_t left;
};

static void stop(struct file_body *body)
{
    loop_task_stop(&body->next_turn);
    close(body->fd);
}

static void on_next_turn(struct loop_task *task);

static void send_some(struct file_body *body)
{
    size_t budget = PER_TURN;
    while (body->left > 0 && budget > 0) {
        size_t size = (size_t)body->left < budget ? (size_t)body->left : budget;
        ssize_t sent = exchange_write_file(body->exchange, body->fd, &body->offset, size);
        if (sent == -EAGAIN || sent == -EPIPE) /* on_room or on_gone follows */
            return;
        if (sent <= 0) {
            stop(body);
            exchange_fail(body->exchange);
            return;
        }
        body->left -= sent;
        budget -= (size_t)sent;
    }
    if (body->left > 0) {
        loop_task_start(exchange_loop(body->exchange), &body->next_turn, on_next_turn);
        return;
    }
    stop(body);
    exchange_end(body->exchange);
}

static void on_next_turn(struct loop_task *task)
{
    send_some(LIST_ENTRY(task, struct file_body, next_turn));
}

static void on_room(void *owner)
{
    send_some(owner);
}

static void on_gone(void *owner)
{
    stop(owner);
}

void file_body_send(struct exchange *exchange, int fd, const struct range *part)
{
    static const struct exchange_events events = {.on_room = on_room, .on_gone = on_gone};
    bool nothing = part->size == 0 || exchange_request(exchange)->head->method == HTTP1_HEAD;
    struct file_body *body = nothing ? NULL : arena_new(exchange_arena(exchange), sizeof *body);
    if (!body) {
        close(fd);
        if (nothing)
            exchange_end(exchange);
        else
            exchange_fail(exchange);
        return;
    }
    *body = (struct file_body){
        .exchange = exchange, .fd = fd, .offset = (int64_t)part->start, .left = (int64_t)part->size};
    exchange_set_events(exchange, &events, body);
    send_some(body);
}
