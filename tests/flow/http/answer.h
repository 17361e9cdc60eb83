/* Reading of answers for the flow tests of http: simple, and no code of ours. */
#pragma once

#include "../../unit/support.h"

#include "base/buffer.h"

#define UNUSED __attribute__((unused))

enum { RECEIVED_MOST = 256 * 1024 * 1024 };

/* The content of large bodies. */
static UNUSED char large_byte(size_t left)
{
    return (char)('a' + left % 23);
}

struct answer {
    int status;
    struct slice head; /* with its empty line */
    struct slice body; /* unframed */
    size_t size;       /* of all */
};

static UNUSED size_t find_text(struct slice bytes, const char *text)
{
    const char *found = bytes.size ? memmem(bytes.data, bytes.size, text, strlen(text)) : NULL;
    return found ? (size_t)(found - bytes.data) : SIZE_MAX;
}

static UNUSED bool head_has(struct slice head, const char *text)
{
    return find_text(head, text) != SIZE_MAX;
}

/* The first answer in the bytes; false: it is not complete. Chunks are joined into `memory` (or the body is
 * left as it came when that is NULL). */
static UNUSED bool answer_read(struct slice bytes, bool no_body, struct buffer *memory, struct answer *answer)
{
    size_t end = find_text(bytes, "\r\n\r\n");
    if (end == SIZE_MAX)
        return false;
    *answer = (struct answer){.head = slice_between(bytes, 0, end + 4), .size = end + 4};
    assert_true(slice_starts_with(bytes, SLICE("HTTP/1.1 ")));
    uint64_t status;
    assert_true(slice_to_u64(slice_between(bytes, 9, 12), &status));
    answer->status = (int)status;
    struct slice rest = slice_from(bytes, end + 4);
    size_t place = find_text(answer->head, "Content-Length: ");
    if (no_body)
        return true;
    if (place != SIZE_MAX) {
        size_t length = strtoul(answer->head.data + place + 16, NULL, 10);
        answer->body = slice_between(rest, 0, length);
        answer->size += length;
        return rest.size >= length;
    }
    if (!head_has(answer->head, "Transfer-Encoding: chunked")) {
        answer->body = rest;
        answer->size = bytes.size;
        return true;
    }
    for (;;) {
        size_t line = find_text(rest, "\r\n");
        if (line == SIZE_MAX)
            return false;
        size_t length = strtoul(rest.data, NULL, 16);
        if (rest.size < line + 2 + length + 2)
            return false;
        if (memory)
            buffer_append(memory, slice_between(rest, line + 2, line + 2 + length));
        rest = slice_from(rest, line + 2 + length + 2);
        if (length == 0)
            break;
    }
    if (memory)
        answer->body = buffer_slice(memory);
    answer->size = (size_t)(rest.data - bytes.data);
    return true;
}
