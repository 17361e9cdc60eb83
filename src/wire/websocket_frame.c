/* Frames are written rarely (pings, goodbyes, terminals) and small; only masking has to be quick. */
#include <string.h>

#include "base/check.h"
#include "wire/websocket_frame.h"

static size_t websocket_frame_number(char *out, uint64_t number, size_t size)
{
    for (size_t i = 0; i < size; i++)
        out[i] = (char)(number >> 8 * (size - 1 - i));
    return size;
}

size_t websocket_frame_head(char *out, enum websocket_frame_opcode opcode, bool final, uint64_t size,
                            const uint8_t *mask)
{
    CHECK(size <= INT64_MAX);
    CHECK(opcode < WEBSOCKET_FRAME_CLOSE || (final && size <= WEBSOCKET_FRAME_CONTROL_MOST));
    size_t written = 2;
    unsigned length = size <= 125 ? (unsigned)size : size <= UINT16_MAX ? 126 : 127;
    out[0] = (char)((final ? 0x80 : 0) | (unsigned)opcode);
    out[1] = (char)((mask ? 0x80 : 0) | length);
    if (length > 125)
        written += websocket_frame_number(out + written, size, length == 126 ? 2 : 8);
    if (mask)
        memcpy(out + written, mask, 4);
    return written + (mask ? 4 : 0);
}

void websocket_frame_mask(char *bytes, size_t size, const uint8_t *mask, uint64_t offset)
{
    uint8_t turned[8];
    uint64_t wide = 0, word = 0;
    for (size_t i = 0; i < 8; i++)
        turned[i] = mask[(offset + i) & 3];
    memcpy(&wide, turned, sizeof(wide));
    size_t i = 0;
    for (; i + 8 <= size; i += 8) {
        memcpy(&word, bytes + i, sizeof(word));
        word ^= wide;
        memcpy(bytes + i, &word, sizeof(word));
    }
    for (; i < size; i++)
        bytes[i] = (char)((uint8_t)bytes[i] ^ turned[i & 7]);
}

bool websocket_frame_code_is_valid(unsigned code)
{
    return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) || (code >= 3000 && code <= 4999);
}

/* Characters of UTF-8 by their first two bytes (RFC 3629 §4): overlong forms, surrogates and what lies beyond
 * U+10FFFF have no row. */
static const struct {
    uint8_t first_low, first_high, second_low, second_high, size;
} characters[] = {
    {0x00, 0x7f, 0x00, 0xff, 1}, {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
    {0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
    {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
};

/* The size of the character at the front; 0 when it is none. */
static size_t websocket_frame_character(struct slice text)
{
    const uint8_t *bytes = (const uint8_t *)text.data;
    size_t row = 0, rows = sizeof(characters) / sizeof(characters[0]);
    while (row < rows && (bytes[0] < characters[row].first_low || bytes[0] > characters[row].first_high))
        row++;
    if (row == rows || characters[row].size > text.size)
        return 0;
    size_t size = characters[row].size;
    if (size > 1 && (bytes[1] < characters[row].second_low || bytes[1] > characters[row].second_high))
        return 0;
    for (size_t i = 2; i < size; i++)
        if ((bytes[i] & 0xc0) != 0x80)
            return 0;
    return size;
}

/* How many bytes of whole characters there are from the front, at most `most`. */
static size_t websocket_frame_text_span(struct slice text, size_t most)
{
    size_t i = 0;
    while (i < text.size) {
        size_t size = websocket_frame_character(slice_from(text, i));
        if (size == 0 || i + size > most)
            break;
        i += size;
    }
    return i;
}

size_t websocket_frame_close(char *out, unsigned code, struct slice reason)
{
    CHECK(websocket_frame_code_is_valid(code));
    size_t size = websocket_frame_text_span(reason, WEBSOCKET_FRAME_REASON_MOST);
    websocket_frame_number(out, code, 2);
    if (size > 0)
        memcpy(out + 2, reason.data, size);
    return size + 2;
}

bool websocket_frame_read_close(struct slice payload, unsigned *code, struct slice *reason)
{
    *code = WEBSOCKET_FRAME_NO_CODE;
    *reason = slice_from(payload, 2);
    if (payload.size == 0)
        return true;
    if (payload.size == 1 || payload.size > WEBSOCKET_FRAME_CONTROL_MOST)
        return false;
    *code = (unsigned)(uint8_t)payload.data[0] << 8 | (uint8_t)payload.data[1];
    return websocket_frame_code_is_valid(*code) &&
           websocket_frame_text_span(*reason, reason->size) == reason->size;
}
