/* What a terminal answers to queries, and strings that programs send it. */
#include <stdarg.h>
#include <stdio.h>

#include "base/utf8.h"
#include "screen/answers.h"
#include "screen/modes.h"

enum { MOST_ANSWER = 64 };

__attribute__((format(printf, 2, 3))) static void answer(struct screen *screen, const char *format, ...)
{
    char text[MOST_ANSWER];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (screen->settings.on_answer)
        screen->settings.on_answer(screen->settings.owner, slice_of_text(text));
}

/* --- CSI --- */

/* DA1, DA2: the same as xterm.js says. */
static bool attributes(struct screen *screen, int32_t value, uint32_t collected)
{
    if (collected == 0 && value == 0)
        answer(screen, "\x1b[?1;2c");
    else if (collected == '>' && value == 0)
        answer(screen, "\x1b[>0;276;0c");
    return true;
}

static bool status(struct screen *screen, int32_t value, bool private)
{
    if (value == 5 && !private)
        answer(screen, "\x1b[0n");
    else if (value == 6)
        answer(screen, "\x1b[%s%d;%dR", private ? "?" : "", screen->y + 1, screen->x + 1);
    return true;
}

static bool mode(struct screen *screen, int32_t number, bool private)
{
    answer(screen, "\x1b[%s%d;%d$y", private ? "?" : "", number, modes_report(screen, number, private));
    return true;
}

/* XTWINOPS: sizes are answered, in characters; titles, positions and the like are not given away. */
static bool window(struct screen *screen, int32_t value)
{
    if (value == 18 || value == 19)
        answer(screen, "\x1b[%d;%d;%dt", value == 18 ? 8 : 9, screen->rows, screen->columns);
    return value >= 11 && value <= 21;
}

/* XTVERSION, kitty's keyboard query, xterm's key modifier query: no answer, but not for viewers either. */
static bool unanswered(uint32_t collected, char final)
{
    return (collected == '>' && final == 'q') || (collected == '?' && (final == 'u' || final == 'm'));
}

bool answers_csi(struct screen *screen, const struct parser_parameters *parameters, uint32_t collected,
                 char final)
{
    int32_t value = parameters->values[0];
    bool private = collected == '?' || collected == ('?' << 8 | '$');
    if (final == 'c' && (collected == 0 || collected == '>' || collected == '='))
        return attributes(screen, value, collected);
    if (final == 'n' && (collected == 0 || private))
        return status(screen, value, private);
    if (final == 'p' && (collected & 0xff) == '$')
        return mode(screen, value, private);
    if (final == 't' && collected == 0)
        return window(screen, value);
    return unanswered(collected, final);
}

/* --- OSC --- */

static void set_title(struct screen *screen, struct slice text)
{
    size_t size = 0;
    while (text.size > 0) {
        int length = utf8_character(text);
        struct slice character = slice_between(text, 0, length > 0 ? (size_t)length : 1);
        bool shown =
            length > 0 && (unsigned char)text.data[0] >= 0x20 &&
            !(length == 2 && (unsigned char)text.data[0] == 0xc2 && (unsigned char)text.data[1] < 0xa0);
        text = slice_from(text, character.size);
        if (!shown)
            continue;
        if (size + character.size > SCREEN_TITLE_MOST)
            break;
        memcpy(screen->title + size, character.data, character.size);
        size += character.size;
    }
    screen->title[size] = '\0';
    if (screen->settings.on_title)
        screen->settings.on_title(screen->settings.owner, slice_of(screen->title, size));
}

/* OSC 10 to 12 with "?": the colours of xterm.js' theme; a program that asks waits for an answer. */
static bool colour(struct screen *screen, uint64_t number, struct slice text)
{
    bool query = false;
    for (struct slice part; text.data && number <= 12 && slice_next(&text, ';', &part); number++)
        if (slice_equal(part, SLICE("?"))) {
            answer(screen, "\x1b]%d;rgb:%s\x1b\\", (int)number,
                   number == 11 ? "0000/0000/0000" : "ffff/ffff/ffff");
            query = true;
        }
    return query;
}

bool answers_osc(struct screen *screen, struct slice bytes)
{
    uint64_t number;
    size_t end = slice_find(bytes, ';');
    screen->join = 0;
    if (!slice_to_u64(slice_between(bytes, 0, end), &number))
        return false;
    struct slice text = slice_from(bytes, end + 1);
    if ((number == 0 || number == 2) && end < bytes.size)
        set_title(screen, text);
    if (number >= 10 && number <= 12)
        return colour(screen, number, text);
    /* A colour of the palette, the clipboard: nobody may ask for these. */
    return (number == 4 || number == 52) && slice_ends_with(text, SLICE(";?"));
}

/* --- DCS --- */

/* DECRQSS; XTGETTCAP is not answered, nor passed on. */
bool answers_dcs(struct screen *screen, uint32_t collected, char final, struct slice bytes)
{
    screen->join = 0;
    if (final != 'q' || (collected != '$' && collected != '+'))
        return false;
    if (collected == '+')
        return true;
    int style = screen->cursor_style ? screen->cursor_style : screen_mode(screen, MODE_BLINK) ? 1 : 2;
    if (slice_equal(bytes, SLICE("\"q")))
        answer(screen, "\x1bP1$r%d\"q\x1b\\", screen->pen.bg & CELL_PROTECTED ? 1 : 0);
    else if (slice_equal(bytes, SLICE("\"p")))
        answer(screen, "\x1bP1$r61;1\"p\x1b\\");
    else if (slice_equal(bytes, SLICE("r")))
        answer(screen, "\x1bP1$r%d;%dr\x1b\\", screen->page->top + 1, screen->page->bottom + 1);
    else if (slice_equal(bytes, SLICE("m")))
        answer(screen, "\x1bP1$r0m\x1b\\");
    else if (slice_equal(bytes, SLICE(" q")))
        answer(screen, "\x1bP1$r%d q\x1b\\", style);
    else
        answer(screen, "\x1bP0$r\x1b\\");
    return true;
}
