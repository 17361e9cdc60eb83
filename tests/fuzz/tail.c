/* A script of appends, torn lines and truncations against a model: a reader has every whole line of the file
 * in order, is reset when and only when what was read is not there any more, and never gets half a line. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../unit/sse_reader.h"
#include "base/check.h"
#include "base/memory.h"
#include "tail/growing.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct model {
    int fd;
    struct buffer file; /* what is in it */
    unsigned writes;    /* each is unlike every other, at both ends */
    bool must_cut;
    struct growing growing;
    struct growing_cursor cursor;
    struct buffer stream;
    struct buffer lines; /* what the reader has got since its last reset */
    char *scratch;
};

static void write_bytes(struct model *model, struct slice bytes)
{
    CHECK(pwrite(model->fd, bytes.data, bytes.size, (off_t)buffer_size(&model->file)) == (ssize_t)bytes.size);
    CHECK(buffer_append(&model->file, bytes));
}

static void write_mark(struct model *model)
{
    char mark[32];
    int size = snprintf(mark, sizeof mark, "#%x.", model->writes++);
    write_bytes(model, slice_of(mark, (size_t)size));
}

/* Marks so close that no EVENT_ID_CHECKED bytes are the same twice: such a cut could not be told. */
static void append(struct model *model, struct slice bytes, unsigned repeat, bool whole)
{
    enum { APART = EVENT_ID_CHECKED / 2 };
    if (buffer_size(&model->file) > 400000)
        return;
    for (unsigned i = 0; i <= repeat; i++)
        for (size_t at = 0; at <= bytes.size; at += APART) {
            size_t left = bytes.size - at;
            write_mark(model);
            write_bytes(model, slice_of(bytes.data + at, left < APART ? left : APART));
        }
    write_mark(model);
    if (whole)
        write_bytes(model, SLICE("\n"));
}

static void cut(struct model *model, size_t size)
{
    if (size >= buffer_size(&model->file))
        return;
    CHECK(ftruncate(model->fd, (off_t)size) == 0);
    model->file.end = model->file.start + size;
    model->must_cut |= (int64_t)size < model->growing.complete;
}

static void read_all(struct model *model)
{
    enum growing_result result = GROWING_MORE;
    bool was_cut = false;
    while (result != GROWING_END) {
        result = growing_read(&model->growing, model->scratch);
        if (result != GROWING_CUT)
            continue;
        CHECK(model->must_cut && !was_cut);
        was_cut = true;
        growing_restart(&model->growing);
        model->cursor = (struct growing_cursor){0};
        buffer_clear(&model->stream);
        buffer_clear(&model->lines);
    }
    CHECK(was_cut == model->must_cut);
    model->must_cut = false;
    CHECK(model->growing.end == (int64_t)buffer_size(&model->file));
}

static void take_events(struct model *model)
{
    struct sse_seen event = sse_seen_new();
    struct slice rest = buffer_slice(&model->stream);
    while (sse_next_event(&rest, &event)) {
        buffer_append(&model->lines, buffer_slice(&event.data));
        buffer_append_text(&model->lines, "\n");
    }
    buffer_consume(&model->stream, buffer_size(&model->stream) - rest.size);
    buffer_free(&event.data);
    CHECK(slice_starts_with(buffer_slice(&model->file), buffer_slice(&model->lines)));
}

static void give(struct model *model, unsigned pieces)
{
    for (; pieces > 0 && model->cursor.offset < model->growing.complete; pieces--) {
        const struct growing_piece *piece =
            model->cursor.line.begun ? NULL : growing_find(&model->growing, model->cursor.offset);
        struct buffer out = BUFFER(GROWING_PIECE);
        if (piece && pieces % 3) {
            buffer_append(&model->stream, piece->bytes.body);
            model->cursor = (struct growing_cursor){.offset = piece->end, .check = piece->check};
        } else {
            CHECK(growing_catch_up(&model->growing, &model->cursor, model->scratch, &out) == GROWING_MORE);
            buffer_append(&model->stream, buffer_slice(&out));
        }
        buffer_free(&out);
    }
    take_events(model);
}

static void come_back(struct model *model)
{
    const struct event_id id = {model->growing.generation, model->cursor.offset, model->cursor.check};
    if (model->cursor.line.begun || id.generation == 0)
        return;
    growing_close(&model->growing);
    struct place_file file;
    CHECK(place_identify(model->fd, &file) == 0);
    growing_open(&model->growing, dup(model->fd), &file, id.check & 1);
    read_all(model);
    CHECK(growing_fits(&model->growing, &id, &model->cursor));
}

static void step(struct model *model, uint8_t action, uint8_t argument, struct slice bytes)
{
    switch (action % 6) {
    case 0:
        append(model, bytes, 0, true);
        break;
    case 1:
        append(model, bytes, 4U * argument, argument & 1);
        break;
    case 2:
        cut(model, buffer_size(&model->file) * argument / 256);
        break;
    case 3:
        cut(model, buffer_size(&model->file) - (buffer_size(&model->file) < argument ? 0 : argument));
        break;
    case 4:
        read_all(model);
        give(model, argument);
        break;
    default:
        read_all(model);
        come_back(model);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct model model = {.fd = memfd_create("tail", MFD_CLOEXEC),
                          .file = BUFFER(64 << 20),
                          .stream = BUFFER(64 << 20),
                          .lines = BUFFER(64 << 20),
                          .scratch = memory_new(EVENT_ID_CHECKED + GROWING_READ)};
    struct place_file file;
    CHECK(place_identify(model.fd, &file) == 0);
    growing_open(&model.growing, dup(model.fd), &file, true);
    while (size >= 3) {
        size_t count = data[2] < size - 3 ? data[2] : size - 3;
        char bytes[256]; /* printable: what the format changes is the fuzzer of SSE's */
        for (size_t i = 0; i < count; i++)
            bytes[i] = data[3 + i] == '\n' ? '\n' : (char)(' ' + data[3 + i] % 90);
        step(&model, data[0], data[1], slice_of(bytes, count));
        data += 3 + count;
        size -= 3 + count;
    }
    read_all(&model);
    give(&model, 1000000);
    struct slice all = buffer_slice(&model.file);
    const char *newline = all.size ? memrchr(all.data, '\n', all.size) : NULL;
    CHECK(buffer_size(&model.lines) == (newline ? (size_t)(newline - all.data) + 1 : 0));
    growing_close(&model.growing);
    buffer_free(&model.file);
    buffer_free(&model.stream);
    buffer_free(&model.lines);
    free(model.scratch);
    close(model.fd);
    return 0;
}
