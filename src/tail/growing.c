/* The memory for what was read holds no more than one read and a torn line, whose beginning is dropped when
 * it is long. So the work per append depends on its size alone, not on the file's or on the number of
 * readers. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/memory.h"

#include "tail/growing.h"

enum {
    TORN_MOST = 64 * 1024,        /* of a torn line is kept; beyond it readers get the line from the file */
    LOOK_BACK = 16 * 1024 * 1024, /* for the last newline of a file that is there already */
    KEPT_MOST = 8 * 1024,         /* of memory for what was read, while little of it is needed */
    NEAR_START = GROWING_READ,    /* a file up to this size is read from its start */
};

/* --- the window ------------------------------------------------------------------------------------ */

static void drop_oldest(struct growing *growing)
{
    growing->piece_bytes -= growing->pieces[0]->bytes.framed.size;
    free(growing->pieces[0]);
    growing->piece_count--;
    memmove(growing->pieces, growing->pieces + 1, growing->piece_count * sizeof growing->pieces[0]);
}

static void drop_window(struct growing *growing)
{
    while (growing->piece_count > 0)
        drop_oldest(growing);
}

static void add_piece(struct growing *growing, struct growing_piece about, struct slice body)
{
    struct growing_piece *piece = memory_resize(NULL, sizeof *piece + body.size + CHUNKS_PIECE_EXTRA);
    *piece = about;
    if (body.size > 0) {
        memcpy(piece->memory + CHUNKS_HEAD_SIZE, body.data, body.size);
        piece->bytes = chunks_frame(piece->memory, body.size);
    }
    if (growing->piece_count == GROWING_PIECES)
        drop_oldest(growing);
    growing->pieces[growing->piece_count++] = piece;
    growing->piece_bytes += piece->bytes.framed.size;
    while (growing->piece_bytes > GROWING_WINDOW)
        drop_oldest(growing);
}

const struct growing_piece *growing_find(const struct growing *growing, int64_t offset)
{
    for (size_t i = growing->piece_count; i-- > 0;)
        if (growing->pieces[i]->start == offset)
            return growing->pieces[i];
    return NULL;
}

/* --- opening --------------------------------------------------------------------------------------- */

/* The bytes before `offset`, up to EVENT_ID_CHECKED: GROWING_MORE, or GROWING_CUT when they are not there. */
static enum growing_result read_before(int fd, int64_t offset, char *bytes, size_t *size)
{
    *size = offset < EVENT_ID_CHECKED ? (size_t)offset : EVENT_ID_CHECKED;
    ssize_t got = *size > 0 ? pread(fd, bytes, *size, offset - (int64_t)*size) : 0;
    return got == (ssize_t)*size ? GROWING_MORE : got < 0 ? GROWING_FAILED : GROWING_CUT;
}

/* Stands at `offset`, where a line begins, with what is before it read anew (GROWING_MORE). */
static enum growing_result stand_at(struct growing *growing, int64_t offset)
{
    char before[EVENT_ID_CHECKED];
    size_t size;
    enum growing_result result = read_before(growing->fd, offset, before, &size);
    if (result != GROWING_MORE)
        return result;
    buffer_clear(&growing->bytes);
    CHECK(buffer_append(&growing->bytes, slice_of(before, size)));
    growing->complete = growing->end = offset;
    growing->check = event_id_check(slice_of(before, size));
    growing->torn_long = false;
    return GROWING_MORE;
}

static void read_generation(struct growing *growing)
{
    char start[EVENT_ID_FIRST_LINE];
    ssize_t size = pread(growing->fd, start, sizeof start, 0);
    growing->generation =
        event_id_generation(&growing->file.id, slice_of(start, size > 0 ? (size_t)size : 0));
}

bool growing_is(struct growing *growing, uint64_t generation)
{
    if (growing->generation == 0)
        read_generation(growing);
    return generation == growing->generation || generation == event_id_start(&growing->file.id).generation;
}

struct event_id growing_place(const struct growing *growing, const struct growing_cursor *cursor)
{
    if (growing->generation == 0)
        return event_id_start(&growing->file.id);
    return (struct event_id){
        .generation = growing->generation, .offset = cursor->offset, .check = cursor->check};
}

/* The end of the last whole line; 0: none is near. */
static int64_t last_line_end(int fd, int64_t size)
{
    char block[16 * 1024];
    int64_t least = size > LOOK_BACK ? size - LOOK_BACK : 0;
    while (size > least) {
        int64_t start = size > (int64_t)sizeof block ? size - (int64_t)sizeof block : 0;
        ssize_t got = pread(fd, block, (size_t)(size - start), start);
        const char *newline = got > 0 ? memrchr(block, '\n', (size_t)got) : NULL;
        if (newline)
            return start + (newline - block) + 1;
        size = start;
    }
    return 0;
}

void growing_restart(struct growing *growing)
{
    drop_window(growing);
    growing->generation = 0;
    CHECK(stand_at(growing, 0) == GROWING_MORE); /* reads nothing */
}

void growing_open(struct growing *growing, int fd, const struct place_file *file, bool whole)
{
    *growing = (struct growing){.fd = fd, .file = *file, .bytes = {.limit = SIZE_MAX / 2}};
    growing_restart(growing);
    int64_t end = whole || file->size <= NEAR_START ? 0 : last_line_end(fd, file->size);
    if (end > 0)
        stand_at(growing, end);
    if (file->size > 0) /* what is read later must begin the same */
        read_generation(growing);
}

void growing_close(struct growing *growing)
{
    drop_window(growing);
    buffer_free(&growing->bytes);
    close(growing->fd);
    growing->fd = -1;
}

/* --- reading --------------------------------------------------------------------------------------- */

/* Where `offset` is in growing->bytes. */
static size_t index_of(const struct growing *growing, int64_t offset)
{
    return buffer_size(&growing->bytes) - (size_t)(growing->end - offset);
}

/* Forgets what comes before the bytes that the next read and the next id need. */
static void forget(struct growing *growing)
{
    size_t torn = (size_t)(growing->end - growing->complete);
    growing->torn_long = growing->torn_long || torn > TORN_MOST;
    size_t needed = EVENT_ID_CHECKED + (growing->torn_long ? 0 : torn);
    if (buffer_size(&growing->bytes) <= needed)
        return;
    buffer_consume(&growing->bytes, buffer_size(&growing->bytes) - needed);
    if (growing->bytes.capacity <= KEPT_MOST || needed > KEPT_MOST / 2)
        return;
    struct buffer kept = BUFFER(growing->bytes.limit);
    CHECK(buffer_append(&kept, buffer_slice(&growing->bytes)));
    buffer_free(&growing->bytes);
    growing->bytes = kept;
}

/* Makes pieces of the lines from `complete` to `end`, which are in growing->bytes. */
static void format_lines(struct growing *growing, int64_t end)
{
    struct slice bytes = slice_between(buffer_slice(&growing->bytes), 0, index_of(growing, end));
    struct sse_source source = {.bytes = bytes,
                                .offset = growing->end - (int64_t)buffer_size(&growing->bytes),
                                .place = index_of(growing, growing->complete),
                                .generation = growing->generation,
                                .names = growing->names};
    struct buffer out = BUFFER(GROWING_PIECE);
    bool done = false;
    while (!done) {
        struct growing_piece piece = {.start = source.offset + (int64_t)source.place};
        buffer_clear(&out);
        done = sse_lines(&source, &out, GROWING_PIECE);
        if (source.line.begun) { /* a line too long for a piece */
            source.place += slice_find(slice_from(bytes, source.place), '\n') + 1;
            source.line = (struct sse_line){0};
            done = source.place >= bytes.size;
            continue;
        }
        piece.end = source.offset + (int64_t)source.place;
        piece.check = event_id_check(slice_between(bytes, 0, source.place));
        add_piece(growing, piece, buffer_slice(&out));
    }
    buffer_free(&out);
}

/* A long torn line has ended: readers get it from the file, the window goes on behind it. */
static void pass_long_line(struct growing *growing, size_t from)
{
    struct slice fresh = slice_from(buffer_slice(&growing->bytes), from);
    growing->torn_long = false;
    growing->complete = growing->end - (int64_t)fresh.size + (int64_t)slice_find(fresh, '\n') + 1;
}

/* `size` bytes were appended to growing->bytes. */
static void take(struct growing *growing, size_t size)
{
    growing->end += (int64_t)size;
    struct slice all = buffer_slice(&growing->bytes), fresh = slice_from(all, all.size - size);
    const char *newline = memrchr(fresh.data, '\n', fresh.size);
    if (newline) {
        int64_t complete = growing->end - (int64_t)fresh.size + (newline - fresh.data) + 1;
        if (growing->generation == 0 && growing->torn_long)
            read_generation(growing);
        else if (growing->generation == 0)
            growing->generation = event_id_generation(&growing->file.id, all);
        if (growing->torn_long)
            pass_long_line(growing, all.size - size);
        if (growing->complete < complete)
            format_lines(growing, complete);
        growing->complete = complete;
        growing->check = event_id_check(slice_between(all, 0, index_of(growing, complete)));
    }
    forget(growing);
}

/* The end is not what it was. When only the torn line has changed, its writer has begun it anew. */
static enum growing_result look_again(struct growing *growing)
{
    char before[EVENT_ID_CHECKED];
    size_t size;
    if (growing->end == growing->complete)
        return GROWING_CUT;
    enum growing_result result = read_before(growing->fd, growing->complete, before, &size);
    if (result == GROWING_MORE && event_id_check(slice_of(before, size)) != growing->check)
        result = GROWING_CUT;
    return result == GROWING_MORE ? stand_at(growing, growing->complete) : result;
}

/* No whole line has been read of it yet, but its first line was looked at, which is another now. */
static bool is_another(const struct growing *growing)
{
    return growing->complete == 0 && growing->generation && !growing->torn_long &&
           event_id_generation(&growing->file.id, buffer_slice(&growing->bytes)) != growing->generation;
}

enum growing_result growing_read(struct growing *growing, char *scratch)
{
    struct slice known = buffer_slice(&growing->bytes);
    size_t overlap = known.size < EVENT_ID_CHECKED ? known.size : EVENT_ID_CHECKED;
    size_t wanted = overlap + GROWING_READ;
    ssize_t got = pread(growing->fd, scratch, wanted, growing->end - (int64_t)overlap);
    if (got < 0)
        return GROWING_FAILED;
    if ((size_t)got < overlap ||
        (overlap > 0 && memcmp(scratch, known.data + known.size - overlap, overlap) != 0))
        return look_again(growing);
    size_t fresh = (size_t)got - overlap;
    CHECK(buffer_append(&growing->bytes, slice_of(scratch + overlap, fresh)));
    if (is_another(growing))
        return GROWING_CUT;
    if (fresh > 0)
        take(growing, fresh);
    return (size_t)got == wanted ? GROWING_MORE : GROWING_END;
}

/* --- readers --------------------------------------------------------------------------------------- */

enum growing_result growing_catch_up(const struct growing *growing, struct growing_cursor *cursor,
                                     char *scratch, struct buffer *out)
{
    size_t overlap = cursor->offset < EVENT_ID_CHECKED ? (size_t)cursor->offset : EVENT_ID_CHECKED;
    int64_t left = growing->complete - cursor->offset;
    size_t wanted = overlap + (left < GROWING_READ ? (size_t)left : GROWING_READ);
    ssize_t got = pread(growing->fd, scratch, wanted, cursor->offset - (int64_t)overlap);
    if (got < 0)
        return GROWING_FAILED;
    if (got <= (ssize_t)overlap || event_id_check(slice_of(scratch, overlap)) != cursor->check)
        return GROWING_CUT;
    /* Before the start there is nothing that could be compared: the file may have been cut unseen. */
    if (overlap == 0 &&
        event_id_generation(&growing->file.id, slice_of(scratch, (size_t)got)) != growing->generation)
        return GROWING_CUT;
    struct sse_source source = {.bytes = slice_of(scratch, (size_t)got),
                                .offset = cursor->offset - (int64_t)overlap,
                                .place = overlap,
                                .generation = growing->generation,
                                .names = growing->names,
                                .line = cursor->line};
    sse_lines(&source, out, buffer_size(out) + GROWING_PIECE);
    *cursor = (struct growing_cursor){.offset = source.offset + (int64_t)source.place,
                                      .check = event_id_check(slice_between(source.bytes, 0, source.place)),
                                      .line = source.line};
    return GROWING_MORE;
}

bool growing_fits(const struct growing *growing, const struct event_id *id, struct growing_cursor *cursor)
{
    char before[EVENT_ID_CHECKED];
    size_t size;
    struct event_id start = event_id_start(&growing->file.id);
    bool ours = id->generation == growing->generation ||
                (id->generation == start.generation && id->offset == start.offset);
    if (!ours || read_before(growing->fd, id->offset, before, &size) != GROWING_MORE ||
        event_id_check(slice_of(before, size)) != id->check || (size > 0 && before[size - 1] != '\n'))
        return false;
    *cursor = (struct growing_cursor){.offset = id->offset, .check = id->check};
    return true;
}
