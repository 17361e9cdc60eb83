/* Finds; whoever asked kills, through pidfds that identity_open() has checked once more. */
#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"

#include "keep/descendants.h"
#include "keep/survivors.h"

enum { SURVIVORS_CHUNK = 16384, SURVIVORS_NEEDLE_SIZE = 128, SURVIVORS_TREE_MOST = 1024 };

struct survivors_search {
    struct survivor *found;
    int count;
    int most;
};

static const char *const survivors_why_names[] = {
    [SURVIVORS_HOLD] = "recorded hold",
    [SURVIVORS_MAIN] = "recorded main process",
    [SURVIVORS_NONCE] = "nonce",
    [SURVIVORS_DESCENDANT] = "descendant",
};

const char *survivors_why_name(enum survivors_why why)
{
    return survivors_why_names[why];
}

static void survivors_add(struct survivors_search *search, const struct identity *identity,
                          enum survivors_why why)
{
    if (identity->pid == getpid() || search->count == search->most)
        return;
    for (int i = 0; i < search->count; i++)
        if (search->found[i].identity.pid == identity->pid)
            return;
    search->found[search->count++] = (struct survivor){.identity = *identity, .why = why};
}

static void survivors_add_recorded(struct survivors_search *search, const struct identity *identity,
                                   enum survivors_why why)
{
    if (identity_alive(identity))
        survivors_add(search, identity, why);
}

/* True when the bytes of `fd` contain the needle (which begins and ends with NUL; the file is thought to
 * begin with one). Read in pieces that overlap, since an environment may have megabytes. */
static bool survivors_contains(int fd, const char *needle, size_t needle_size)
{
    char text[SURVIVORS_NEEDLE_SIZE + SURVIVORS_CHUNK] = {0};
    size_t kept = 1;
    ssize_t size;
    while ((size = read(fd, text + kept, SURVIVORS_CHUNK)) > 0) {
        size_t all = kept + (size_t)size;
        if (memmem(text, all, needle, needle_size))
            return true;
        kept = all < needle_size ? all : needle_size - 1;
        memmove(text, text + all - kept, kept);
    }
    return false;
}

static bool survivors_has_nonce(pid_t pid, const char *needle, size_t needle_size)
{
    char path[32];
    snprintf(path, sizeof path, "/proc/%d/environ", (int)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    bool has = survivors_contains(fd, needle, needle_size);
    close(fd);
    return has;
}

/* The identity is taken before the look and compared after it: what was seen is what will be signalled. */
static void survivors_check(struct survivors_search *search, pid_t pid, const char *needle,
                            size_t needle_size)
{
    struct identity identity;
    if (identity_of(pid, &identity) == 0 && survivors_has_nonce(pid, needle, needle_size))
        survivors_add_recorded(search, &identity, SURVIVORS_NONCE);
}

static void survivors_add_by_nonce(struct survivors_search *search, const char *nonce)
{
    char needle[SURVIVORS_NEEDLE_SIZE];
    int length = snprintf(needle, sizeof needle, "%cREEVE_RUN=%s", '\0', nonce);
    CHECK(length > 0 && (size_t)length < sizeof needle && nonce[0]);
    DIR *proc = opendir("/proc");
    if (!proc)
        return;
    for (struct dirent *entry = readdir(proc); entry; entry = readdir(proc))
        if (isdigit((unsigned char)entry->d_name[0]))
            survivors_check(search, (pid_t)strtol(entry->d_name, NULL, 10), needle, (size_t)length + 1);
    closedir(proc);
}

/* A process may have cleared its environment; its parentage it cannot. */
static void survivors_add_descendants(struct survivors_search *search)
{
    int roots = search->count;
    for (int i = 0; i < roots; i++) {
        pid_t pids[SURVIVORS_TREE_MOST];
        int count = descendants_of(search->found[i].identity.pid, pids, SURVIVORS_TREE_MOST);
        /* Another process by now: what is below it is none of ours. */
        if (!identity_alive(&search->found[i].identity))
            continue;
        for (int j = 1; j < count; j++) {
            struct identity identity;
            if (identity_of(pids[j], &identity) == 0)
                survivors_add(search, &identity, SURVIVORS_DESCENDANT);
        }
    }
}

int survivors_find(const struct survivors_run *run, struct survivor *found, int most)
{
    struct survivors_search search = {.found = found, .most = most};
    survivors_add_recorded(&search, &run->hold, SURVIVORS_HOLD);
    survivors_add_recorded(&search, &run->main, SURVIVORS_MAIN);
    survivors_add_by_nonce(&search, run->nonce);
    survivors_add_descendants(&search);
    return search.count;
}
