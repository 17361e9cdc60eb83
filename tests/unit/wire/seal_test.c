#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "wire/seal.h"

/* FIPS 180-2, appendix B.1 */
static void test_digest(void **state)
{
    (void)state;
    uint8_t digest[SEAL_SIZE], back[SEAL_SIZE];
    char text[SEAL_HEX_SIZE + 1];
    seal_digest(SLICE("abc"), digest);
    seal_to_hex(digest, text);
    assert_string_equal(text, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_true(seal_from_hex(slice_of_text(text), back));
    assert_memory_equal(digest, back, sizeof digest);
    assert_false(seal_from_hex(slice_of(text, SEAL_HEX_SIZE - 1), back));
    text[3] = 'A';
    assert_false(seal_from_hex(slice_of_text(text), back));
    text[3] = 'g';
    assert_false(seal_from_hex(slice_of_text(text), back));
}

/* RFC 4231, test case 1, whose key of 20 bytes is the same as one that is filled up with zeros */
static void test_code(void **state)
{
    (void)state;
    uint8_t key[SEAL_SIZE] = {0}, code[SEAL_SIZE];
    char text[SEAL_HEX_SIZE + 1];
    memset(key, 0x0b, 20);
    seal_code(key, SLICE("Hi There"), code);
    seal_to_hex(code, text);
    assert_string_equal(text, "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
}

/* RFC 4648 §10, without the padding */
static void test_text(void **state)
{
    (void)state;
    const char *pairs[][2] = {
        {"", ""},           {"f", "Zg"},          {"fo", "Zm8"},          {"foo", "Zm9v"},
        {"foob", "Zm9vYg"}, {"fooba", "Zm9vYmE"}, {"foobar", "Zm9vYmFy"}, {"\xfb\xff", "-_8"}};
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        char text[16];
        uint8_t bytes[16];
        size_t size = strlen(pairs[i][0]), got;
        assert_int_equal(SEAL_TEXT_SIZE(size), strlen(pairs[i][1]));
        assert_int_equal(seal_encode(slice_of_text(pairs[i][0]), text), strlen(pairs[i][1]));
        assert_memory_equal(text, pairs[i][1], strlen(pairs[i][1]));
        assert_true(seal_decode(slice_of_text(pairs[i][1]), bytes, &got));
        assert_int_equal(got, size);
        assert_memory_equal(bytes, pairs[i][0], size);
    }
}

static void test_text_malformed(void **state)
{
    (void)state;
    const char *texts[] = {"Z", "Zg==", "Zh", "Zm9", "Zm9vY", "Zm 9", "Zm+v", "Zm/v", "Zm9v\n"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        uint8_t bytes[16];
        size_t got;
        if (seal_decode(slice_of_text(texts[i]), bytes, &got))
            fail_msg("accepted: %s", texts[i]);
    }
}

static void test_equal_and_wipe(void **state)
{
    (void)state;
    char secret[] = "secret";
    assert_true(seal_equal(secret, "secret", 6));
    assert_false(seal_equal(secret, "secreT", 6));
    seal_wipe(secret, sizeof secret);
    assert_memory_equal(secret, "\0\0\0\0\0\0\0", sizeof secret);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_digest),         cmocka_unit_test(test_code),
        cmocka_unit_test(test_text),           cmocka_unit_test(test_text_malformed),
        cmocka_unit_test(test_equal_and_wipe),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
