#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "hold/pty.h"

/* TIOCGPTPEER needs no name, so a /dev/pts of another mount namespace or a full path does not matter. */
static int pty_open_slave(int master)
{
    return ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
}

/* What the kernel gives a new terminal is what a login has; only UTF-8 is not on by itself, without which
 * erasing a character in a line takes off one byte of it. */
static int pty_set_modes(int slave)
{
    struct termios modes;
    if (tcgetattr(slave, &modes))
        return -1;
    modes.c_iflag |= IUTF8;
    return tcsetattr(slave, TCSANOW, &modes);
}

void pty_resize(const struct pty *pty, uint16_t columns, uint16_t rows)
{
    const struct winsize size = {.ws_col = columns, .ws_row = rows};
    ioctl(pty->master, TIOCSWINSZ, &size);
}

int pty_open(struct pty *pty, uint16_t columns, uint16_t rows)
{
    *pty = (struct pty){-1, -1};
    pty->master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
    if (pty->master >= 0 && grantpt(pty->master) == 0 && unlockpt(pty->master) == 0)
        pty->slave = pty_open_slave(pty->master);
    if (pty->slave >= 0 && pty_set_modes(pty->slave) == 0) {
        pty_resize(pty, columns, rows);
        return 0;
    }
    int error = errno;
    pty_close(pty);
    return -error;
}

void pty_close(struct pty *pty)
{
    if (pty->slave >= 0)
        close(pty->slave);
    if (pty->master >= 0)
        close(pty->master);
    *pty = (struct pty){-1, -1};
}
