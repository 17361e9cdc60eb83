/* Session values: the input itself, which no key has sealed, and the same sealed, which may say anything. */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "wire/session.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct session_key key = {.id = 7, .bytes = "of the fuzzer"};

static void open_value(struct slice value)
{
    struct arena arena = ARENA(64 * 1024);
    struct session session;
    if (session_open(value, &key, 1, &arena, &session)) {
        CHECK(session.id && *session.id && session.user && *session.user);
        for (size_t i = 0; i < session.group_count; i++)
            CHECK(session.groups[i] && *session.groups[i]);
    }
    arena_free(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char value[SESSION_VALUE_MOST + 128];
    uint8_t code[SEAL_SIZE];
    open_value(slice_of(data, size));
    if (size > 2048)
        return 0;
    size_t at = seal_encode(slice_of(data, size), value);
    seal_code(key.bytes, slice_of(value, at), code);
    value[at++] = '.';
    at += seal_encode(slice_of(code, sizeof code), value + at);
    open_value(slice_of(value, at));
    return 0;
}
