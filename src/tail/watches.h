/* News of files and directories by inotify(7): one instance for all of a process, any number of watches.
 *
 * Instances and watches are counted per user and may be used up: then watches_add() says so and its owner
 * looks by itself from time to time. */
#pragma once

#include "loop/loop.h"

struct watches;
struct watch;

/* Something has happened there, `names`: not only that a file has grown or was cut. Fires from the loop; may
 * add and remove any watch. */
typedef void watch_fn(struct watch *watch, bool names);

/* In its owner's object; all zero: watches nothing. */
struct watch {
    struct list link;
    int number; /* the kernel's */
    struct watches *watches;
    watch_fn *on_news;
};

enum watches_kind {
    WATCHES_FILE,      /* it grows, is cut, loses a name */
    WATCHES_LOG,       /* a directory: files in it grow, names appear in it or leave it */
    WATCHES_DIRECTORY, /* a name appears in it, or access to what is in it changes; it loses its own name */
};

/* Opens nothing yet. */
struct watches *watches_new(struct loop *loop);
struct loop *watches_loop(const struct watches *watches);
/* Nothing is watched any more. */
void watches_free(struct watches **watches);

/* Watches what `fd` (which O_PATH may have opened) is; the descriptor is not needed afterwards. A watch that
 * watches is moved. 0, or -errno: EMFILE, ENOSPC or ENOMEM when inotify is used up, EACCES when it may not be
 * read. */
int watches_add(struct watches *watches, struct watch *watch, int fd, enum watches_kind kind,
                watch_fn *on_news);
void watches_remove(struct watch *watch);
bool watches_has(const struct watch *watch);
