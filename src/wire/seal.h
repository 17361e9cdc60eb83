/* Digests and seals: SHA-256, HMAC-SHA256 (RFC 2104), base64url (RFC 4648 §5, without padding) and the one
 * comparison of secrets, whose time does not depend on where they differ. Pure. */
#pragma once

#include "base/slice.h"

enum {
    SEAL_SIZE = 32, /* of a digest, a code and a key */
    SEAL_HEX_SIZE = 2 * SEAL_SIZE,
};

void seal_digest(struct slice bytes, uint8_t *digest);                 /* digest[SEAL_SIZE] */
void seal_code(const uint8_t *key, struct slice bytes, uint8_t *code); /* key[SEAL_SIZE], code[SEAL_SIZE] */
bool seal_equal(const void *a, const void *b, size_t size);            /* constant time */
void seal_wipe(void *secret, size_t size);                             /* not optimised away */
/* text[SEAL_HEX_SIZE + 1], lower case; and back: false unless it is exactly that. */
void seal_to_hex(const uint8_t *digest, char *text);
bool seal_from_hex(struct slice text, uint8_t *digest);

/* How many characters `size` bytes become. */
#define SEAL_TEXT_SIZE(size) (((size)*4 + 2) / 3)
/* Writes SEAL_TEXT_SIZE(bytes.size) characters without a NUL; returns how many. */
size_t seal_encode(struct slice bytes, char *text);
/* Writes at most text.size bytes; *size says how many. False: a character, a length or left-over bits that no
 * encoder makes, so that one value has one spelling. */
bool seal_decode(struct slice text, uint8_t *bytes, size_t *size);
