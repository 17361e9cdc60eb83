/* Names are looked at when a watch says that one has changed, and once more behind every new watch: what
 * happened before it was there tells nobody. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "base/memory.h"

#include "tail/sequence.h"
#include "tail/siblings.h"

enum {
    READS_PER_TURN = 16,
    DONE_MOST = 8,  /* old files that are kept open although nobody reads them */
    LOOKS_MOST = 8, /* directories may be made while we look for the nearest */
};

/* --- files ----------------------------------------------------------------------------------------- */

static struct sequence_file *file_of(struct list *link)
{
    return LIST_ENTRY(link, struct sequence_file, link);
}

static struct sequence_file *file_after(const struct sequence *sequence, const struct sequence_file *file)
{
    return file->link.next == &sequence->files ? NULL : file_of(file->link.next);
}

struct sequence_file *sequence_last(const struct sequence *sequence)
{
    return list_empty(&sequence->files) ? NULL : file_of(sequence->files.previous);
}

struct sequence_file *sequence_next(const struct sequence *sequence, const struct sequence_file *file)
{
    return file->done ? file_after(sequence, file) : NULL;
}

/* Takes `fd`; before `place`, which is a file's link or the list's head. */
static struct sequence_file *insert(struct sequence *sequence, struct list *place, int fd,
                                    const struct place_file *about, bool whole)
{
    struct sequence_file *file = MEMORY_NEW(struct sequence_file);
    file->sequence = sequence;
    growing_open(&file->growing, fd, about, whole);
    if (sequence->place.names)
        file->growing.names = slice_of_text(sequence->place.names);
    list_insert_before(place, &file->link);
    return file;
}

static void remove_file(struct sequence_file *file)
{
    list_remove(&file->link);
    watches_remove(&file->watch);
    growing_close(&file->growing);
    free(file);
}

/* From the oldest on: a reader of one needs all that follow it. */
void sequence_tidy(struct sequence *sequence, int64_t age_ms)
{
    int64_t since_us = loop_now_us(sequence->loop) - age_ms * 1000;
    size_t spare = 0;
    LIST_FOR_EACH(link, &sequence->files)
    {
        if (!file_of(link)->done || file_of(link)->readers > 0)
            break;
        spare++;
    }
    LIST_FOR_EACH(link, &sequence->files)
    {
        if (spare == 0 || (spare <= DONE_MOST && file_of(link)->done_us > since_us))
            break;
        remove_file(file_of(link));
        spare--;
    }
}

/* --- watching -------------------------------------------------------------------------------------- */

static void on_file(struct watch *watch, bool names)
{
    struct sequence *sequence = LIST_ENTRY(watch, struct sequence_file, watch)->sequence;
    sequence->look |= names;
    sequence->settled = false;
    sequence->events->on_news(sequence->owner);
}

static void on_folder(struct watch *watch, bool names)
{
    (void)names;
    struct sequence *sequence = LIST_ENTRY(watch, struct sequence, folder);
    sequence->look = true;
    sequence->settled = false;
    sequence->events->on_news(sequence->owner);
}

static void watch_file(struct sequence *sequence, struct sequence_file *file)
{
    if (watches_has(&file->watch))
        return;
    int error = watches_add(sequence->watches, &file->watch, file->growing.fd, WATCHES_FILE, on_file);
    if (error)
        sequence->unwatched = error;
    else
        sequence->look = true; /* it may have been renamed before it was watched */
}

static bool same_directory(int a, int b)
{
    struct stat one, other;
    return a >= 0 && b >= 0 && fstat(a, &one) == 0 && fstat(b, &other) == 0 && one.st_dev == other.st_dev &&
           one.st_ino == other.st_ino;
}

/* A directory may be made between the look and the watch: looks again until both saw the same. */
static void watch_folder(struct sequence *sequence)
{
    bool whole, same = false;
    for (int i = 0; i < LOOKS_MOST && !same; i++) {
        int nearest = place_open_nearest(&sequence->place, &whole);
        int error = nearest < 0 ? nearest
                                : watches_add(sequence->watches, &sequence->folder, nearest,
                                              WATCHES_DIRECTORY, on_folder);
        int again = place_open_nearest(&sequence->place, &whole);
        same = error || same_directory(nearest, again);
        if (error)
            sequence->unwatched = error;
        if (nearest >= 0)
            close(nearest);
        if (again >= 0)
            close(again);
    }
}

/* --- names ----------------------------------------------------------------------------------------- */

static struct sibling as_sibling(const struct sequence_file *file)
{
    return (struct sibling){.fd = file->growing.fd, .file = file->growing.file};
}

static bool has_file(const struct sequence *sequence, const struct place_file *about)
{
    bool found = false;
    LIST_FOR_EACH(link, &sequence->files)
    found |= place_same(&file_of(link)->growing.file, about);
    return found;
}

/* What was at the place between two files while nobody looked. `before` NULL: after the last. */
static void insert_between(struct sequence *sequence, const struct sequence_file *after,
                           struct sequence_file *before)
{
    struct sibling found[SIBLINGS_MOST], from = as_sibling(after), to;
    if (before)
        to = as_sibling(before);
    size_t count = siblings_between(&sequence->place, &from, before ? &to : NULL, found);
    for (size_t i = 0; i < count; i++) {
        if (has_file(sequence, &found[i].file))
            close(found[i].fd);
        else
            insert(sequence, before ? &before->link : &sequence->files, found[i].fd, &found[i].file, true);
    }
}

/* The place leads to another file than before, or for the first time to one. */
static void take_new(struct sequence *sequence, int fd, const struct place_file *about)
{
    struct sequence_file *last = sequence_last(sequence);
    struct sequence_file *file = insert(sequence, &sequence->files, fd, about, last != NULL);
    sequence->named = true;
    if (last)
        insert_between(sequence, last, file);
}

/* Nothing can be opened now: what the place leads to is not known. */
static bool is_shortage(int error)
{
    return error == -EMFILE || error == -ENFILE || error == -ENOMEM;
}

bool sequence_is_current(const struct sequence *sequence)
{
    const struct sequence_file *last = sequence_last(sequence);
    struct place_file about;
    int error = place_look(&sequence->place, &about);
    if (error)
        return !sequence->named || is_shortage(error);
    return sequence->named && place_same(&about, &last->growing.file);
}

/* Opens what the place leads to when it is not the last file. True: that file is new. */
static bool look_at_place(struct sequence *sequence)
{
    struct sequence_file *last = sequence_last(sequence);
    struct place_file about;
    int error = last ? place_look(&sequence->place, &about) : 0;
    if (is_shortage(error)) {
        sequence->unwatched = error;
        return false;
    }
    if (last && !error && place_same(&about, &last->growing.file)) {
        sequence->named = true;
        sequence->refused = 0;
        return false;
    }
    sequence->named = false;
    int fd = place_open(&sequence->place, &about);
    sequence->refused = place_is_refusal(fd) ? fd : 0;
    if (is_shortage(fd))
        sequence->unwatched = fd;
    if (fd < 0)
        return false;
    if (has_file(sequence, &about)) { /* an older one has its name again: it is read already */
        close(fd);
        return false;
    }
    take_new(sequence, fd, &about);
    return true;
}

static bool look_at_names(struct sequence *sequence)
{
    sequence->look = false;
    bool found = look_at_place(sequence);
    if (!sequence->named) {
        watch_folder(sequence);
        found = look_at_place(sequence); /* made before it was watched */
    }
    if (sequence->named)
        watches_remove(&sequence->folder);
    return found;
}

static struct sequence_file *find_known(const struct sequence *sequence, uint64_t generation)
{
    struct sequence_file *found = NULL;
    LIST_FOR_EACH(link, &sequence->files)
    {
        struct sequence_file *file = file_of(link);
        if (growing_is(&file->growing, generation))
            found = file;
    }
    return found;
}

/* A file that has another name by now takes its place among ours, by its birth: what comes between it and the
 * next one is read as well. */
static struct sequence_file *take_renamed(struct sequence *sequence, const struct sibling *found)
{
    struct list *next = sequence->files.next;
    while (next != &sequence->files && siblings_is_older(&file_of(next)->growing.file, &found->file))
        next = next->next;
    struct sequence_file *file = insert(sequence, next, found->fd, &found->file, false);
    if (file->link.previous != &sequence->files)
        insert_between(sequence, file_of(file->link.previous), file);
    insert_between(sequence, file, next == &sequence->files ? NULL : file_of(next));
    return file;
}

struct sequence_file *sequence_find(struct sequence *sequence, uint64_t generation)
{
    struct sibling found;
    struct sequence_file *file = find_known(sequence, generation);
    if (file)
        return file;
    /* One that came after ours and has gone is found in its order. */
    sequence->grew |= look_at_names(sequence);
    sequence->settled = false;
    file = find_known(sequence, generation);
    if (file || !siblings_find(&sequence->place, generation, &found))
        return file;
    if (has_file(sequence, &found.file)) {
        close(found.fd);
        return NULL;
    }
    file = take_renamed(sequence, &found);
    sequence_read(sequence);
    return find_known(sequence, generation);
}

struct sequence_file *sequence_oldest(struct sequence *sequence)
{
    struct sibling found[SIBLINGS_MOST];
    struct list *first = sequence->files.next;
    bool any = first != &sequence->files;
    size_t count = siblings_oldest(&sequence->place, any ? &file_of(first)->growing.file : NULL, found);
    for (size_t i = 0; i < count; i++) {
        if (has_file(sequence, &found[i].file))
            close(found[i].fd);
        else
            insert(sequence, first, found[i].fd, &found[i].file, false);
    }
    if (count > 0)
        sequence_read(sequence);
    return list_empty(&sequence->files) ? NULL : file_of(sequence->files.next);
}

/* --- reading --------------------------------------------------------------------------------------- */

static bool has_begun(const struct sequence_file *file)
{
    struct stat about;
    return file->growing.end > 0 || (fstat(file->growing.fd, &about) == 0 && about.st_size > 0);
}

/* Whether one that came after has begun. One that was renamed before its first line may stay empty for ever.
 */
static bool is_followed(const struct sequence *sequence, const struct sequence_file *file)
{
    const struct sequence_file *next = file_after(sequence, file);
    while (next && !has_begun(next))
        next = file_after(sequence, next);
    return next != NULL;
}

static void begin_anew(struct sequence *sequence, struct sequence_file *file)
{
    uint64_t generation = file->growing.generation;
    file->cut |= generation != 0;
    growing_restart(&file->growing);
    sequence->events->on_cut(sequence->owner, file, generation);
}

/* Reads one file on, within *left reads. */
static enum growing_result read_file(struct sequence *sequence, struct sequence_file *file, int *left)
{
    char *scratch = loop_scratch(sequence->loop);
    enum growing_result result = GROWING_MORE;
    while (result != GROWING_END && result != GROWING_FAILED && (*left)-- > 0) {
        result = growing_read(&file->growing, scratch);
        if (result == GROWING_FAILED)
            sequence->failed = errno;
        if (result == GROWING_CUT)
            begin_anew(sequence, file);
    }
    return result;
}

/* Reads on what is not done. What is seen of the next file is seen before a file is read to its end. */
static bool read_files(struct sequence *sequence)
{
    int left = READS_PER_TURN;
    bool complete = true;
    sequence->failed = 0;
    LIST_FOR_EACH(link, &sequence->files)
    {
        struct sequence_file *file = file_of(link);
        if (file->done || !complete)
            continue;
        watch_file(sequence, file);
        int64_t before = file->growing.complete;
        bool followed = is_followed(sequence, file);
        enum growing_result result = read_file(sequence, file, &left);
        complete = result == GROWING_END || result == GROWING_FAILED;
        sequence->grew |= file->growing.complete != before;
        if (result == GROWING_END && followed) {
            file->done = true;
            file->done_us = loop_now_us(sequence->loop);
            watches_remove(&file->watch);
            sequence->grew = true;
        }
    }
    return complete;
}

bool sequence_read(struct sequence *sequence)
{
    if (sequence->look) {
        sequence->unwatched = 0;
        sequence->grew |= look_at_names(sequence);
    }
    bool complete = read_files(sequence) && !sequence->look;
    sequence->settled = complete && !sequence->failed;
    return complete;
}

/* --- life ------------------------------------------------------------------------------------------ */

void sequence_open(struct sequence *sequence, const struct place *place, struct watches *watches,
                   struct loop *loop)
{
    sequence->place = (struct place){.root = fcntl(place->root, F_DUPFD_CLOEXEC, 0),
                                     .path = memory_text(place->path),
                                     .names = place->names ? memory_text(place->names) : NULL,
                                     .numbered = place->numbered,
                                     .hidden = hidden_copy(place->hidden)};
    sequence->look = true;
    sequence->watches = watches;
    sequence->loop = loop;
    list_init(&sequence->files);
}

void sequence_close(struct sequence *sequence)
{
    LIST_FOR_EACH(link, &sequence->files)
    remove_file(file_of(link));
    watches_remove(&sequence->folder);
    if (sequence->place.root >= 0)
        close(sequence->place.root);
    free((char *)(uintptr_t)sequence->place.path);
    free((char *)(uintptr_t)sequence->place.names);
    struct hidden *hidden = (struct hidden *)(uintptr_t)sequence->place.hidden;
    hidden_free(&hidden);
}
