#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "reeve/raw.h"

enum { RAW_NAME_SIZE = 256, RAW_PATIENCE_MS = 500 };

/* Out of any sequence; primary screen; soft reset (cursor, margins, origin, pen, charsets); wrap on; cursor
 * keys and keypad normal; no mouse, focus or bracketed paste; cursor visible and of its own shape; left to
 * right. */
const struct slice raw_reset = SLICE(
    "\x18\x1b[?1049l\x1b[?47l\x1b[!p\x1b[?7h\x1b[?1l\x1b>\x1b[?9;1000;1001;1002;1003;1004;1005;1006;1015;"
    "2004l\x1b[?5l\x1b[?25h\x1b[0 q\x1b[4l\x1b[20l\x1b(B\x0f\x1b[m");

/* XTWINOPS: onto the emulator's stack of titles and from it. A new line, since the cursor may be anywhere. */
static const struct slice raw_title_aside = SLICE("\x1b[22;0t"), raw_title_back = SLICE("\x1b[23;0t\r\n");

int raw_open(struct raw *raw)
{
    char name[RAW_NAME_SIZE];
    *raw = (struct raw){.fd = -1};
    if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
        return -ENOTTY;
    /* Opened anew: whoever shares ours is not to find it non-blocking. */
    if (ttyname_r(STDIN_FILENO, name, sizeof name) == 0)
        raw->fd = open(name, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    if (raw->fd < 0)
        raw->fd = open("/dev/tty", O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    if (raw->fd < 0)
        return -errno;
    if (tcgetattr(raw->fd, &raw->before)) {
        int error = errno;
        close(raw->fd);
        raw->fd = -1;
        return -error;
    }
    return 0;
}

void raw_again(const struct raw *raw)
{
    struct termios modes = raw->before;
    cfmakeraw(&modes);
    tcsetattr(raw->fd, TCSANOW, &modes);
}

/* As far as it can be had within a moment: a terminal that is gone or stuck must not keep us. */
static void raw_write(const struct raw *raw, struct slice bytes)
{
    struct pollfd poller = {.fd = raw->fd, .events = POLLOUT};
    while (bytes.size && poll(&poller, 1, RAW_PATIENCE_MS) == 1) {
        ssize_t size = write(raw->fd, bytes.data, bytes.size);
        if (size <= 0)
            return;
        bytes = slice_from(bytes, (size_t)size);
    }
}

void raw_enter(struct raw *raw)
{
    raw->entered = true;
    raw_write(raw, raw_title_aside);
    raw_again(raw);
}

void raw_leave(struct raw *raw)
{
    if (raw->fd < 0)
        return;
    if (raw->entered) {
        raw_write(raw, raw_reset);
        raw_write(raw, raw_title_back);
        tcsetattr(raw->fd, TCSANOW, &raw->before);
    }
    close(raw->fd);
    raw->fd = -1;
}

void raw_size(const struct raw *raw, uint16_t *columns, uint16_t *rows)
{
    struct winsize size = {0};
    ioctl(raw->fd, TIOCGWINSZ, &size);
    *columns = size.ws_col;
    *rows = size.ws_row;
}
