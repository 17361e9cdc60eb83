#include "../support.h"

#include "base/buffer.h"
#include "screen/parser.h"

/* Events as text, one behind the other, and what viewers get. */
struct seen {
    struct buffer events, live;
};

static void on_text(void *owner, struct slice ascii)
{
    buffer_append(&((struct seen *)owner)->events, ascii);
}

static void on_character(void *owner, uint32_t code)
{
    buffer_append_format(&((struct seen *)owner)->events, "<%x>", code);
}

static void on_control(void *owner, uint32_t code)
{
    buffer_append_format(&((struct seen *)owner)->events, "{%02x}", code);
}

static bool on_escape(void *owner, uint32_t collected, char final)
{
    buffer_append_format(&((struct seen *)owner)->events, "(esc %x %c)", collected, final);
    return false;
}

static bool on_csi(void *owner, const struct parser_parameters *parameters, uint32_t collected, char final)
{
    struct buffer *events = &((struct seen *)owner)->events;
    buffer_append_format(events, "(csi %x", collected);
    for (int i = 0; i < parameters->count; i++) {
        buffer_append_format(events, " %d", parameters->values[i]);
        for (int sub = parameters->sub_start[i]; sub < parameters->sub_end[i]; sub++)
            buffer_append_format(events, ":%d", parameters->subs[sub]);
    }
    buffer_append_format(events, " %c)", final);
    return final == 'n';
}

static bool on_osc(void *owner, struct slice bytes)
{
    buffer_append_format(&((struct seen *)owner)->events, "(osc " SLICE_FORMAT ")", SLICE_ARGUMENTS(bytes));
    return slice_ends_with(bytes, SLICE("?"));
}

static bool on_dcs(void *owner, uint32_t collected, char final, struct slice bytes)
{
    buffer_append_format(&((struct seen *)owner)->events, "(dcs %x %c " SLICE_FORMAT ")", collected, final,
                         SLICE_ARGUMENTS(bytes));
    return final == 'q';
}

static void on_aborted(void *owner)
{
    buffer_append_text(&((struct seen *)owner)->events, "(aborted)");
}

static void on_live(void *owner, struct slice bytes)
{
    buffer_append(&((struct seen *)owner)->live, bytes);
}

static const struct parser_events events = {.text = on_text,
                                            .character = on_character,
                                            .control = on_control,
                                            .escape = on_escape,
                                            .csi = on_csi,
                                            .osc = on_osc,
                                            .dcs = on_dcs,
                                            .aborted = on_aborted,
                                            .live = on_live};

static struct seen new_seen(void)
{
    return (struct seen){.events = BUFFER(1 << 20), .live = BUFFER(1 << 20)};
}

static void free_seen(struct seen *seen)
{
    buffer_free(&seen->events);
    buffer_free(&seen->live);
}

/* What is fed, what it is, and what viewers get of it (NULL: all). */
static const struct {
    const char *bytes, *events, *live;
} cases[] = {
    {"abc", "abc", NULL},
    {"a\r\n\x7f"
     "b",
     "a{0d}{0a}b", NULL},
    {"\xe4\xb8\x96\xf0\x9f\x98\x80", "<4e16><1f600>", NULL},
    {"\xe4\xb8"
     "a\xff\xc0\x80\xed\xa0\x80\xef\xbb\xbf"
     "b",
     "ab", NULL},
    {"\xc2\x9b"
     "1m\xc2\x85",
     "(csi 0 1 m){85}", NULL},
    {"\x1b[m\x1b[1;;3m\x1b[?25h", "(csi 0 0 m)(csi 0 1 0 3 m)(csi 3f 25 h)", NULL},
    {"\x1b[4:3;58:2::1:2m", "(csi 0 4:3 58:2:-1:1:2 m)", NULL},
    {"\x1b[99999999999m", "(csi 0 2147483647 m)", NULL},
    {"\x1b[1 q\x1b[?1$p", "(csi 20 1 q)(csi 3f24 1 p)", NULL},
    {"\x1b[1<mx", "x", NULL},
    {"\x1b(0\x1b"
     "7\x1b#8",
     "(esc 28 0)(esc 0 7)(esc 23 8)", NULL},
    {"\x1b]2;t\xc3\xaf\x07x", "(osc 2;t\xc3\xaf)x", NULL},
    {"\x1b]2;t\x1b\\x", "(osc 2;t)(esc 0 \\)x", NULL},
    {"\x1b]2;t\x18x", "(aborted)x", NULL},
    {"\x1bP1$qm\x1b\\", "(dcs 24 q m)(esc 0 \\)", "\x1b\\\x1b\\"},
    {"\x1b_app\x1b\\x", "(esc 0 \\)x", NULL},
    {"\x1b[1\x18x\x1b[2\x1b[3m", "{18}x(csi 0 3 m)", NULL},
    /* A control within a sequence comes before it, for viewers as well. */
    {"\x1b[3\n1m", "{0a}(csi 0 31 m)", "\n\x1b[31m"},
    /* Queries are taken out. */
    {"a\x1b[6nb", "a(csi 0 6 n)b", "a\x1b\\b"},
    {"a\x1b]11;?\x07"
     "b",
     "a(osc 11;?)b", "a\x1b\\b"},
    {"\x1b]2;t\x1b[6nx", "(osc 2;t)(csi 0 6 n)x", "\x1b]2;t\x1b\\x"},
    /* Not finished: held back. */
    {"a\x1b[3", "a", "a"},
    {"a\xe4\xb8", "a", "a"},
    {"a\x1b]2;ti", "a", "a"},
};

static void feed_split(struct seen *seen, struct slice bytes, size_t first, size_t second)
{
    size_t ends[] = {first, second, bytes.size};
    struct parser parser;
    parser_init(&parser, &events, seen);
    for (size_t i = 0, start = 0; i < 3; start = ends[i++]) {
        struct slice part = slice_between(bytes, start, ends[i]);
        char *copy = memcpy(malloc(part.size + 1), part.data, part.size); /* exact, for the sanitizer */
        parser_feed(&parser, slice_of(copy, part.size));
        free(copy);
    }
    parser_free(&parser);
}

static void assert_seen(const struct buffer *bytes, const char *expected, const char *what, size_t number)
{
    if (!slice_equal(buffer_slice(bytes), slice_of_text(expected)))
        fail_msg("case %zu: %s: \"" SLICE_FORMAT "\", not \"%s\"", number, what,
                 SLICE_ARGUMENTS(buffer_slice(bytes)), expected);
}

static void test_every_split(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct slice bytes = slice_of_text(cases[i].bytes);
        for (size_t first = 0; first <= bytes.size; first++)
            for (size_t second = first; second <= bytes.size; second++) {
                struct seen seen = new_seen();
                feed_split(&seen, bytes, first, second);
                assert_seen(&seen.events, cases[i].events, "events", i);
                assert_seen(&seen.live, cases[i].live ? cases[i].live : cases[i].bytes, "live", i);
                free_seen(&seen);
            }
    }
}

/* Feeds the beginning and so many bytes of `filler` on top. */
static struct parser begin_endless(struct seen *seen, const char *beginning, char filler)
{
    struct parser parser;
    parser_init(&parser, &events, seen);
    parser_feed(&parser, slice_of_text(beginning));
    for (int i = 0; i < PARSER_PENDING_MOST + 10; i++)
        parser_feed(&parser, slice_of(&filler, 1));
    return parser;
}

/* Endless sequences pass through, are held by nobody, have no effect, and a viewer that comes then is told
 * so. */
static void test_endless(void **state)
{
    (void)state;
    static const struct {
        const char *beginning;
        char filler;
        const char *pending, *end, *after;
    } endless[] = {
        {"\x1b]2;", 'x', "\x1b]x", "\x07z", "(aborted)z"},
        {"\x1bPq", 'x', "\x1bP0<", "\x1b\\z", "(aborted)(esc 0 \\)z"},
        {"\x1b_", 'x', "\x1b_", "\x1b\\z", "(esc 0 \\)z"},
        {"\x1b[", '1', "\x1b[0<", "mz", "z"},
        {"\x1bP", '1', "\x1bP0<", "q\x1b\\z", "(esc 0 \\)z"},
    };
    for (size_t i = 0; i < sizeof endless / sizeof endless[0]; i++) {
        struct seen seen = new_seen();
        struct parser parser = begin_endless(&seen, endless[i].beginning, endless[i].filler);
        size_t fed = strlen(endless[i].beginning) + PARSER_PENDING_MOST + 10;
        assert_int_equal(buffer_size(&seen.live), fed);
        assert_true(slice_equal(parser_pending(&parser), slice_of_text(endless[i].pending)));
        parser_feed(&parser, slice_of_text(endless[i].end));
        assert_int_equal(buffer_size(&seen.live), fed + strlen(endless[i].end));
        assert_seen(&seen.events, endless[i].after, "events", i);
        parser_free(&parser);
        free_seen(&seen);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_split),
        cmocka_unit_test(test_endless),
    };
    return run_group(tests);
}
