/* A walk through /proc/PID/task/TID/children, which costs by the size of the family and not of the machine; a
 * kernel without these files gets a scan of all processes.
 *
 * A pid read there may be another process a moment later. So it is opened as a pidfd first, then its parent
 * is looked at again: if that is still one of ours, the pidfd is of one of ours, and the pidfd is what is
 * signalled. */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/memory.h"

#include "hold/family.h"

enum { FAMILY_MOST = 1 << 17, FAMILY_PASSES = 16, FAMILY_PATH_SIZE = 64 };

/* One found process and the parent that it was found under. */
struct family_link {
    pid_t pid;
    pid_t parent;
};

struct family_list {
    struct family_link *links;
    size_t count;
};

static void family_add(struct family_list *list, pid_t pid, pid_t parent)
{
    if (list->count == FAMILY_MOST)
        return;
    if ((list->count & (list->count - 1)) == 0) /* 0 and powers of two: full */
        list->links = memory_resize(list->links, (list->count ? list->count * 2 : 1) * sizeof *list->links);
    list->links[list->count++] = (struct family_link){.pid = pid, .parent = parent};
}

/* --- one process --------------------------------------------------------------------------------- */

static ssize_t family_read(const char *path, char *text, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    ssize_t length = read(fd, text, size - 1);
    close(fd);
    if (length >= 0)
        text[length] = 0;
    return length;
}

/* Field `number` of /proc/PID/stat, counted from 3 (proc(5)); 0 when it is no plain number. */
static uint64_t family_field(struct slice fields, int number)
{
    struct slice field = {0};
    for (int at = 3; at <= number; at++)
        if (!slice_next(&fields, ' ', &field))
            return 0;
    uint64_t value = 0;
    return slice_to_u64(field, &value) ? value : 0;
}

bool family_member(pid_t pid, struct family_member *member)
{
    char path[FAMILY_PATH_SIZE], text[512];
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    ssize_t size = family_read(path, text, sizeof text);
    const char *name_end = size > 0 ? strrchr(text, ')') : NULL; /* the name before it may hold anything */
    if (!name_end || name_end + 2 >= text + size)
        return false;
    struct slice fields = slice_of(name_end + 2, (size_t)(text + size - name_end) - 2);
    *member = (struct family_member){
        .pid = pid,
        .state = fields.data[0],
        .parent = (pid_t)family_field(fields, 4),
        .group = (pid_t)family_field(fields, 5),
        .threads = (int64_t)family_field(fields, 20),
        .start_time = (int64_t)family_field(fields, 22),
        .ignored = family_field(fields, 33),
    };
    return true;
}

/* --- who is there -------------------------------------------------------------------------------- */

/* Adds the children of one thread. False when the file cannot be read. */
static bool family_add_children(struct family_list *list, pid_t pid, pid_t thread)
{
    char path[FAMILY_PATH_SIZE];
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)pid, (int)thread);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    char text[1024];
    int64_t number = 0;
    for (ssize_t size; (size = read(fd, text, sizeof text)) > 0;)
        for (ssize_t i = 0; i < size; i++) {
            if (isdigit((unsigned char)text[i])) {
                number = number * 10 + (text[i] - '0');
                continue;
            }
            if (number > 0 && number <= INT_MAX)
                family_add(list, (pid_t)number, pid);
            number = 0;
        }
    close(fd);
    return true;
}

/* Calls each numeric name in `path`. */
static void family_each_number(const char *path, void (*visit)(void *owner, pid_t number), void *owner)
{
    DIR *directory = opendir(path);
    const struct dirent *entry;
    while (directory && (entry = readdir(directory))) {
        uint64_t number = 0;
        if (slice_to_u64(slice_of_text(entry->d_name), &number) && number <= INT_MAX)
            visit(owner, (pid_t)number);
    }
    if (directory)
        closedir(directory);
}

struct family_threads {
    struct family_list *list;
    pid_t pid;
};

static void family_visit_thread(void *owner, pid_t thread)
{
    const struct family_threads *threads = owner;
    family_add_children(threads->list, threads->pid, thread);
}

static void family_walk(struct family_list *list)
{
    for (size_t at = 0; at < list->count; at++) {
        struct family_threads threads = {.list = list, .pid = list->links[at].pid};
        struct family_member member;
        if (!family_member(threads.pid, &member))
            continue;
        if (member.threads == 1 && family_add_children(list, threads.pid, threads.pid))
            continue;
        char path[FAMILY_PATH_SIZE];
        snprintf(path, sizeof path, "/proc/%d/task", (int)threads.pid);
        family_each_number(path, family_visit_thread, &threads);
    }
}

static void family_visit_process(void *owner, pid_t pid)
{
    struct family_member member;
    if (family_member(pid, &member))
        family_add(owner, pid, member.parent);
}

/* For a kernel without the children files. */
static void family_scan(struct family_list *list)
{
    struct family_list all = {0};
    family_each_number("/proc", family_visit_process, &all);
    for (size_t at = 0; at < list->count; at++) {
        pid_t parent = list->links[at].pid;
        for (size_t i = 0; i < all.count; i++)
            if (all.links[i].parent == parent)
                family_add(list, all.links[i].pid, parent);
    }
    free(all.links);
}

/* Every descendant, parents before their children; [0] is this process. */
static struct family_list family_list(void)
{
    struct family_list list = {0};
    char path[FAMILY_PATH_SIZE];
    snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
    family_add(&list, getpid(), 0);
    if (access(path, R_OK) == 0)
        family_walk(&list);
    else
        family_scan(&list);
    return list;
}

/* --- signals ------------------------------------------------------------------------------------- */

/* 1: alive and signalled (or left out), 0: gone, dead or not ours any more, -1: not permitted. */
static int family_signal_one(const struct family_link *link, int signo, pid_t except)
{
    int pidfd = (int)syscall(SYS_pidfd_open, link->pid, 0);
    if (pidfd < 0)
        return 0;
    struct family_member member;
    bool ours = family_member(link->pid, &member) && member.state != 'Z' && member.state != 'X' &&
                (member.parent == link->parent || member.parent == getpid());
    int result = ours;
    if (ours && signo && !(except && member.group == except) &&
        syscall(SYS_pidfd_send_signal, pidfd, signo, NULL, 0))
        result = errno == EPERM ? -1 : 0;
    close(pidfd);
    return result;
}

static struct family_count family_pass(int signo, pid_t except)
{
    struct family_list list = family_list();
    struct family_count count = {0};
    for (size_t i = 1; i < list.count; i++) {
        int result = family_signal_one(&list.links[i], signo, except);
        count.found += result != 0;
        count.denied += result < 0;
    }
    free(list.links);
    return count;
}

/* A process that SIGKILL has reached cannot fork any more, so passes over a family that forks faster than one
 * pass walks find fewer and fewer. */
struct family_count family_signal(int signo, pid_t except)
{
    struct family_count count = family_pass(signo, except);
    for (int pass = 1; signo == SIGKILL && count.found > count.denied && pass < FAMILY_PASSES; pass++) {
        struct family_count again = family_pass(signo, except);
        if (again.found <= again.denied || again.found == count.found)
            return again;
        count = again;
    }
    return count;
}

bool family_gone(void)
{
    siginfo_t info;
    return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0 && errno == ECHILD;
}
