/* Where a file is, or will be: a path below a directory that the keeper has opened. The files there belong to
 * the programs that write them, so nothing outside of the directory is reached and no symbolic link followed,
 * and only a regular file is one. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "wire/event_id.h"

#include "tail/hidden.h"

struct place {
    int root;          /* O_PATH descriptor of the directory */
    const char *path;  /* "a/b/events.jsonl": no "..", no slash at either end */
    const char *names; /* the member that names the event of a line (wire/event_name.h); NULL: none does */
    bool numbered;     /* the log of a target: older files have a number instead (wire/logline.h) */
    const struct hidden *hidden; /* below the root: not read */
};

/* What makes a file this one, and how large it was. */
struct place_file {
    dev_t device;
    struct event_id_file id;
    int64_t size;
    int64_t modified_ns; /* wall clock */
};

/* The file, for reading: a descriptor, or -errno; what is no regular file is one of place_is_refusal(). */
int place_open(const struct place *place, struct place_file *file);
/* The same of another name in the same directory; `directory` is of place_open_folder(). Knows nothing of
 * `hidden`. */
int place_open_beside(int directory, const char *name, struct place_file *file);
/* Of an open file. 0 or -errno. */
int place_identify(int fd, struct place_file *file);
/* Whether the path leads to this file now, and what it leads to. -errno when to none. */
int place_look(const struct place *place, struct place_file *file);
bool place_same(const struct place_file *a, const struct place_file *b);

/* The deepest directory of the path that is there, O_PATH; *whole: it is the one that holds the file. A
 * descriptor or -errno. */
int place_open_nearest(const struct place *place, bool *whole);
/* The directory that holds the file, to be listed. A descriptor or -errno. */
int place_open_folder(const struct place *place);
/* Whether the -errno says that something is at the place, which is not read. */
bool place_is_refusal(int error);
/* What that is, and what to do. Of an errno. */
const char *place_refusal_text(int error);
/* The path's last segment. */
const char *place_name(const struct place *place);
