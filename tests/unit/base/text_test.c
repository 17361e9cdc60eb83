#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/text.h"

static void test_durations_are_read_with_exactly_one_unit(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t milliseconds; /* -1: refused */
    } rows[] = {
        {"250ms", 250},
        {"2s", 2000},
        {"5m", 300000},
        {"1h", 3600000},
        {"7d", 604800000},
        {"0s", 0},
        {"", -1},
        {"5", -1},
        {"s", -1},
        {"1.5s", -1},
        {"-1s", -1},
        {"+1s", -1},
        {" 1s", -1},
        {"1s ", -1},
        {"1 s", -1},
        {"1S", -1},
        {"1h30m", -1},
        {"106751991168d", -1},
        {"9223372036854775808ms", -1},
        {"18446744073709551616ms", -1},
        {"9223372036854775807ms", INT64_MAX},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int64_t read = -1;
        bool good = text_to_duration(slice_of_text(rows[i].text), &read);
        if (good != (rows[i].milliseconds >= 0) || (good && read != rows[i].milliseconds))
            fail_msg("\"%s\" gave %d, %lld", rows[i].text, good, (long long)read);
    }
}

static void test_sizes_are_read_in_steps_of_1024(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t bytes; /* -1: refused */
    } rows[] = {
        {"0", 0},   {"512", 512}, {"64k", 65536}, {"8M", 8388608}, {"1G", 1073741824}, {"8589934592G", -1},
        {"", -1},   {"k", -1},    {"1K", -1},     {"1kB", -1},     {"1T", -1},         {"-1", -1},
        {"1m", -1}, {"0x10", -1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int64_t read = -1;
        bool good = text_to_size(slice_of_text(rows[i].text), &read);
        if (good != (rows[i].bytes >= 0) || (good && read != rows[i].bytes))
            fail_msg("\"%s\" gave %d, %lld", rows[i].text, good, (long long)read);
    }
}

static void test_the_shortest_spelling_reads_back(void **state)
{
    (void)state;
    char text[TEXT_NUMBER_SIZE];
    assert_string_equal(text_of_duration(0, text), "0ms");
    assert_string_equal(text_of_duration(1500, text), "1500ms");
    assert_string_equal(text_of_duration(90000, text), "90s");
    assert_string_equal(text_of_duration(86400000, text), "1d");
    assert_string_equal(text_of_size(0, text), "0");
    assert_string_equal(text_of_size(1000, text), "1000");
    assert_string_equal(text_of_size(10 << 20, text), "10M");
    for (int64_t number = 1; number < INT64_MAX / 37; number = number * 37 + 11) {
        int64_t read = 0;
        assert_true(text_to_duration(slice_of_text(text_of_duration(number, text)), &read));
        assert_true(read == number);
        assert_true(text_to_size(slice_of_text(text_of_size(number, text)), &read));
        assert_true(read == number);
    }
}

static void test_signals(void **state)
{
    static const struct {
        const char *text;
        int signo;
    } cells[] = {{"TERM", SIGTERM},  {"SIGTERM", SIGTERM},
                 {"sighup", SIGHUP}, {"9", SIGKILL},
                 {"64", 64},         {"0", 0},
                 {"65", 0},          {"", 0},
                 {"SIG", 0},         {"TERMX", 0},
                 {"-9", 0},          {"EXIT", 0}};
    char text[TEXT_SIGNAL_SIZE];
    (void)state;
    for (size_t i = 0; i < sizeof cells / sizeof *cells; i++) {
        int signo = 0;
        bool read = text_to_signal(slice_of_text(cells[i].text), &signo);
        if (read != (cells[i].signo != 0) || signo != cells[i].signo)
            fail_msg("%s: %d", cells[i].text, signo);
    }
    assert_string_equal(text_of_signal(SIGUSR1, text), "SIGUSR1");
    assert_string_equal(text_of_signal(SIGRTMAX, text), "signal 64");
}

static void test_distance_counts_edits(void **state)
{
    (void)state;
    assert_int_equal(text_distance(SLICE("routes"), SLICE("routes")), 0);
    assert_int_equal(text_distance(SLICE("routes"), SLICE("route")), 1);
    assert_int_equal(text_distance(SLICE("comand"), SLICE("command")), 1);
    assert_int_equal(text_distance(SLICE("lisetn"), SLICE("listen")), 1);
    assert_int_equal(text_distance(SLICE("kitten"), SLICE("sitting")), 3);
    assert_int_equal(text_distance(SLICE(""), SLICE("abc")), 3);
    assert_int_equal(text_distance(SLICE("abc"), SLICE("")), 3);
    assert_true(text_distance(SLICE("x"), SLICE("0123456789012345678901234567890123456789"
                                                "0123456789012345678901234567890123456789")) > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_durations_are_read_with_exactly_one_unit),
        cmocka_unit_test(test_sizes_are_read_in_steps_of_1024),
        cmocka_unit_test(test_the_shortest_spelling_reads_back),
        cmocka_unit_test(test_signals),
        cmocka_unit_test(test_distance_counts_edits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
