/* The user's own terminal, lent to a program elsewhere: raw, and as it was before whatever happens. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <termios.h>

#include "base/slice.h"

struct raw {
    int fd; /* non-blocking, an open file of its own; -1: none */
    struct termios before;
    bool entered;
};

/* Opens the terminal that standard input and output are. 0; -ENOTTY (they are none); or another -errno. */
int raw_open(struct raw *raw);
/* Makes it raw; again after the process was stopped and goes on. The title is put aside. */
void raw_enter(struct raw *raw);
void raw_again(const struct raw *raw);
/* Puts modes back, of the line and of the screen if it was entered, and closes it. */
void raw_leave(struct raw *raw);
/* Its size; 0 when unknown. */
void raw_size(const struct raw *raw, uint16_t *columns, uint16_t *rows);
/* What puts the modes of an emulator back that a program may have changed. */
extern const struct slice raw_reset;
