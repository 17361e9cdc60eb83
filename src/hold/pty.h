/* A pseudo-terminal for the program (pty(7)). */
#pragma once

#include <stdint.h>

struct pty {
    int master; /* non-blocking */
    int slave;  /* for the program; kept open here as well, so that a program that closes its terminal for a
                   while is no end of it */
};

/* Opens a pair of this size, owned by the caller's user, with a shell's usual settings and UTF-8 input.
 * 0 or -errno, with both descriptors -1. */
int pty_open(struct pty *pty, uint16_t columns, uint16_t rows);
/* The foreground process group gets SIGWINCH if the size is another one. */
void pty_resize(const struct pty *pty, uint16_t columns, uint16_t rows);
void pty_close(struct pty *pty);
