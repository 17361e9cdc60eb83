/* A frame head is read from the caller's bytes when it lies there whole; only a torn one is collected. */
#include <string.h>

#include "base/check.h"
#include "wire/websocket_scan.h"

static const char *const error_texts[WEBSOCKET_SCAN_ERRORS] = {
    [WEBSOCKET_SCAN_NO_ERROR] = "no error",
    [WEBSOCKET_SCAN_RESERVED_BITS] = "a frame has a reserved bit set",
    [WEBSOCKET_SCAN_OPCODE] = "a frame has a reserved opcode",
    [WEBSOCKET_SCAN_CONTROL] = "a control frame is fragmented or too long",
    [WEBSOCKET_SCAN_LENGTH] = "a frame's length is not in its shortest form",
    [WEBSOCKET_SCAN_MASK] = "a frame's mask is missing, or it has one that it must not have",
    [WEBSOCKET_SCAN_SEQUENCE] = "a fragment is out of sequence",
    [WEBSOCKET_SCAN_CLOSE] = "a close frame has half a code",
};

void websocket_scan_begin(struct websocket_scan *scan, bool from_client, uint8_t extension_bits)
{
    *scan = (struct websocket_scan){.from_client = from_client, .extension_bits = extension_bits & 0x70};
}

/* The whole size of a head whose first two bytes are known. */
static size_t websocket_scan_head_size(const uint8_t *head)
{
    unsigned length = head[1] & 0x7f;
    return 2u + (length == 126 ? 2 : length == 127 ? 8 : 0) + (head[1] & 0x80 ? 4 : 0);
}

static bool websocket_scan_is_control(const struct websocket_scan *scan)
{
    return scan->opcode & 8;
}

/* The first two bytes: everything but the length. */
static enum websocket_scan_error websocket_scan_flags(struct websocket_scan *scan, const uint8_t *head)
{
    scan->final = head[0] & 0x80;
    scan->opcode = head[0] & 0x0f;
    if ((scan->opcode & 7) > 2)
        return WEBSOCKET_SCAN_OPCODE;
    bool control = websocket_scan_is_control(scan);
    if (head[0] & 0x70 & (control ? 0x70 : ~scan->extension_bits))
        return WEBSOCKET_SCAN_RESERVED_BITS;
    if (control && (!scan->final || (head[1] & 0x7f) > WEBSOCKET_FRAME_CONTROL_MOST))
        return WEBSOCKET_SCAN_CONTROL;
    if (!!(head[1] & 0x80) != scan->from_client)
        return WEBSOCKET_SCAN_MASK;
    if (!control && (scan->opcode == WEBSOCKET_FRAME_CONTINUATION) != (scan->message != 0))
        return WEBSOCKET_SCAN_SEQUENCE;
    return WEBSOCKET_SCAN_NO_ERROR;
}

static enum websocket_scan_error websocket_scan_length(struct websocket_scan *scan, const uint8_t *head)
{
    unsigned length = head[1] & 0x7f;
    scan->size = length;
    if (length > 125) {
        uint64_t size = 0;
        size_t bytes = length == 126 ? 2 : 8;
        for (size_t i = 0; i < bytes; i++)
            size = size << 8 | head[2 + i];
        if (size > INT64_MAX || size <= (length == 126 ? 125u : 65535u))
            return WEBSOCKET_SCAN_LENGTH;
        scan->size = size;
    }
    return scan->opcode == WEBSOCKET_FRAME_CLOSE && scan->size == 1 ? WEBSOCKET_SCAN_CLOSE
                                                                    : WEBSOCKET_SCAN_NO_ERROR;
}

static struct websocket_scan_count *websocket_scan_count_of(struct websocket_scan *scan)
{
    if (websocket_scan_is_control(scan))
        return &scan->control;
    unsigned opcode = scan->opcode == WEBSOCKET_FRAME_CONTINUATION ? scan->message : scan->opcode;
    return opcode == WEBSOCKET_FRAME_TEXT ? &scan->text : &scan->binary;
}

/* A head is complete: the frame begins. */
static bool websocket_scan_open(struct websocket_scan *scan, const uint8_t *head, size_t head_size)
{
    scan->error = (uint8_t)websocket_scan_flags(scan, head);
    if (!scan->error)
        scan->error = (uint8_t)websocket_scan_length(scan, head);
    if (scan->error)
        return false;
    if (scan->from_client)
        memcpy(scan->mask, head + head_size - 4, 4);
    if (!websocket_scan_is_control(scan) && scan->opcode != WEBSOCKET_FRAME_CONTINUATION)
        scan->message = scan->opcode;
    if (scan->opcode == WEBSOCKET_FRAME_CLOSE)
        scan->closed = true;
    websocket_scan_count_of(scan)->frames++;
    scan->left = scan->size;
    return true;
}

/* Takes a head from the front of `bytes`. *used: its bytes; false when it is not complete or malformed. */
static bool websocket_scan_take_head(struct websocket_scan *scan, struct slice bytes, size_t *used)
{
    const uint8_t *data = (const uint8_t *)bytes.data;
    *used = 0;
    if (scan->head_size == 0 && bytes.size >= 2) {
        size_t size = websocket_scan_head_size(data);
        if (bytes.size >= size) {
            *used = size;
            return websocket_scan_open(scan, data, size);
        }
    }
    while (*used < bytes.size) {
        scan->head[scan->head_size++] = data[(*used)++];
        if (scan->head_size < 2 || scan->head_size < websocket_scan_head_size(scan->head))
            continue;
        size_t size = scan->head_size;
        scan->head_size = 0;
        return websocket_scan_open(scan, scan->head, size);
    }
    return false;
}

static void websocket_scan_close_code(struct websocket_scan *scan, struct slice payload)
{
    for (size_t i = 0; i < payload.size && scan->close_bytes < 2; i++) {
        uint8_t byte = (uint8_t)payload.data[i];
        if (scan->from_client)
            byte ^= scan->mask[scan->close_bytes];
        scan->close_code = (uint16_t)(scan->close_code << 8 | byte);
        if (++scan->close_bytes == 2)
            scan->close_low = payload.data + i;
    }
}

/* Steps over payload; returns how much of it was there. */
static size_t websocket_scan_payload(struct websocket_scan *scan, struct slice bytes)
{
    size_t size = bytes.size < scan->left ? bytes.size : (size_t)scan->left;
    if (scan->opcode == WEBSOCKET_FRAME_CLOSE)
        websocket_scan_close_code(scan, slice_of(bytes.data, size));
    websocket_scan_count_of(scan)->bytes += size;
    scan->left -= size;
    return size;
}

static void websocket_scan_end_frame(struct websocket_scan *scan)
{
    if (scan->final && !websocket_scan_is_control(scan)) {
        scan->message = 0;
        scan->messages++;
    }
}

enum websocket_scan_result websocket_scan_next(struct websocket_scan *scan, struct slice bytes, size_t *used)
{
    *used = 0;
    if (scan->error)
        return WEBSOCKET_SCAN_BAD;
    if (scan->left == 0 && !websocket_scan_take_head(scan, bytes, used))
        return scan->error ? WEBSOCKET_SCAN_BAD : WEBSOCKET_SCAN_MORE;
    *used += websocket_scan_payload(scan, slice_from(bytes, *used));
    if (scan->left > 0)
        return WEBSOCKET_SCAN_MORE;
    websocket_scan_end_frame(scan);
    return WEBSOCKET_SCAN_FRAME;
}

bool websocket_scan_feed(struct websocket_scan *scan, struct slice bytes)
{
    enum websocket_scan_result result = WEBSOCKET_SCAN_FRAME;
    size_t used = 0;
    while (result == WEBSOCKET_SCAN_FRAME) {
        result = websocket_scan_next(scan, bytes, &used);
        bytes = slice_from(bytes, used);
    }
    return result != WEBSOCKET_SCAN_BAD;
}

uint64_t websocket_scan_unseen(const struct websocket_scan *scan, uint64_t large, size_t *look)
{
    if (scan->error || scan->size < large || websocket_scan_is_control(scan))
        return 0;
    if (scan->left == 0 && scan->head_size == 0)
        *look = scan->from_client ? WEBSOCKET_FRAME_HEAD_SIZE : WEBSOCKET_FRAME_HEAD_SIZE - 4;
    return scan->left;
}

void websocket_scan_skip(struct websocket_scan *scan, uint64_t count)
{
    CHECK(count <= scan->left && !websocket_scan_is_control(scan));
    websocket_scan_count_of(scan)->bytes += count;
    scan->left -= count;
    if (scan->left == 0)
        websocket_scan_end_frame(scan);
}

size_t websocket_scan_enter(struct websocket_scan *scan, struct slice bytes, uint64_t large)
{
    struct websocket_scan entered = *scan;
    size_t used;
    if (!websocket_scan_at_frame(scan) || !websocket_scan_take_head(&entered, bytes, &used))
        return 0;
    if (entered.size < large || websocket_scan_is_control(&entered))
        return 0;
    *scan = entered;
    return used;
}

bool websocket_scan_at_frame(const struct websocket_scan *scan)
{
    return scan->left == 0 && scan->head_size == 0 && !scan->error;
}

bool websocket_scan_at_message(const struct websocket_scan *scan)
{
    return websocket_scan_at_frame(scan) && scan->message == 0;
}

const char *websocket_scan_error_text(enum websocket_scan_error error)
{
    CHECK(error < WEBSOCKET_SCAN_ERRORS);
    return error_texts[error];
}
