/* The terminal of a run: a pseudo-terminal for the program, its screen as data, and the viewers of it.
 *
 * Output is taken as fast as the program writes it, whoever watches; work per wake is bounded, so that
 * viewers' input is heard within moments under a flood of output. What the program asks a terminal is
 * answered here, whether somebody watches or not. */
#pragma once

#include "base/buffer.h"
#include "loop/loop.h"
#include "wire/hold_terminal.h"

struct tty;

struct tty_events {
    /* Size and viewers, or what a viewer did. False: nobody is there to hear it. */
    bool (*on_news)(void *owner, const struct hold_terminal_news *news);
    void *owner;
};

/* Opens the terminal. NULL with errno set when the system gives none. `terminal` is borrowed. */
struct tty *tty_new(struct loop *loop, const struct hold_terminal *terminal, const struct tty_events *events);
/* The program's end of it; stays the tty's. */
int tty_slave(const struct tty *tty);
/* Takes `fd`, the hold's end of a link. The viewer's number; -EUSERS when too many watch already; -EPIPE
 * after tty_finish(); or another -errno. `fd` is closed then. */
int64_t tty_attach(struct tty *tty, int fd, const struct hold_terminal_attach *attach);
/* A keeper is there: tells it what is so, and what it has not heard of. */
void tty_tell(struct tty *tty);
/* The program and what it left behind are gone: takes what they still wrote, and tells viewers `sentence`. Of
 * the screen the last rows that are not empty are appended to `rows`, each with a newline. */
void tty_finish(struct tty *tty, const char *sentence, struct buffer *rows);
/* After tty_finish(): no viewer waits for anything any more. */
bool tty_is_told(const struct tty *tty);
void tty_free(struct tty **tty);
