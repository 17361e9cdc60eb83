#include "../support.h"

#include "screen/sgr.h"

/* Collects the parameters of the one sequence that is fed. */
static bool on_csi(void *owner, const struct parser_parameters *parameters, uint32_t collected, char final)
{
    if (final == 'm' && !collected)
        sgr_apply(owner, parameters);
    else if (final == 'q')
        ((struct cell *)owner)->bg |= CELL_PROTECTED;
    return false;
}

static void feed(struct cell *pen, struct slice bytes)
{
    static const struct parser_events events = {.csi = on_csi};
    struct parser parser;
    parser_init(&parser, &events, pen);
    parser_feed(&parser, bytes);
    parser_free(&parser);
}

static struct cell pen_of(const char *parameters)
{
    struct cell pen = {0};
    char text[128];
    snprintf(text, sizeof text, "\x1b[%sm", parameters);
    feed(&pen, slice_of_text(text));
    return pen;
}

static void test_colours(void **state)
{
    (void)state;
    static const struct {
        const char *parameters;
        uint32_t fg, bg;
    } cases[] = {
        {"31;42", COLOUR_BASIC | 1, COLOUR_BASIC | 2},
        {"97;100", COLOUR_BASIC | 15, COLOUR_BASIC | 8},
        {"38;5;200;48;5;7", COLOUR_INDEXED | 200, COLOUR_INDEXED | 7},
        {"38;2;1;2;3;48;2;255;0;9", COLOUR_RGB | 0x010203, COLOUR_RGB | 0xff0009},
        {"38:2::1:2:3;48:5:9", COLOUR_RGB | 0x010203, COLOUR_INDEXED | 9},
        {"38:2:0:1:2:3", COLOUR_RGB | 0x010203, 0},
        {"38;5:200", COLOUR_INDEXED | 200, 0},
        {"31;39;42;49", 0, 0},
        {"31;0", 0, 0},
        {"38;2;1;2;3;31", COLOUR_BASIC | 1, 0},
        {"38", 0, 0},
        {"38;5", COLOUR_INDEXED, 0},
        {"38;7;1", 0, 0},
        {"1;38;5;3;7", COLOUR_INDEXED | 3 | CELL_BOLD | CELL_INVERSE, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct cell pen = pen_of(cases[i].parameters);
        if (pen.fg != cases[i].fg || pen.bg != cases[i].bg)
            fail_msg("%s: %08x %08x", cases[i].parameters, pen.fg, pen.bg);
    }
}

static void test_underlines(void **state)
{
    (void)state;
    static const struct {
        const char *parameters;
        unsigned style;
    } cases[] = {{"4", 1},  {"4:3", 3}, {"4:0", 0},  {"4:9", 1},
                 {"4:", 1}, {"21", 2},  {"4;24", 0}, {"4:5;0", 0}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct cell pen = pen_of(cases[i].parameters);
        assert_int_equal(cell_underline(&pen), cases[i].style);
    }
}

/* What a pen is written as gives the same pen, on any other. */
static void test_change(void **state)
{
    (void)state;
    static const char *const pens[] = {"",
                                       "1;2;3;5;7;8;9;53",
                                       "31",
                                       "97;107",
                                       "38;5;99;48;5;100",
                                       "38;2;9;8;7;48;2;1;2;3",
                                       "4",
                                       "4:3;58:5:77",
                                       "4:5;58:2::5:6:7",
                                       "21;59",
                                       "58:5:7"};
    enum { PENS = sizeof pens / sizeof pens[0] };
    for (size_t i = 0; i < PENS * PENS * 2; i++) {
        struct cell from = pen_of(pens[i % PENS]), to = pen_of(pens[i / PENS % PENS]), given = from;
        struct buffer out = BUFFER(1 << 10);
        if (i >= PENS * PENS)
            to.bg |= CELL_PROTECTED;
        sgr_change(&from, &to, &out);
        feed(&given, buffer_slice(&out));
        assert_memory_equal(&given, &to, sizeof to);
        if (memcmp(&from, &to, sizeof to) == 0)
            assert_int_equal(buffer_size(&out), 0);
        buffer_free(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_colours),
        cmocka_unit_test(test_underlines),
        cmocka_unit_test(test_change),
    };
    return run_group(tests);
}
