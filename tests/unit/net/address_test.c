/* Spellings of addresses, read and written. */
#include "../support.h"

#include "net/address.h"

static struct address parsed(const char *text)
{
    struct address address;
    struct error error = {0};
    if (!address_parse(slice_of_text(text), &address, &error))
        fail_msg("%s", error.text);
    return address;
}

static void what_is_read_is_written_back(void **state)
{
    (void)state;
    static const char *const texts[] = {"127.0.0.1:8080",  "0.0.0.0:0",        "[::1]:443",
                                        "[::]:65535",      "unix:/run/x.sock", "[2001:db8::7]:1",
                                        "255.100.99.10:1", "9.1.200.109:2"};
    char text[ADDRESS_TEXT_SIZE];
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct address address = parsed(texts[i]);
        assert_string_equal(address_format(&address, text), texts[i]);
        assert_true(address_equal(&address, &address));
    }
    struct address address = parsed("localhost:80");
    assert_string_equal(address_format(&address, text), "127.0.0.1:80");
    assert_int_equal(address_port(&address), 80);
}

static void anything_else_is_refused_with_a_text(void **state)
{
    (void)state;
    static const struct slice texts[] = {
        SLICE(""),
        SLICE("8080"),
        SLICE("127.0.0.1"),
        SLICE("127.0.0.1:"),
        SLICE(":80"),
        SLICE("a.b:80"),
        SLICE("1.2.3.4:65536"),
        SLICE("1.2.3.4:+1"),
        SLICE("1.2.3:80"),
        SLICE("::1:80"),
        SLICE("[::1]"),
        SLICE("[::1]80"),
        SLICE("[::1:80"),
        SLICE("[::g]:80"),
        SLICE("unix:"),
        SLICE("unix:x"),
        SLICE("unix:/a\0b"),
        SLICE("1.2.3.4\0:80"),
        SLICE("1.2.3.4:8 "),
        SLICE("[fe80::1%lo]:80"),
        SLICE("1.2.3.4:000080"),
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct address address;
        struct error error = {0};
        assert_false(address_parse(texts[i], &address, &error));
        assert_true(error.text[0]);
    }
    char path[200] = "unix:/";
    memset(path + 6, 'x', sizeof path - 7);
    struct address address;
    struct error error = {0};
    assert_false(address_parse(slice_of_text(path), &address, &error));
    path[5 + 107] = 0;
    assert_true(address_parse(slice_of_text(path), &address, &error));
    char text[ADDRESS_TEXT_SIZE];
    assert_string_equal(address_format(&address, text), path);
}

static void hosts_locality_and_equality(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *host;
        bool local;
        bool wildcard;
    } rows[] = {
        {"127.9.9.9:1", "127.9.9.9", true, false},
        {"10.0.0.1:1", "10.0.0.1", false, false},
        {"0.0.0.0:1", "0.0.0.0", false, true},
        {"[::1]:1", "::1", true, false},
        {"[::]:1", "::", false, true},
        {"[::ffff:127.0.0.1]:1", "127.0.0.1", true, false},
        {"[::ffff:10.0.0.1]:1", "10.0.0.1", false, false},
        {"unix:/x", "unix", true, false},
    };
    char text[ADDRESS_TEXT_SIZE];
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct address address = parsed(rows[i].text);
        assert_string_equal(address_format_host(&address, text), rows[i].host);
        assert_int_equal(address_is_local(&address), rows[i].local);
        assert_int_equal(address_is_wildcard(&address), rows[i].wildcard);
        for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
            struct address other = parsed(rows[k].text);
            assert_int_equal(address_equal(&address, &other), i == k);
        }
    }
    int pair[2];
    make_pair(SOCK_STREAM, pair);
    struct address unnamed;
    assert_int_equal(address_of_socket(pair[0], &unnamed), 0);
    assert_string_equal(address_format(&unnamed, text), "unix");
    close(pair[0]), close(pair[1]);
    assert_int_equal(address_of_socket(-1, &unnamed), -EBADF);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_read_is_written_back),
        cmocka_unit_test(anything_else_is_refused_with_a_text),
        cmocka_unit_test(hosts_locality_and_equality),
    };
    return run_group(tests);
}
