/* Frames in two pieces are followed, and changed, as in one; payload that is skipped counts as payload that
 * is seen; and a handshake's head is judged. */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/memory.h"
#include "wire/websocket.h"
#include "wire/websocket_edit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_handshake(struct slice text)
{
    struct field storage[20];
    struct http1_head head;
    const struct http1_limits limits = {.head = 4096, .target = 256};
    char accept[WEBSOCKET_ACCEPT_SIZE];
    http1_begin(&head, storage, 20);
    if (http1_parse_request(&head, text, &limits) == HTTP1_DONE &&
        websocket_check_request(&head) == WEBSOCKET_FINE)
        websocket_accept(fields_get(&head.fields, FIELD_SEC_WEBSOCKET_KEY), accept);
    websocket_check_response(&head, &head.fields, text);
}

static void check_same(const struct websocket_scan *a, const struct websocket_scan *b)
{
    CHECK(a->error == b->error && a->left == b->left && a->message == b->message);
    CHECK(a->close_code == b->close_code);
    CHECK(memcmp(&a->messages, &b->messages, sizeof(*a) - offsetof(struct websocket_scan, messages)) == 0);
}

/* Everything that has passed, and what is held back behind it. */
struct passed {
    struct websocket_edit edit;
    struct websocket_scan scan;
    char *bytes;
    size_t size;
};

static void pass(struct passed *passed, struct slice bytes)
{
    char *room = memory_new(WEBSOCKET_EDIT_PONG + bytes.size + 1), *data = room + WEBSOCKET_EDIT_PONG;
    size_t size = bytes.size;
    if (size > 0)
        memcpy(data, bytes.data, size);
    if (!passed->scan.error)
        websocket_edit_pass(passed->scan.from_client ? &passed->edit : NULL, &passed->scan, &data, &size);
    memcpy(passed->bytes + passed->size, data, size);
    passed->size += size;
    free(room);
}

static void fuzz_edit(const uint8_t *head, struct slice bytes)
{
    struct passed whole = {.edit = {.nonce = "nonce 12", .awaited = head[0] >> 1 & 3}}, parts;
    websocket_scan_begin(&whole.scan, head[0] & 1, head[0]);
    parts = whole;
    whole.bytes = memory_new(bytes.size + 1);
    parts.bytes = memory_new(bytes.size + 1);
    pass(&whole, bytes);
    pass(&parts, slice_between(bytes, 0, head[1]));
    pass(&parts, slice_from(bytes, head[1]));
    CHECK(whole.size == parts.size && memcmp(whole.bytes, parts.bytes, whole.size) == 0);
    CHECK(whole.edit.awaited == parts.edit.awaited && whole.edit.held_size == parts.edit.held_size);
    CHECK(whole.size + whole.edit.held_size <= bytes.size);
    check_same(&whole.scan, &parts.scan);
    free(whole.bytes);
    free(parts.bytes);
}

/* As a relay does it: whatever may pass unseen does, and a look ahead follows it. */
static void fuzz_skip(const uint8_t *head, struct slice bytes)
{
    struct websocket_scan seen, skipped;
    websocket_scan_begin(&seen, head[0] & 1, head[0]);
    websocket_scan_begin(&skipped, head[0] & 1, head[0]);
    while (bytes.size > 0 && !seen.error) {
        size_t look = 0, most = 1 + head[1];
        uint64_t unseen = websocket_scan_unseen(&skipped, 20, &look);
        size_t used = look > 0 ? websocket_scan_enter(&skipped, slice_between(bytes, 0, look), 20) : 0;
        size_t size = used > 0 ? used : unseen > 0 && unseen < most ? (size_t)unseen : most;
        struct slice piece = slice_between(bytes, 0, size);
        bytes = slice_from(bytes, piece.size);
        websocket_scan_feed(&seen, piece);
        if (used == 0 && unseen > 0)
            websocket_scan_skip(&skipped, piece.size);
        else if (used == 0)
            websocket_scan_feed(&skipped, piece);
        check_same(&seen, &skipped);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    struct slice bytes = slice_of(data + 2, size - 2), reason;
    struct websocket_scan whole, parts;
    unsigned code = 0;
    websocket_scan_begin(&whole, data[0] & 1, data[0]);
    websocket_scan_begin(&parts, data[0] & 1, data[0]);
    bool fine = websocket_scan_feed(&whole, bytes);
    bool same = websocket_scan_feed(&parts, slice_between(bytes, 0, data[1])) &&
                websocket_scan_feed(&parts, slice_from(bytes, data[1]));
    CHECK(fine == same);
    check_same(&whole, &parts);
    fuzz_edit(data, bytes);
    fuzz_skip(data, bytes);
    websocket_frame_read_close(bytes, &code, &reason);
    fuzz_handshake(bytes);
    return 0;
}
