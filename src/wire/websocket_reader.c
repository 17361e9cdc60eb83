/* The scan finds the frames; what is left is where the payload lies in the bytes, and its mask. */
#include <string.h>

#include "base/check.h"
#include "wire/websocket_reader.h"

void websocket_reader_begin(struct websocket_reader *reader)
{
    *reader = (struct websocket_reader){0};
    websocket_scan_begin(&reader->scan, true, 0);
}

static bool is_control(const struct websocket_scan *scan)
{
    return scan->opcode & 8;
}

/* How much of what the scan has used is payload: it lies at the end. */
static size_t payload_of(const struct websocket_scan *scan, uint64_t left_before, size_t used)
{
    if (left_before > 0)
        return used;
    return used == 0 || scan->head_size > 0 ? 0 : (size_t)(scan->size - scan->left);
}

static enum websocket_reader_result read_control(struct websocket_reader *reader)
{
    struct slice reason;
    reader->data = slice_of(reader->control, reader->control_size);
    reader->control_size = 0;
    if (reader->scan.opcode == WEBSOCKET_FRAME_PING)
        return WEBSOCKET_READER_PING;
    if (reader->scan.opcode == WEBSOCKET_FRAME_PONG)
        return WEBSOCKET_READER_PONG;
    reader->bad = !websocket_frame_read_close(reader->data, &reader->code, &reason);
    return reader->bad ? WEBSOCKET_READER_BAD : WEBSOCKET_READER_CLOSE;
}

static enum websocket_reader_result read_data(struct websocket_reader *reader, struct slice payload,
                                              bool frame_ends)
{
    reader->data = payload;
    reader->first = !reader->inside;
    reader->last = frame_ends && reader->scan.final;
    if (payload.size == 0 && !reader->last)
        return WEBSOCKET_READER_MORE;
    reader->inside = !reader->last;
    return WEBSOCKET_READER_DATA;
}

enum websocket_reader_result websocket_reader_next(struct websocket_reader *reader, char *bytes, size_t size,
                                                   size_t *used)
{
    struct websocket_scan *scan = &reader->scan;
    *used = 0;
    while (!reader->bad) {
        uint64_t left = scan->left;
        size_t step;
        enum websocket_scan_result found =
            websocket_scan_next(scan, slice_of(bytes + *used, size - *used), &step);
        if (found == WEBSOCKET_SCAN_BAD)
            return WEBSOCKET_READER_BAD;
        *used += step;
        size_t payload = payload_of(scan, left, step);
        char *at = bytes + *used - payload;
        websocket_frame_mask(at, payload, scan->mask, scan->size - scan->left - payload);
        bool ends = found == WEBSOCKET_SCAN_FRAME;
        enum websocket_reader_result result = WEBSOCKET_READER_MORE;
        if (is_control(scan)) {
            CHECK(reader->control_size + payload <= sizeof reader->control);
            memcpy(reader->control + reader->control_size, at, payload);
            reader->control_size += (uint8_t)payload;
            if (ends)
                result = read_control(reader);
        } else if (payload > 0 || ends) {
            result = read_data(reader, slice_of(at, payload), ends);
        }
        if (result != WEBSOCKET_READER_MORE || *used == size)
            return result;
    }
    return WEBSOCKET_READER_BAD;
}
