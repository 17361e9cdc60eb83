/* The kernel gives the same number for the same inode, so a number has a list of watches, and the kernel's
 * watch goes with the last of them. A number is not used again while the instance lives (inotify(7)), so news
 * that were queued before a removal find nobody. The instance itself is opened with the first watch, and
 * again after a failure with the next. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <unistd.h>
#include <uthash.h>

#include "base/check.h"
#include "base/memory.h"

#include "tail/watches.h"

struct watched {
    UT_hash_handle hh;
    int number;
    struct list watches;
    struct list told; /* watches that have got the news being spread */
};

struct watches {
    struct loop *loop;
    struct loop_fd instance;
    struct watched *by_number;
    int spreading; /* the number whose news are being spread; 0: none */
};

struct watches *watches_new(struct loop *loop)
{
    struct watches *watches = MEMORY_NEW(struct watches);
    watches->loop = loop;
    watches->instance.fd = -1;
    return watches;
}

struct loop *watches_loop(const struct watches *watches)
{
    return watches->loop;
}

static void close_instance(struct watches *watches)
{
    int fd = watches->instance.fd;
    if (fd < 0)
        return;
    loop_fd_stop(&watches->instance);
    close(fd);
}

void watches_free(struct watches **watches)
{
    if (!*watches)
        return;
    CHECK(!(*watches)->by_number);
    close_instance(*watches);
    free(*watches);
    *watches = NULL;
}

/* --- news ---------------------------------------------------------------------------------------- */

static void move(struct list *link, struct list *to)
{
    list_remove(link);
    list_append(to, link);
}

/* A callback may remove any watch, this entry with the last of them. */
static void spread(struct watches *watches, int number, bool names)
{
    struct watched *watched;
    watches->spreading = number;
    HASH_FIND_INT(watches->by_number, &number, watched);
    while (watched && !list_empty(&watched->watches)) {
        struct watch *watch = LIST_ENTRY(watched->watches.next, struct watch, link);
        move(&watch->link, &watched->told);
        watch->on_news(watch, names);
        HASH_FIND_INT(watches->by_number, &number, watched);
    }
    while (watched && !list_empty(&watched->told))
        move(watched->told.next, &watched->watches);
    watches->spreading = 0;
}

/* News were lost: each is told. */
static void spread_to_all(struct watches *watches)
{
    size_t count = 0;
    int *numbers = MEMORY_ARRAY(int, HASH_COUNT(watches->by_number));
    struct watched *watched, *next;
    HASH_ITER(hh, watches->by_number, watched, next)
    {
        numbers[count++] = watched->number;
    }
    for (size_t i = 0; i < count; i++)
        spread(watches, numbers[i], true);
    free(numbers);
}

static void take(struct watches *watches, const struct inotify_event *event)
{
    if (event->mask & IN_Q_OVERFLOW)
        spread_to_all(watches);
    else
        spread(watches, event->wd, event->mask & ~(uint32_t)IN_MODIFY);
}

static void on_ready(struct loop_fd *instance, uint32_t events)
{
    (void)events;
    struct watches *watches = LIST_ENTRY(instance, struct watches, instance);
    _Alignas(struct inotify_event) char news[4096];
    ssize_t size;
    do {
        size = read(instance->fd, news, sizeof news);
        for (ssize_t at = 0; at < size;) {
            const struct inotify_event *event = (const struct inotify_event *)(const void *)(news + at);
            take(watches, event);
            at += (ssize_t)sizeof *event + event->len;
        }
    } while (size > (ssize_t)sizeof news / 2); /* less is all there was: what comes later wakes us again */
}

static int open_instance(struct watches *watches)
{
    if (watches->instance.fd >= 0)
        return 0;
    int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (fd < 0)
        return -errno;
    int error = loop_fd_start(watches->loop, &watches->instance, fd, EPOLLIN, on_ready);
    if (error)
        close(fd);
    return error;
}

/* --- watches ------------------------------------------------------------------------------------- */

static void join(struct watches *watches, struct watch *watch, int number)
{
    struct watched *watched;
    HASH_FIND_INT(watches->by_number, &number, watched);
    if (!watched) {
        watched = MEMORY_NEW(struct watched);
        watched->number = number;
        list_init(&watched->watches);
        list_init(&watched->told);
        HASH_ADD_INT(watches->by_number, number, watched);
    }
    /* What is being spread is older than the watch. */
    list_append(watches->spreading == number ? &watched->told : &watched->watches, &watch->link);
    watch->watches = watches;
    watch->number = number;
}

int watches_add(struct watches *watches, struct watch *watch, int fd, enum watches_kind kind,
                watch_fn *on_news)
{
    static const uint32_t masks[] = {[WATCHES_FILE] = IN_MODIFY | IN_ATTRIB | IN_MOVE_SELF,
                                     [WATCHES_LOG] = IN_MODIFY | IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM,
                                     [WATCHES_DIRECTORY] =
                                         IN_CREATE | IN_MOVED_TO | IN_ATTRIB | IN_MOVE_SELF | IN_DELETE_SELF};
    char path[64];
    watches_remove(watch);
    int error = open_instance(watches);
    if (error)
        return error;
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    int number = inotify_add_watch(watches->instance.fd, path, masks[kind] | IN_MASK_ADD);
    if (number < 0)
        return -errno;
    watch->on_news = on_news;
    join(watches, watch, number);
    return 0;
}

void watches_remove(struct watch *watch)
{
    if (!watches_has(watch))
        return;
    struct watches *watches = watch->watches;
    struct watched *watched;
    list_remove(&watch->link);
    HASH_FIND_INT(watches->by_number, &watch->number, watched);
    if (list_empty(&watched->watches) && list_empty(&watched->told)) {
        inotify_rm_watch(watches->instance.fd, watch->number);
        HASH_DEL(watches->by_number, watched);
        free(watched);
    }
    *watch = (struct watch){0};
}

bool watches_has(const struct watch *watch)
{
    return watch->watches != NULL;
}
