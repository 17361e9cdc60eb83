#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/memory.h"
#include "wire/uri.h"

static void assert_slice(struct slice slice, const char *text)
{
    assert_int_equal(slice.size, strlen(text));
    assert_memory_equal(slice.data, text, slice.size);
}

/* A copy of exact size, so that a read beyond it is seen; valid until the next call. */
static struct slice exact(const char *text)
{
    static char *copy;
    free(copy);
    copy = memory_copy(text, strlen(text) ? strlen(text) : 1);
    return slice_of(copy, strlen(text));
}

static void test_paths(void **state)
{
    (void)state;
    static const struct {
        const char *target, *path, *raw;
    } rows[] = {
        {"/", "/", "/"},
        {"/a/b", "/a/b", "/a/b"},
        {"/a/b/", "/a/b/", "/a/b/"},
        {"/a%20b", "/a b", "/a%20b"},
        {"/%41", "/A", "/%41"},
        {"/a%2Fb", "/a%2Fb", "/a%2Fb"},
        {"/a%2fb/c", "/a%2Fb/c", "/a%2fb/c"},
        {"/a%252Fb", "/a%2Fb", "/a%252Fb"},
        {"/%C3%A9", "/\xc3\xa9", "/%C3%A9"},
        {"/a\\b%5cc", "/a\\b\\c", "/a\\b%5cc"},
        {"/.", "/", "/"},
        {"/./", "/", "/"},
        {"/a/.", "/a/", "/a/"},
        {"/a/./b", "/a/b", "/a/b"},
        {"/a/..", "/", "/"},
        {"/a/../b", "/b", "/b"},
        {"/a/b/../../c", "/c", "/c"},
        {"/a/%2e%2E/b", "/b", "/b"},
        {"/a/.%2e", "/", "/"},
        {"/a/%2E/b", "/a/b", "/a/b"},
        {"/.well-known/x", "/.well-known/x", "/.well-known/x"},
        {"/...", "/...", "/..."},
        {"/..a/b..", "/..a/b..", "/..a/b.."},
        {"/a//b", "/a/b", "/a//b"},
        {"//a", "/a", "//a"},
        {"//", "/", "//"},
        {"/a//", "/a/", "/a//"},
        {"/a//../b", "/a/b", "/a/b"},
        {"/a///../../b", "/a/b", "/a/b"},
        {"//../a", "/a", "/a"},
        {"/a/b//..", "/a/b/", "/a/b/"},
        {"/a;v=1/b", "/a;v=1/b", "/a;v=1/b"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct slice target = exact(rows[i].target);
        size_t size = uri_memory(target);
        char *memory = size ? memory_new(size) : NULL;
        struct uri uri;
        assert_true(uri_parse(target, memory, &uri));
        assert_slice(uri.path, rows[i].path);
        assert_slice(uri.raw_path, rows[i].raw);
        assert_null(uri.query.data);
        assert_int_equal(uri_parse(target, NULL, &uri), size == 0);
        free(memory);
    }
}

/* What must not stay in a path, at each place of one that is longer than a step of the search. */
static void test_odd_pieces_are_found_everywhere(void **state)
{
    (void)state;
    for (size_t place = 2; place < 40; place++) {
        char text[48], memory[2 * sizeof(text)];
        struct uri uri;
        memset(text, 'x', sizeof(text));
        text[0] = '/';
        memcpy(text + place, "/./", 3);
        assert_true(uri_parse(slice_of(text, sizeof(text)), memory, &uri));
        assert_int_equal(uri.path.size, sizeof(text) - 2);
        memcpy(text + place, "%41", 3);
        assert_true(uri_parse(slice_of(text, sizeof(text)), memory, &uri));
        assert_int_equal(uri.path.data[place], 'A');
        memcpy(text + place, "x//", 3);
        assert_true(uri_parse(slice_of(text, sizeof(text)), memory, &uri));
        assert_int_equal(uri.path.size, sizeof(text) - 1);
        memcpy(text + place, "x#x", 3);
        assert_false(uri_parse(slice_of(text, sizeof(text)), memory, &uri));
        memcpy(text + place, "x\nx", 3);
        assert_false(uri_parse(slice_of(text, sizeof(text)), memory, &uri));
    }
}

static bool is_bad(struct slice target)
{
    size_t size = uri_memory(target);
    char *memory = memory_new(size ? size : 1);
    struct uri uri;
    bool fine = uri_parse(target, memory, &uri);
    free(memory);
    return !fine;
}

static void test_bad_paths(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "",        "a",      "*",      "/..",       "/../a",  "/a/../..", "/%2e%2e/a", "/a/../%2e%2e/b",
        "/%00",    "/a%0ab", "/%7f",   "/%1F",      "/%",     "/%4",      "/%zz",      "/%4g",
        "/a#b",    "/a b",   "/a\x01", "/a\x7f",    "/a?b#c", "/a?b c",   "/a%2f..",   "/a%2F%2e%2e%2fb",
        "/..%2fa", "/.%2Fa", "/a%2f.", "/a/..%2fb", "/%2f..",
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (!is_bad(exact(rows[i])))
            print_error("%s\n", rows[i]);
        assert_true(is_bad(exact(rows[i])));
    }
    assert_true(is_bad(SLICE("/\0")));
}

static void test_queries(void **state)
{
    (void)state;
    struct uri uri;
    assert_true(uri_parse(SLICE("/a?b=../%zz&c?d"), NULL, &uri));
    assert_slice(uri.path, "/a");
    assert_slice(uri.query, "b=../%zz&c?d");
    assert_true(uri_parse(SLICE("/?"), NULL, &uri));
    assert_slice(uri.path, "/");
    assert_int_equal(uri.query.size, 0);
    assert_non_null(uri.query.data);
}

static void test_segments(void **state)
{
    (void)state;
    struct slice rest = SLICE("/a/b/"), segment;
    assert_true(uri_next_segment(&rest, &segment));
    assert_slice(segment, "a");
    assert_true(uri_next_segment(&rest, &segment));
    assert_slice(segment, "b");
    assert_true(uri_next_segment(&rest, &segment));
    assert_slice(segment, "");
    assert_false(uri_next_segment(&rest, &segment));
    rest = SLICE("/");
    assert_true(uri_next_segment(&rest, &segment));
    assert_slice(segment, "");
    assert_false(uri_next_segment(&rest, &segment));
}

static void test_skipping_segments(void **state)
{
    (void)state;
    assert_slice(uri_skip_segments(SLICE("/a/b/c"), 0), "/a/b/c");
    assert_slice(uri_skip_segments(SLICE("/a/b/c"), 1), "/b/c");
    assert_slice(uri_skip_segments(SLICE("//a//b//c"), 2), "//c");
    assert_slice(uri_skip_segments(SLICE("/a/"), 1), "/");
    assert_slice(uri_skip_segments(SLICE("/a"), 1), "");
    assert_slice(uri_skip_segments(exact("/a"), 5), "");
}

static void test_encoding(void **state)
{
    (void)state;
    char memory[64];
    struct buffer buffer = {.data = memory, .capacity = sizeof(memory), .limit = sizeof(memory)};
    assert_true(uri_encode_path(&buffer, SLICE("/a b/c%?#\"\xc3\r\n:@!~")));
    assert_slice(buffer_slice(&buffer), "/a%20b/c%25%3F%23%22%C3%0D%0A:@!~");
    buffer_clear(&buffer);
    assert_true(uri_encode_value(&buffer, SLICE("/a&b=c-d")));
    assert_slice(buffer_slice(&buffer), "%2Fa%26b%3Dc-d");
    buffer.limit = 15;
    assert_false(uri_encode_value(&buffer, SLICE("/")));
    assert_int_equal(buffer_size(&buffer), 14);
}

static void test_decoding(void **state)
{
    (void)state;
    char memory[16];
    struct slice decoded;
    assert_true(uri_decode(exact("a%2fb+c"), true, memory, &decoded));
    assert_slice(decoded, "a/b c");
    assert_true(uri_decode(SLICE("a+%2B"), false, memory, &decoded));
    assert_slice(decoded, "a++");
    assert_true(uri_decode(SLICE("%00"), false, memory, &decoded));
    assert_int_equal(decoded.size, 1);
    assert_false(uri_decode(exact("a%2"), false, memory, &decoded));
    assert_false(uri_decode(SLICE("%g0"), false, memory, &decoded));
}

static void test_hosts(void **state)
{
    (void)state;
    static const struct {
        const char *authority, *name;
        int port;
        enum uri_host_kind kind;
    } rows[] = {
        {"example.com", "example.com", -1, URI_NAME},
        {"Example.COM.:8080", "example.com", 8080, URI_NAME},
        {"a_b-c~d", "a_b-c~d", -1, URI_NAME},
        {"localhost:", "localhost", -1, URI_NAME},
        {"x:0", "x", 0, URI_NAME},
        {"x:65535", "x", 65535, URI_NAME},
        {"127.0.0.1:80", "127.0.0.1", 80, URI_IPV4},
        {"127.1", "127.1", -1, URI_NAME},
        {"0.0.0.0", "0.0.0.0", -1, URI_IPV4},
        {"99.9.9.9.", "99.9.9.9", -1, URI_IPV4},
        {".", ".", -1, URI_NAME},
        {"1234567890.1234567890.1234567890", "1234567890.1234567890.1234567890", -1, URI_NAME},
        {"256.1.1.1", "256.1.1.1", -1, URI_NAME},
        {"1.2.3.04", "1.2.3.04", -1, URI_NAME},
        {"1.2.3.4.5", "1.2.3.4.5", -1, URI_NAME},
        {"1..3.4", "1..3.4", -1, URI_NAME},
        {"255.0.10.4", "255.0.10.4", -1, URI_IPV4},
        {"[::1]", "::1", -1, URI_IPV6},
        {"[FE80::A]:443", "fe80::a", 443, URI_IPV6},
        {"[::ffff:1.2.3.4]", "::ffff:1.2.3.4", -1, URI_IPV6},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char memory[64];
        struct uri_host host;
        assert_true(uri_split_host(exact(rows[i].authority), memory, &host));
        assert_slice(host.name, rows[i].name);
        assert_int_equal(host.port, rows[i].port);
        assert_int_equal(host.kind, rows[i].kind);
    }
}

static void test_bad_hosts(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "",     ":80",  "a b", "a:b",  "a:65536", "a:123456", "a:-1", "a:80:80",     "u@a",         "a/b",
        "a\\b", "a?b",  "[",   "[]",   "[::1",    "[::1]x",   "::1",  "[x]",         "[fe80::1%1]", "[v1.x]",
        "a%",   "a%00", "a%g", "\x80", "a\tb",    "<",        "a\"",  "[127.0.0.1]",
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char memory[64];
        struct uri_host host;
        if (uri_split_host(exact(rows[i]), memory, &host))
            fail_msg("%s", rows[i]);
    }
}

static void test_a_host_is_read_from_memory(void **state)
{
    (void)state;
    static const char *const rows[] = {"a.example:80",
                                       "A.example:80",
                                       "a.example:80",
                                       "a.example:8",
                                       "[::1]:5",
                                       "[::1]:5",
                                       "127.0.0.1",
                                       "a b",
                                       "127.0.0.1",
                                       "",
                                       "1234567890.1234567890.1234567890.1234567890.1234567890.1234567890.x"};
    struct uri_memo memo = {0};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct slice authority = exact(rows[i]);
        struct uri_host wanted, host;
        bool fine = uri_read_host(authority, &wanted);
        assert_int_equal(uri_read_host_again(authority, &memo, &host), fine);
        if (!fine)
            continue;
        assert_ptr_equal(host.name.data, wanted.name.data);
        assert_int_equal(host.name.size, wanted.name.size);
        assert_int_equal(host.port, wanted.port);
        assert_int_equal(host.kind, wanted.kind);
        assert_int_equal(host.folded, wanted.folded);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_paths),
        cmocka_unit_test(test_bad_paths),
        cmocka_unit_test(test_odd_pieces_are_found_everywhere),
        cmocka_unit_test(test_queries),
        cmocka_unit_test(test_segments),
        cmocka_unit_test(test_skipping_segments),
        cmocka_unit_test(test_encoding),
        cmocka_unit_test(test_decoding),
        cmocka_unit_test(test_hosts),
        cmocka_unit_test(test_bad_hosts),
        cmocka_unit_test(test_a_host_is_read_from_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
