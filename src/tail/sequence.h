/* The files that follow one another at a place, oldest first: those that were renamed away and are still
 * read, and the one that is there.
 *
 * A file is done when the next one has its first byte and it has been read to its end after that was seen:
 * with one writer, nothing is added to it any more. Every file that is not done is watched; while the place
 * leads to none of ours, so is the nearest directory on the way. What cannot be watched is looked at when its
 * owner calls sequence_read() anyway. */
#pragma once

#include "tail/growing.h"
#include "tail/watches.h"

struct sequence;

struct sequence_file {
    struct list link;
    struct sequence *sequence;
    struct growing growing;
    struct watch watch;
    bool done;
    bool cut;         /* lines that were read of it are not there any more */
    int64_t done_us;  /* since when */
    unsigned readers; /* counted by the owner: the file stays open for them */
};

struct sequence_events {
    /* Something has happened there: call sequence_read() soon. From the loop. */
    void (*on_news)(void *owner);
    /* What was read of the file is not there any more; it has begun anew. `generation` was that of the places
     * in it; 0: it had no line. From inside sequence_read(). */
    void (*on_cut)(void *owner, struct sequence_file *file, uint64_t generation);
};

struct sequence {
    struct place place; /* all of it is ours */
    struct list files;
    bool named;    /* the place leads to the last file */
    bool look;     /* the names are to be looked at again */
    int refused;   /* -errno: what is at the place is not read (tail/place.h) */
    int unwatched; /* 0: everything is watched; -errno: why something is not */
    int failed;    /* 0, or an errno: a file could not be read when it was last tried */
    bool settled;  /* nothing was left to read when it was last called */
    bool grew; /* there are new whole lines, or a new file; its owner tells its readers and sets it back */
    struct watch folder;
    struct watches *watches;
    struct loop *loop;
    const struct sequence_events *events;
    void *owner;
};

/* Copies the place. Nothing is opened before sequence_read(). */
void sequence_open(struct sequence *sequence, const struct place *place, struct watches *watches,
                   struct loop *loop);
void sequence_close(struct sequence *sequence);

/* Looks at what has changed and reads a bounded piece. False: there is more, call again; with `failed`, after
 * a while. */
bool sequence_read(struct sequence *sequence);
/* Whether the place still leads where it did when the names were last looked at; reads nothing. */
bool sequence_is_current(const struct sequence *sequence);
/* Closes old files that nobody reads or is on the way to: all but a few, and each after `age_ms`. */
void sequence_tidy(struct sequence *sequence, int64_t age_ms);

/* NULL: none. */
struct sequence_file *sequence_last(const struct sequence *sequence);
/* The oldest file that is still there, of a numbered place; NULL: there is none. Reads on when it is new. */
struct sequence_file *sequence_oldest(struct sequence *sequence);
/* What comes after a file, once that is done; NULL: nothing yet. */
struct sequence_file *sequence_next(const struct sequence *sequence, const struct sequence_file *file);
/* The file with this generation: one of ours, or one that was renamed before we looked and is ours now, which
 * is then read on. NULL: there is none. */
struct sequence_file *sequence_find(struct sequence *sequence, uint64_t generation);
