/* What happens to the file, and who must not miss it: a gate that did not have a file, or knew of no line in
 * it, cannot tell that it is gone. */
#pragma once

#include "storm_writer.h"

static const struct sequence *storm_sequence(int gate)
{
    for (int i = 0; i < STORM_CLIENTS; i++) {
        const struct storm_client *client = &storm.clients[i];
        if (client->joined && client->gate == gate && client->reader.file)
            return client->reader.file->sequence;
    }
    return NULL;
}

static const struct sequence_file *storm_has(int gate, const struct storm_file *file)
{
    const struct sequence *sequence = storm_sequence(gate);
    const struct sequence_file *found = NULL;
    if (!sequence)
        return NULL;
    LIST_FOR_EACH(link, &sequence->files)
    {
        const struct sequence_file *has = LIST_ENTRY(link, struct sequence_file, link);
        if (has->growing.file.id.inode == file->inode)
            found = has;
    }
    return found;
}

/* Whether a gate knows that there were lines. */
static bool storm_knows(int gate, const struct storm_file *file)
{
    const struct sequence_file *has = storm_has(gate, file);
    return has && has->growing.generation;
}

/* A step inside of a gate's turn comes before or after it has opened the file: it need not have it. */
static void storm_delete(struct storm_file *file)
{
    if (!(storm.mode & STORM_DELETES) || !file->name[0])
        return;
    storm_pass_tick();
    CHECK(unlinkat(storm.folder, file->name, 0) == 0);
    STORM_SAY("  delete %s (file %d)\n", file->name, (int)(file - storm.files));
    file->name[0] = '\0';
    if (file == &storm.files[storm.current])
        storm.current = 0;
    storm.lossy++;
    for (int gate = 0; gate < STORM_GATES; gate++)
        file->excused[gate] = !storm_has(gate, file);
}

static void storm_delete_old(unsigned argument)
{
    int count = storm.file_count - 1;
    for (int i = 0; i < count; i++) {
        int at = 1 + (int)(argument + (unsigned)i) % count;
        if (at == storm.file || at == storm.current || !storm.files[at].name[0])
            continue;
        storm_delete(&storm.files[at]);
        return;
    }
}

static void storm_rename_old(unsigned argument)
{
    int count = storm.file_count;
    if (!(storm.mode & STORM_SWAPS))
        return;
    int at = 1 + (int)argument % count;
    if (at == storm.current || !storm.files[at].name[0])
        return;
    storm_pass_tick();
    storm_rename_to(&storm.files[at], ++storm.number);
}

static void storm_lose_lines(const struct storm_file *file)
{
    bool knows[STORM_GATES];
    for (int gate = 0; gate < STORM_GATES; gate++)
        knows[gate] = storm_knows(gate, file);
    for (int n = 1; n <= storm.line_count; n++) {
        struct storm_line *line = &storm.lines[n];
        if (&storm.files[line->file] != file || line->lost)
            continue;
        line->lost = true;
        for (int gate = 0; gate < STORM_GATES; gate++)
            line->excused[gate] = !knows[gate];
    }
}

static void storm_cut(unsigned argument)
{
    struct stat about;
    (void)argument;
    if (!(storm.mode & STORM_CUTS) || fstat(storm.fd, &about) || about.st_size == 0)
        return;
    storm_pass_tick();
    CHECK(ftruncate(storm.fd, 0) == 0);
    storm_touch();
    STORM_SAY("  cut file %d\n", storm.file);
    storm.lossy++;
    storm.rest_size = 0;
    storm.torn = 0;
    storm_lose_lines(&storm.files[storm.file]);
}

/* The writer finds its own half line, cuts it off and begins it anew. */
static void storm_untear(unsigned argument)
{
    struct stat about;
    if (!storm.torn || fstat(storm.fd, &about))
        return;
    storm_pass_tick();
    CHECK(ftruncate(storm.fd, about.st_size - storm.torn) == 0);
    storm_touch();
    STORM_SAY("  cut off %d torn bytes\n", storm.torn);
    storm.line_count--;
    storm_make_line(argument);
}

static void storm_delete_current(unsigned argument)
{
    (void)argument;
    if (storm.current)
        storm_delete(&storm.files[storm.current]);
}

static void storm_rename(unsigned argument)
{
    (void)argument;
    if (!storm.current || storm.number > 1000)
        return;
    storm_pass_tick();
    storm_rename_to(&storm.files[storm.current], ++storm.number);
    storm.current = 0;
}

static void storm_rotate(unsigned argument)
{
    storm_rename(argument);
    storm_reopen(argument);
}

static void storm_wait(unsigned argument)
{
    (void)argument;
    storm_pass_tick();
}

typedef void storm_write_fn(unsigned argument);
static storm_write_fn *const storm_writes[] = {
    storm_append, storm_append,     storm_tear,           storm_rename, storm_reopen,
    storm_rotate, storm_create,     storm_delete_current, storm_cut,    storm_untear,
    storm_wait,   storm_delete_old, storm_rename_old,
};
enum { STORM_WRITES = sizeof storm_writes / sizeof *storm_writes };

static void storm_between(const char *call)
{
    if (!storm.inside)
        return;
    storm.calls++;
    while (storm.armed_count > 0) {
        if (storm.armed[0].calls-- > 0)
            return;
        struct storm_armed armed = storm.armed[0];
        memmove(storm.armed, storm.armed + 1, --storm.armed_count * sizeof armed);
        STORM_SAY(" (before %s)\n", call);
        int error = errno;
        storm.inside = false;
        storm_writes[armed.action](armed.argument);
        storm.inside = true;
        errno = error;
    }
}
