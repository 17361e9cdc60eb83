/* Without a ping under way it is one scan of the whole. With one, frame by frame: our pong can only begin
 * where a frame begins. */
#include <string.h>

#include "base/check.h"

#include "wire/websocket_edit.h"

enum { FINAL = 0x80, MASKED = 0x80, NO_CODE = 1005, ABNORMAL = 1006, NO_TLS = 1015, INTERNAL_ERROR = 1011 };

void websocket_edit_ping(struct websocket_edit *edit, char *out)
{
    size_t head = websocket_frame_head(out, WEBSOCKET_FRAME_PING, true, WEBSOCKET_EDIT_NONCE, NULL);
    memcpy(out + head, edit->nonce, WEBSOCKET_EDIT_NONCE);
    if (edit->awaited < UINT8_MAX)
        edit->awaited++;
}

/* All of them begin with the byte 3, so that one byte is changed, masked or not. */
static void websocket_edit_code(struct websocket_scan *scan)
{
    unsigned code = scan->close_code;
    if (scan->close_low && (code == NO_CODE || code == ABNORMAL || code == NO_TLS))
        *(char *)(uintptr_t)scan->close_low ^= (char)(code ^ INTERNAL_ERROR);
    scan->close_low = NULL;
}

enum websocket_edit_match { MATCH_NOT, MATCH_MAYBE, MATCH_OURS };

/* Whether a frame that begins with these bytes is the pong to our ping. */
static enum websocket_edit_match websocket_edit_match(const struct websocket_edit *edit, const char *data,
                                                      size_t size)
{
    const uint8_t *bytes = (const uint8_t *)data;
    const uint8_t head[2] = {FINAL | WEBSOCKET_FRAME_PONG, MASKED | WEBSOCKET_EDIT_NONCE};
    size_t seen = size < WEBSOCKET_EDIT_PONG ? size : WEBSOCKET_EDIT_PONG;
    for (size_t i = 0; i < seen && i < 2; i++)
        if (bytes[i] != head[i])
            return MATCH_NOT;
    for (size_t i = 6; i < seen; i++)
        if ((bytes[i] ^ bytes[2 + (i - 6) % 4]) != edit->nonce[i - 6])
            return MATCH_NOT;
    return seen < WEBSOCKET_EDIT_PONG ? MATCH_MAYBE : MATCH_OURS;
}

/* Puts what was held before the bytes again. */
static void websocket_edit_resume(struct websocket_edit *edit, char **data, size_t *size)
{
    *data -= edit->held_size;
    *size += edit->held_size;
    memcpy(*data, edit->held, edit->held_size);
    edit->held_size = 0;
}

/* How many of the bytes at a frame's beginning do not pass. */
static size_t websocket_edit_take(struct websocket_edit *edit, const char *data, size_t size)
{
    if (edit->awaited == 0)
        return 0;
    switch (websocket_edit_match(edit, data, size)) {
    case MATCH_NOT:
        return 0;
    case MATCH_MAYBE:
        memcpy(edit->held, data, size);
        edit->held_size = (uint8_t)size;
        return size;
    case MATCH_OURS:
        edit->awaited--;
        return WEBSOCKET_EDIT_PONG;
    }
    return 0;
}

/* Frame by frame. */
static bool websocket_edit_frames(struct websocket_edit *edit, struct websocket_scan *scan, char *data,
                                  size_t *size)
{
    size_t read = 0, kept = 0, used;
    bool fine = true;
    while (read < *size) {
        if (fine && websocket_scan_at_frame(scan)) {
            used = websocket_edit_take(edit, data + read, *size - read);
            read += used;
            if (used > 0)
                continue;
        }
        used = *size - read;
        if (fine)
            fine = websocket_scan_next(scan, slice_of(data + read, used), &used) != WEBSOCKET_SCAN_BAD;
        if (!fine)
            used = *size - read;
        websocket_edit_code(scan);
        memmove(data + kept, data + read, used);
        read += used;
        kept += used;
    }
    *size = kept;
    return fine;
}

bool websocket_edit_pass(struct websocket_edit *edit, struct websocket_scan *scan, char **data, size_t *size)
{
    if (edit && (edit->awaited > 0 || edit->held_size > 0)) {
        websocket_edit_resume(edit, data, size);
        return websocket_edit_frames(edit, scan, *data, size);
    }
    bool fine = websocket_scan_feed(scan, slice_of(*data, *size));
    if (scan->close_low)
        websocket_edit_code(scan);
    return fine;
}
