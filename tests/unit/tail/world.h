/* A folder with a growing file, a clock moved by hand, and readers that keep what their clients get.
 * Header-only. */
#pragma once

#include "../support.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>

#include "base/memory.h"
#include "tail/tail.h"

enum { NAME = 256 };

struct fixture {
    char path[32];
    int folder;
    struct fake_clock clock;
    struct loop *loop;
    struct tail_group *group;
    struct place place;
    int degraded;
    int refused, refusals; /* the last one that was told (an errno), and how many */
};

static inline void on_degraded(void *owner, int error)
{
    ((struct fixture *)owner)->degraded = error;
}

static inline void on_refused(void *owner, const char *path, int error)
{
    struct fixture *fixture = owner;
    assert_string_equal(path, fixture->place.path);
    fixture->refused = error;
    fixture->refusals++;
}

static inline int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    snprintf(fixture->path, sizeof fixture->path, "/tmp/tail-XXXXXX");
    assert_non_null(mkdtemp(fixture->path));
    fixture->folder = open(fixture->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    fixture->clock = (struct fake_clock)FAKE_CLOCK(1000000);
    fixture->loop = loop_new(&fixture->clock.clock);
    fixture->group = tail_group_new(&(struct tail_group_settings){
        .loop = fixture->loop, .on_degraded = on_degraded, .on_refused = on_refused, .owner = fixture});
    fixture->place = (struct place){.root = fixture->folder, .path = "events.jsonl"};
    *state = fixture;
    return 0;
}

static inline void remove_all(int folder)
{
    DIR *listing = fdopendir(openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    for (struct dirent *entry; (entry = readdir(listing));) {
        if (entry->d_name[0] != '.' && unlinkat(folder, entry->d_name, 0) && errno == EISDIR) {
            int inner = openat(folder, entry->d_name, O_PATH | O_DIRECTORY | O_CLOEXEC);
            remove_all(inner);
            close(inner);
            unlinkat(folder, entry->d_name, AT_REMOVEDIR);
        }
    }
    closedir(listing);
}

static inline int tear_down(void **state)
{
    struct fixture *fixture = *state;
    tail_group_free(&fixture->group);
    loop_free(&fixture->loop);
    remove_all(fixture->folder);
    close(fixture->folder);
    assert_int_equal(rmdir(fixture->path), 0);
    free(fixture);
    return 0;
}

/* --- files ----------------------------------------------------------------------------------------- */

static inline int open_file(const struct fixture *fixture, const char *name)
{
    int fd = openat(fixture->folder, name, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    return fd;
}

static inline void write_to(int fd, const char *text)
{
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
}

static inline void append(const struct fixture *fixture, const char *text)
{
    int fd = open_file(fixture, "events.jsonl");
    write_to(fd, text);
    close(fd);
}

static inline void move_to(const struct fixture *fixture, const char *name)
{
    assert_int_equal(renameat(fixture->folder, "events.jsonl", fixture->folder, name), 0);
}

static inline void cut(const struct fixture *fixture)
{
    int fd = openat(fixture->folder, "events.jsonl", O_WRONLY | O_TRUNC | O_CLOEXEC);
    assert_true(fd >= 0);
    close(fd);
}

/* --- time ------------------------------------------------------------------------------------------ */

static inline void pass(struct fixture *fixture, int64_t ms)
{
    for (int64_t i = 0; i < ms; i++) {
        fixture->clock.now_us += 1000;
        turn_here(fixture->loop);
    }
}

/* What is new is read by now. */
static inline void settle(struct fixture *fixture)
{
    turn_here(fixture->loop);
    pass(fixture, TAIL_PACE_MS + 1);
}
