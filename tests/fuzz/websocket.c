/* Frames in two pieces are followed as in one, and a handshake's head is judged. */
#include <string.h>

#include "base/check.h"
#include "wire/websocket.h"
#include "wire/websocket_scan.h"

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
    CHECK(fine == same && whole.error == parts.error && whole.left == parts.left);
    CHECK(whole.close_code == parts.close_code && whole.message == parts.message);
    CHECK(memcmp(&whole.messages, &parts.messages,
                 sizeof(whole) - offsetof(struct websocket_scan, messages)) == 0);
    websocket_frame_read_close(bytes, &code, &reason);
    fuzz_handshake(bytes);
    return 0;
}
