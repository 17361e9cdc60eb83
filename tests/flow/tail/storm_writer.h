/* One writer: appends, in pieces if it likes, to a file that others make, rename and delete. */
#pragma once

#include <errno.h>
#include <fcntl.h>

#include "storm_calls.h"

static void storm_pass_tick(void)
{
    storm.file_ns += STORM_TICK_NS;
}

static void storm_touch(void)
{
    int i = storm_inode(storm.files[storm.file].inode);
    storm.changed[i] = storm.file_ns;
}

static void storm_write(const char *bytes, size_t size)
{
    CHECK(write(storm.fd, bytes, size) == (ssize_t)size);
    storm_touch();
}

/* A fresh inode's times; a deleted file's inode may be used again. */
static void storm_created(ino_t inode)
{
    int i = storm_inode(inode);
    if (i < 0) {
        CHECK(storm.inode_count < STORM_INODES);
        i = storm.inode_count++;
        storm.inodes[i] = inode;
    }
    storm.born[i] = storm.changed[i] = storm.file_ns;
}

static void storm_create(unsigned argument)
{
    struct stat about;
    (void)argument;
    if (storm.current)
        return;
    storm_pass_tick();
    int fd = openat(storm.folder, "events.jsonl", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    CHECK(fd >= 0 && fstat(fd, &about) == 0);
    CHECK(storm.file_count < STORM_FILES);
    storm.current = ++storm.file_count;
    storm_created(about.st_ino);
    storm.files[storm.current] = (struct storm_file){.inode = about.st_ino, .name = "events.jsonl"};
    STORM_SAY("  file %d is made\n", storm.current);
    close(fd);
}

static void storm_open(void)
{
    storm_create(0);
    storm.fd = openat(storm.folder, "events.jsonl", O_WRONLY | O_APPEND | O_CLOEXEC);
    CHECK(storm.fd >= 0);
    storm.file = storm.current;
    STORM_SAY("  writer opens file %d\n", storm.file);
}

/* "N xx N": no EVENT_ID_CHECKED bytes are the same twice, else a cut could not be told. */
static void storm_make_line(unsigned pad)
{
    static const unsigned sizes[16] = {0, 1, 2, 3, 4, 5, 6, 7, 0, 1, 2, 3, 4, 60, 200, 33000};
    char mark[24];
    if (storm.line_count >= STORM_LINES)
        return;
    int n = ++storm.line_count;
    storm.lines[n] = (struct storm_line){.file = storm.file};
    size_t size = (size_t)snprintf(storm.rest, sizeof storm.rest, "%d ", n), end = size + sizes[pad % 16];
    size_t mark_size = (size_t)snprintf(mark, sizeof mark, "%x.", ++storm.made);
    for (; size < end; size += mark_size)
        memcpy(storm.rest + size, mark, mark_size);
    storm.rest_size = size + (size_t)snprintf(storm.rest + size, 24, " %d\n", n);
    storm.torn = 0;
}

static void storm_put(size_t size)
{
    storm_pass_tick();
    if (size > storm.rest_size)
        size = storm.rest_size;
    storm_write(storm.rest, size);
    storm.torn += (int)size;
    memmove(storm.rest, storm.rest + size, storm.rest_size - size);
    storm.rest_size -= size;
    STORM_SAY("  writer: line %d, %zu bytes%s, file %d\n", storm.line_count, size,
              storm.rest_size ? " torn" : "", storm.file);
    if (storm.rest_size == 0)
        storm.torn = 0;
}

static void storm_finish(void)
{
    if (storm.rest_size)
        storm_put(storm.rest_size);
}

static void storm_append(unsigned argument)
{
    storm_finish();
    for (unsigned i = 0; i <= argument % 3; i++) {
        if (storm.line_count >= STORM_LINES - 2)
            return;
        storm_make_line(argument / 3);
        storm_put(SIZE_MAX);
    }
}

static void storm_tear(unsigned argument)
{
    if (storm.rest_size == 0)
        storm_make_line(argument / 16);
    if (storm.rest_size > 1)
        storm_put(1 + (size_t)argument % (storm.rest_size < 256 ? storm.rest_size - 1 : 255));
}

static void storm_rename_to(struct storm_file *file, int number)
{
    char name[48];
    snprintf(name, sizeof name, "events.jsonl.%d", number);
    CHECK(renameat(storm.folder, file->name, storm.folder, name) == 0);
    STORM_SAY("  rename %s %s\n", file->name, name);
    memcpy(file->name, name, sizeof name);
}

static void storm_reopen(unsigned argument)
{
    (void)argument;
    if (storm.current == storm.file)
        return;
    storm_finish();
    close(storm.fd);
    storm_open();
}
