/* What a terminal's client sends: frames in two pieces are read as in one, and JSON is judged. */
#include <string.h>

#include "base/buffer.h"
#include "base/check.h"
#include "wire/ttyd.h"
#include "wire/websocket_reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* All that came: results and payload, one behind the other. */
static void collect(struct websocket_reader *reader, struct slice piece, struct buffer *all)
{
    static char bytes[65536];
    memcpy(bytes, piece.data, piece.size);
    for (size_t at = 0, used; at < piece.size; at += used) {
        enum websocket_reader_result result =
            websocket_reader_next(reader, bytes + at, piece.size - at, &used);
        char mark = (char)result;
        if (result == WEBSOCKET_READER_BAD || result == WEBSOCKET_READER_MORE)
            return;
        if (result != WEBSOCKET_READER_DATA || reader->first)
            buffer_append(all, slice_of(&mark, 1));
        buffer_append(all, reader->data);
        if (result == WEBSOCKET_READER_DATA && reader->last)
            buffer_append_text(all, ">");
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ttyd_hello hello;
    int64_t columns, rows;
    if (size < 1 || size > 60000)
        return 0;
    struct slice bytes = slice_of(data + 1, size - 1);
    struct websocket_reader whole, parts;
    struct buffer a = BUFFER(200000), b = BUFFER(200000);
    websocket_reader_begin(&whole);
    websocket_reader_begin(&parts);
    collect(&whole, bytes, &a);
    collect(&parts, slice_between(bytes, 0, data[0]), &b);
    collect(&parts, slice_from(bytes, data[0]), &b);
    CHECK(slice_equal(buffer_slice(&a), buffer_slice(&b)));
    buffer_free(&a);
    buffer_free(&b);
    ttyd_read_hello(bytes, &hello);
    ttyd_read_size(bytes, &columns, &rows);
    return 0;
}
