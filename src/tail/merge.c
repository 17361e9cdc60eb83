/* The head of each log is known; the earliest goes out, and that log's next piece is read when it has none.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/memory.h"
#include "wire/logline.h"

#include "tail/merge.h"

/* A piece is one read of the growing file and one of each that was rotated lately. */
enum { MERGE_PIECE_LARGEST = 8 * (LOGLINE_RECORD_LARGEST + (1 << 16)) };

struct merge_log {
    struct follow *follow;
    follow_line_fn *on_line;
    void *owner;
    bool attached;              /* records go out as they come */
    struct buffer records;      /* read, not given yet; each with a newline */
    char time[CLOCK_TEXT_SIZE]; /* of the first one */
};

struct merge {
    size_t count, most;
    struct merge_log *logs;
};

static void merge_on_line(void *owner, struct slice record)
{
    struct merge_log *log = owner;
    if (log->attached) {
        log->on_line(log->owner, record);
        return;
    }
    bool kept = buffer_append(&log->records, record) && buffer_append_text(&log->records, "\n");
    CHECK(kept);
}

static struct slice merge_first(const struct merge_log *log)
{
    struct slice records = buffer_slice(&log->records);
    const char *newline = records.size ? memchr(records.data, '\n', records.size) : NULL;
    return newline ? slice_of(records.data, (size_t)(newline - records.data)) : (struct slice){0};
}

/* Notes the time of the first record. What is no record has none, and goes out at once. */
static void merge_note_time(struct merge_log *log)
{
    struct logline_parsed parsed;
    log->time[0] = '\0';
    if (!logline_parse(merge_first(log), &parsed))
        return;
    size_t size = parsed.time.size < sizeof log->time ? parsed.time.size : sizeof log->time - 1;
    memcpy(log->time, parsed.time.data, size);
    log->time[size] = '\0';
    logline_end(&parsed);
}

/* False: this log has no more. */
static bool merge_fill(struct merge_log *log)
{
    bool more = true;
    if (buffer_size(&log->records))
        return true;
    while (more && buffer_size(&log->records) == 0)
        more = follow_more(log->follow);
    merge_note_time(log);
    return buffer_size(&log->records) > 0;
}

static void merge_give(struct merge_log *log)
{
    struct slice record = merge_first(log);
    log->on_line(log->owner, record);
    buffer_consume(&log->records, record.size + 1);
    if (buffer_size(&log->records))
        merge_note_time(log);
    else
        buffer_free(&log->records);
}

static struct merge_log *merge_earliest(struct merge *merge)
{
    struct merge_log *earliest = NULL;
    for (size_t i = 0; i < merge->count; i++) {
        struct merge_log *log = &merge->logs[i];
        if (merge_fill(log) && (!earliest || strcmp(log->time, earliest->time) < 0))
            earliest = log;
    }
    return earliest;
}

struct merge *merge_new(size_t most)
{
    struct merge *merge = MEMORY_NEW(struct merge);
    merge->most = most;
    merge->logs = MEMORY_ARRAY(struct merge_log, most);
    return merge;
}

int merge_add(struct merge *merge, int directory, follow_line_fn *on_line, void *owner)
{
    CHECK(merge->count < merge->most);
    struct merge_log *log = &merge->logs[merge->count];
    *log = (struct merge_log){
        .on_line = on_line, .owner = owner, .records = BUFFER((size_t)MERGE_PIECE_LARGEST)};
    log->follow = follow_open(directory, merge_on_line, log);
    if (!log->follow)
        return -errno;
    merge->count++;
    return 0;
}

void merge_read(struct merge *merge)
{
    struct merge_log *log;
    while ((log = merge_earliest(merge)))
        merge_give(log);
}

int merge_follow(struct merge *merge, struct watches *watches)
{
    int error = 0;
    for (size_t i = 0; i < merge->count; i++) {
        merge->logs[i].attached = true;
        int failed = follow_attach(merge->logs[i].follow, watches);
        error = error ? error : failed;
    }
    return error;
}

void merge_free(struct merge **owned)
{
    struct merge *merge = *owned;
    if (!merge)
        return;
    *owned = NULL;
    for (size_t i = 0; i < merge->count; i++) {
        follow_stop(&merge->logs[i].follow);
        buffer_free(&merge->logs[i].records);
    }
    free(merge->logs);
    free(merge);
}
