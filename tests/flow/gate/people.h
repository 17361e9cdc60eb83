/* Who comes in the flow tests of admission: people with cookies, and a program with a token. Header-only:
 * each test is one executable. */
#pragma once

#include "base/memory.h"
#include "wire/session.h"

#include "world.h"

#define TOKEN "reeve_robot-0123456789012345678901234567890123456"
#define KEY   "AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA"

#define UPGRADE                                                                                              \
    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"                             \
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"

static inline char *cookie_of(const char *id, const char *user, size_t group_count, int64_t expires_ms)
{
    static const char *const groups[] = {"ops", "mentors"};
    struct session_key key = {.id = 1};
    size_t size;
    assert_true(seal_decode(SLICE(KEY), key.bytes, &size));
    const struct session session = {.id = id,
                                    .user = user,
                                    .groups = groups,
                                    .group_count = group_count,
                                    .issued_ms = 1,
                                    .expires_ms = expires_ms};
    return session_seal(&session, &key);
}

static inline json_t *admission_data(const char *revoked, bool token)
{
    uint8_t digest[SEAL_SIZE];
    char hex[SEAL_HEX_SIZE + 1];
    json_t *data = world_json("{'method': 'password', 'keys': [{'id': 1, 'key': '" KEY "'}], 'tokens': [],"
                              " 'revoked': [], 'cookie': 'reeve-test',"
                              " 'session': {'lifetime_ms': 3600000, 'idle_ms': 3600000}}");
    seal_digest(SLICE(TOKEN), digest);
    seal_to_hex(digest, hex);
    if (token)
        json_array_append_new(
            json_object_get(data, "tokens"),
            json_pack("{s:s, s:s, s:s, s:n}", "id", "t1", "name", "robot", "sha256", hex, "expires"));
    if (revoked)
        json_array_append_new(json_object_get(data, "revoked"), json_string(revoked));
    return data;
}
