#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/check.h"
#include "base/utf8.h"

#include "keep/identity.h"

static ssize_t identity_read_file(const char *path, char *text, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    ssize_t count = read(fd, text, size - 1);
    int error = errno;
    close(fd);
    if (count < 0)
        return -error;
    text[count] = '\0';
    return count;
}

static void identity_read_boot(char boot[IDENTITY_BOOT_SIZE])
{
    ssize_t size = identity_read_file("/proc/sys/kernel/random/boot_id", boot, IDENTITY_BOOT_SIZE);
    if (size < 0)
        boot[0] = '\0';
}

/* One number of /proc/PID/stat, counted as proc(5) does. The name in it may hold blanks and brackets: fields
 * are counted from the last ')'. */
static int identity_read_field(pid_t pid, int wanted, uint64_t *number)
{
    enum { STATE_FIELD = 3 };
    char path[32], stat[1024];
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    ssize_t size = identity_read_file(path, stat, sizeof stat);
    if (size < 0)
        return size == -ENOENT ? -ESRCH : (int)size;
    char *at = strrchr(stat, ')');
    if (!at || at[1] != ' ' || at[2] == 'Z' || at[2] == 'X')
        return -ESRCH;
    at += 2;
    for (int field = STATE_FIELD; field < wanted; field++) {
        at = strchr(at, ' ');
        if (!at)
            return -EPROTO;
        at++;
    }
    *number = strtoull(at, NULL, 10);
    return 0;
}

int identity_of(pid_t pid, struct identity *identity)
{
    *identity = (struct identity){.pid = pid};
    enum { START_FIELD = 22 };
    int error = identity_read_field(pid, START_FIELD, &identity->start_time);
    if (error)
        return error;
    identity_read_boot(identity->boot);
    return 0;
}

char identity_state(const struct identity *identity)
{
    char path[32], stat[1024];
    snprintf(path, sizeof path, "/proc/%d/stat", (int)identity->pid);
    if (!identity_alive(identity) || identity_read_file(path, stat, sizeof stat) < 0)
        return '?';
    const char *at = strrchr(stat, ')');
    return at && at[1] == ' ' && at[2] ? at[2] : '?';
}

bool identity_alive(const struct identity *identity)
{
    struct identity now;
    return identity->pid > 0 && identity_of(identity->pid, &now) == 0 &&
           now.start_time == identity->start_time && strcmp(now.boot, identity->boot) == 0;
}

int identity_open(const struct identity *identity)
{
    if (identity->pid <= 0)
        return -ESRCH;
    int pidfd = (int)syscall(SYS_pidfd_open, identity->pid, 0);
    if (pidfd < 0)
        return -errno;
    /* Checked after opening: what the pidfd holds cannot change any more. */
    if (identity_alive(identity))
        return pidfd;
    close(pidfd);
    return -ESRCH;
}

int identity_signal(int pidfd, int signo)
{
    return syscall(SYS_pidfd_send_signal, pidfd, signo, NULL, 0) < 0 ? -errno : 0;
}

void identity_nonce(char nonce[IDENTITY_NONCE_SIZE])
{
    unsigned char random[(IDENTITY_NONCE_SIZE - 1) / 2];
    CHECK(getrandom(random, sizeof random, 0) == (ssize_t)sizeof random);
    for (size_t i = 0; i < sizeof random; i++)
        snprintf(nonce + 2 * i, 3, "%02x", random[i]);
}

char *identity_command(pid_t pid, char text[IDENTITY_COMMAND_SIZE])
{
    char path[32];
    snprintf(path, sizeof path, "/proc/%d/cmdline", (int)pid);
    ssize_t size = identity_read_file(path, text, IDENTITY_COMMAND_SIZE);
    if (size <= 0) {
        snprintf(path, sizeof path, "/proc/%d/comm", (int)pid);
        size = identity_read_file(path, text, IDENTITY_COMMAND_SIZE);
    }
    if (size <= 0)
        snprintf(text, IDENTITY_COMMAND_SIZE, "?");
    for (ssize_t i = 0; i + 1 < size; i++)
        if ((unsigned char)text[i] < ' ')
            text[i] = ' ';
    if (size > 0 && text[size - 1] == '\n')
        text[size - 1] = '\0';
    return utf8_clean(text);
}

pid_t identity_parent(pid_t pid)
{
    enum { PARENT_FIELD = 4 };
    uint64_t parent;
    return identity_read_field(pid, PARENT_FIELD, &parent) == 0 ? (pid_t)parent : 0;
}

uid_t identity_user(pid_t pid)
{
    char path[32];
    snprintf(path, sizeof path, "/proc/%d", (int)pid);
    struct stat about;
    return stat(path, &about) == 0 ? about.st_uid : (uid_t)-1;
}
