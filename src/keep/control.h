/* The control socket: how the command reaches the keeper (MESSAGE_CONTROL_* of wire/message.h). What may be
 * asked is keep/operations'.
 *
 * Admits uid 0 and our own uid, never a gate or a password helper. Requests are hostile until checked. */
#pragma once

#include "base/log.h"
#include "loop/loop.h"
#include "wire/message.h"

#include "keep/gates.h"
#include "keep/operations.h"
#include "keep/viewings.h"

struct control;

struct control_events {
    /* {name, pid, version, config, state, phase, ...}; a new reference. */
    json_t *(*on_describe)(void *owner);
    void (*on_down)(void *owner, bool now);
    /* Whether it is a process of ours that reads what comes over the network: it is not let in. */
    bool (*is_exposed)(void *owner, pid_t pid);
};

struct control_settings {
    struct loop *loop;
    const struct log *log;
    const char *runtime_directory;
    struct operations *operations;
    struct viewings *viewings;
    const struct control_events *events;
    void *owner;
};

/* "RUNTIME/control.sock". Fresh memory. */
char *control_path(const char *runtime_directory);
/* Listens. NULL with the text. */
struct control *control_new(const struct control_settings *settings, struct error *error);
/* Cuts all clients, removes the socket. */
void control_free(struct control **control);

/* --- the other end, for the command and for a second keeper (blocking, no loop)
 * ------------------------------ */

/* Connects. The descriptor, or -errno (ENOENT, ECONNREFUSED: nobody there; EAGAIN: it accepts nothing). */
int control_connect(const char *runtime_directory);
struct control_question {
    enum message_type type;
    json_t *body;           /* the reference is taken; NULL: {} */
    int timeout_ms;         /* -1: for ever */
    const int *descriptors; /* borrowed */
    int descriptor_count;
};

/* Asks and waits for the answer: 0 with a new reference in *answer (memfd answers are read), or the exit
 * code of an ERROR with its text, or -errno (-ETIMEDOUT, -EPIPE: the keeper has gone). */
int control_ask(int connection, const struct control_question *question, json_t **answer,
                struct error *error);
