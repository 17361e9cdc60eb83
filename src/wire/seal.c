/* What libcrypto does is called with one line each; base64url is our own, since EVP_DecodeBlock() knows
 * neither its alphabet nor strictness. */
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

#include "base/check.h"
#include "wire/seal.h"

static const char seal_alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

void seal_digest(struct slice bytes, uint8_t *digest)
{
    CHECK(EVP_Digest(bytes.data, bytes.size, digest, NULL, EVP_sha256(), NULL) == 1);
}

void seal_code(const uint8_t *key, struct slice bytes, uint8_t *code)
{
    unsigned size = SEAL_SIZE;
    CHECK(HMAC(EVP_sha256(), key, SEAL_SIZE, (const unsigned char *)bytes.data, bytes.size, code, &size) &&
          size == SEAL_SIZE);
}

bool seal_equal(const void *a, const void *b, size_t size)
{
    return CRYPTO_memcmp(a, b, size) == 0;
}

void seal_wipe(void *secret, size_t size)
{
    if (size > 0)
        OPENSSL_cleanse(secret, size);
}

/* --- hexadecimal ------------------------------------------------------------------------------------ */

void seal_to_hex(const uint8_t *digest, char *text)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < SEAL_SIZE; i++) {
        text[2 * i] = digits[digest[i] >> 4];
        text[2 * i + 1] = digits[digest[i] & 15];
    }
    text[SEAL_HEX_SIZE] = '\0';
}

static int seal_digit(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

bool seal_from_hex(struct slice text, uint8_t *digest)
{
    if (text.size != SEAL_HEX_SIZE)
        return false;
    for (size_t i = 0; i < SEAL_SIZE; i++) {
        int high = seal_digit(text.data[2 * i]), low = seal_digit(text.data[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        digest[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

/* --- base64url -------------------------------------------------------------------------------------- */

size_t seal_encode(struct slice bytes, char *text)
{
    size_t count = 0;
    unsigned held = 0, bits = 0;
    for (size_t i = 0; i < bytes.size; i++) {
        held = held << 8 | (uint8_t)bytes.data[i];
        for (bits += 8; bits >= 6; bits -= 6)
            text[count++] = seal_alphabet[held >> (bits - 6) & 63];
    }
    if (bits > 0)
        text[count++] = seal_alphabet[held << (6 - bits) & 63];
    return count;
}

static int seal_value(char letter)
{
    if (letter >= 'A' && letter <= 'Z')
        return letter - 'A';
    if (letter >= 'a' && letter <= 'z')
        return letter - 'a' + 26;
    if (letter >= '0' && letter <= '9')
        return letter - '0' + 52;
    if (letter == '-')
        return 62;
    return letter == '_' ? 63 : -1;
}

bool seal_decode(struct slice text, uint8_t *bytes, size_t *size)
{
    unsigned held = 0, bits = 0;
    *size = 0;
    for (size_t i = 0; i < text.size; i++) {
        int value = seal_value(text.data[i]);
        if (value < 0)
            return false;
        held = held << 6 | (unsigned)value;
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            bytes[(*size)++] = (uint8_t)(held >> bits);
        }
    }
    return bits < 6 && (held & ((1U << bits) - 1)) == 0;
}
