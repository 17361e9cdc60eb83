/* Follows a target's output, log/NAME/: every record once, in order, whatever is rotated meanwhile.
 *
 * The files are those of wire/logline.h: current.jsonl grows, rotation renames it to the next number, the
 * oldest numbers are deleted. The directory belongs to the run's user, so only regular files are opened, and
 * no symbolic link is followed. A torn line waits for its newline; a line beyond the longest record is
 * dropped. A file cut short is read from its beginning. */
#pragma once

#include "base/slice.h"
#include "tail/watches.h"

struct follow;

/* One record without its newline; valid during the call. follow_stop() may be called. */
typedef void follow_line_fn(void *owner, struct slice record);

enum follow_from {
    FOLLOW_FROM_START, /* everything that is there, then what comes */
    FOLLOW_FROM_END,   /* only what comes */
};

/* `directory` stays the caller's (O_PATH will do). Lines come from the loop of `watches` only. NULL with
 * errno when the directory cannot be watched; where inotify(7) is used up it is looked at every
 * FOLLOW_POLL_MS instead. */
enum { FOLLOW_POLL_MS = 500 };
struct follow *follow_start(struct watches *watches, int directory, enum follow_from from,
                            follow_line_fn *on_line, void *owner);
void follow_stop(struct follow **follow);

/* --- without a loop ---------------------------------------------------------------------------------------
 *
 * Lines come only from follow_more(); it may not be stopped from its callback before it is attached. */

/* From the beginning. NULL with errno. */
struct follow *follow_open(int directory, follow_line_fn *on_line, void *owner);
/* Gives the next piece: one read of each file that has something new. False when all that is there has been
 * given. Attached, it may be called to have at once what the loop would bring. */
bool follow_more(struct follow *follow);
/* Goes on from the loop with what comes, as after follow_start(). 0, or -errno and it is as it was. */
int follow_attach(struct follow *follow, struct watches *watches);

/* Everything that is there now, in order. 0 or -errno. */
int follow_read(int directory, follow_line_fn *on_line, void *owner);
