/* Select Graphic Rendition. */
#include "screen/sgr.h"

/* xterm.js takes 59 as white; so that it stays that, it is a colour of its own here. */
#define COLOUR_OF_59 COLOUR

enum { STYLE_SINGLE = 1, STYLE_DOUBLE = 2, STYLE_MOST = 5 };

static void set_underline(struct cell *pen, unsigned style)
{
    if (style > STYLE_MOST)
        style = STYLE_SINGLE;
    pen->underline = (pen->underline & ~UNDERLINE_STYLE) | style << UNDERLINE_STYLE_SHIFT;
    pen->fg = style ? pen->fg | CELL_UNDERLINED : pen->fg & ~CELL_UNDERLINED;
    pen->bg = style ? pen->bg | CELL_STYLED : pen->bg & ~CELL_STYLED;
}

static void reset(struct cell *pen)
{
    pen->fg = pen->bg = pen->underline = 0;
}

/* --- 38, 48, 58: colours by semicolons, by colons, by a mix --- */

/* What was read, put into order: kind (2 RGB, 5 indexed), a colour space that does not count, up to three
 * values. */
enum { PART_TARGET, PART_KIND, PART_SPACE, PART_FIRST, PARTS = 6, KIND_RGB = 2, KIND_INDEXED = 5 };

static void read_subs(const struct parser_parameters *parameters, int at, int32_t *parts, int filled,
                      int shift)
{
    int start = parameters->sub_start[at], end = parameters->sub_end[at];
    for (int i = 0; i < end - start && (i == 0 || filled + i + shift < PARTS); i++) {
        if (parts[PART_KIND] == KIND_INDEXED)
            shift = 1;
        int place = filled + i + 1 + shift;
        if (place < PARTS)
            parts[place] = parameters->subs[start + i];
    }
}

/* Returns how many parameters beyond the first it took. */
static int read_colour(const struct parser_parameters *parameters, int at, int32_t *parts)
{
    int taken = 0, shift = 0;
    do {
        parts[taken + shift] = parameters->values[at + taken];
        if (parameters->sub_end[at + taken] > parameters->sub_start[at + taken]) {
            read_subs(parameters, at + taken, parts, taken, shift);
            break;
        }
        if ((parts[PART_KIND] == KIND_INDEXED && taken + shift >= 2) ||
            (parts[PART_KIND] == KIND_RGB && taken + shift >= 5))
            break;
        if (parts[PART_KIND])
            shift = 1;
    } while (++taken + at < parameters->count && taken + shift < PARTS);
    return taken;
}

static uint32_t colour(uint32_t old, const int32_t *parts)
{
    uint32_t value[3];
    for (int i = 0; i < 3; i++)
        value[i] = parts[PART_FIRST + i] == -1 ? 0 : (uint32_t)parts[PART_FIRST + i] & 0xff;
    if (parts[PART_KIND] == KIND_RGB)
        return (old & ~COLOUR) | COLOUR_RGB | value[0] << 16 | value[1] << 8 | value[2];
    if (parts[PART_KIND] == KIND_INDEXED)
        return (old & ~COLOUR) | COLOUR_INDEXED | value[0];
    return old;
}

static int extended(struct cell *pen, const struct parser_parameters *parameters, int at)
{
    int32_t parts[PARTS] = {0, 0, -1, 0, 0, 0};
    int taken = read_colour(parameters, at, parts);
    uint32_t *target = parts[PART_TARGET] == 38   ? &pen->fg
                       : parts[PART_TARGET] == 48 ? &pen->bg
                                                  : &pen->underline;
    *target = colour(*target, parts);
    return taken;
}

/* --- the others --- */

/* Flags that a parameter sets and clears. */
static const struct {
    uint32_t set_fg, set_bg, clear_fg, clear_bg;
} flags[] = {
    [1] = {.set_fg = CELL_BOLD},         [2] = {.set_bg = CELL_DIM},
    [3] = {.set_bg = CELL_ITALIC},       [5] = {.set_fg = CELL_BLINK},
    [7] = {.set_fg = CELL_INVERSE},      [8] = {.set_fg = CELL_INVISIBLE},
    [9] = {.set_fg = CELL_STRUCK},       [22] = {.clear_fg = CELL_BOLD, .clear_bg = CELL_DIM},
    [23] = {.clear_bg = CELL_ITALIC},    [25] = {.clear_fg = CELL_BLINK},
    [27] = {.clear_fg = CELL_INVERSE},   [28] = {.clear_fg = CELL_INVISIBLE},
    [29] = {.clear_fg = CELL_STRUCK},    [39] = {.clear_fg = COLOUR},
    [49] = {.clear_bg = COLOUR},         [53] = {.set_bg = CELL_OVERLINED},
    [55] = {.clear_bg = CELL_OVERLINED},
};

static void set_basic(uint32_t *part, int32_t number, uint32_t bright)
{
    *part = (*part & ~COLOUR) | COLOUR_BASIC | (uint32_t)number | bright;
}

static bool apply_basic(struct cell *pen, int32_t value)
{
    if (value >= 30 && value <= 37)
        set_basic(&pen->fg, value - 30, 0);
    else if (value >= 40 && value <= 47)
        set_basic(&pen->bg, value - 40, 0);
    else if (value >= 90 && value <= 97)
        set_basic(&pen->fg, value - 90, 8);
    else if (value >= 100 && value <= 107)
        set_basic(&pen->bg, value - 100, 8);
    else
        return false;
    return true;
}

static void apply_one(struct cell *pen, const struct parser_parameters *parameters, int at)
{
    int32_t value = parameters->values[at];
    if (apply_basic(pen, value))
        return;
    bool has_sub = parameters->sub_end[at] > parameters->sub_start[at];
    int32_t sub = has_sub ? parameters->subs[parameters->sub_start[at]] : STYLE_SINGLE;
    switch (value) {
    case 0:
        reset(pen);
        break;
    case 4:
        set_underline(pen, (unsigned)sub);
        break;
    case 21:
        set_underline(pen, STYLE_DOUBLE);
        break;
    case 24:
        set_underline(pen, 0);
        break;
    case 59:
        pen->underline = (pen->underline & ~COLOUR) | COLOUR_OF_59;
        break;
    default:
        if (value < (int32_t)(sizeof flags / sizeof flags[0])) {
            pen->fg = (pen->fg & ~flags[value].clear_fg) | flags[value].set_fg;
            pen->bg = (pen->bg & ~flags[value].clear_bg) | flags[value].set_bg;
        }
        break;
    }
}

void sgr_apply(struct cell *pen, const struct parser_parameters *parameters)
{
    for (int i = 0; i < parameters->count; i++) {
        int32_t value = parameters->values[i];
        if (value == 38 || value == 48 || value == 58)
            i += extended(pen, parameters, i);
        else
            apply_one(pen, parameters, i);
    }
}

/* --- a pen as text --- */

static void append_colour(uint32_t colour, int base, struct buffer *out)
{
    unsigned value = colour & COLOUR_VALUE;
    switch (colour & COLOUR_KIND) {
    case COLOUR_BASIC:
        buffer_append_format(out, ";%u", (value & 7) + (unsigned)base + (value & 8 ? 60 : 0));
        break;
    case COLOUR_INDEXED:
        buffer_append_format(out, ";%d;5;%u", base + 8, value & 0xff);
        break;
    case COLOUR_RGB:
        buffer_append_format(out, ";%d;2;%u;%u;%u", base + 8, value >> 16, value >> 8 & 0xff, value & 0xff);
        break;
    default:
        break;
    }
}

static void append_underline(const struct cell *pen, struct buffer *out)
{
    unsigned style = cell_underline(pen);
    if (style == STYLE_SINGLE)
        buffer_append_text(out, ";4");
    else if (style)
        buffer_append_format(out, ";4:%u", style);
    uint32_t value = pen->underline & COLOUR_VALUE;
    if ((pen->underline & COLOUR) == COLOUR_OF_59)
        buffer_append_text(out, ";59");
    else if ((pen->underline & COLOUR_KIND) == COLOUR_RGB)
        buffer_append_format(out, ";58:2::%u:%u:%u", value >> 16, value >> 8 & 0xff, value & 0xff);
    else if ((pen->underline & COLOUR_KIND) == COLOUR_INDEXED)
        buffer_append_format(out, ";58:5:%u", value & 0xff);
}

static void append_flags(const struct cell *pen, struct buffer *out)
{
    for (unsigned i = 1; i < sizeof flags / sizeof flags[0]; i++)
        if ((flags[i].set_fg & pen->fg) || (flags[i].set_bg & pen->bg))
            buffer_append_format(out, ";%u", i);
}

/* A pen without what has no effect on what it writes, so that equal looks are equal pens. */
static struct cell looks(const struct cell *pen)
{
    struct cell look = {
        .fg = pen->fg & ~CELL_UNDERLINED, .bg = pen->bg & ~CELL_STYLED, .underline = pen->underline & COLOUR};
    look.underline |= cell_underline(pen) << UNDERLINE_STYLE_SHIFT;
    return look;
}

void sgr_change(const struct cell *from, const struct cell *to, struct buffer *out)
{
    struct cell a = looks(from), b = looks(to);
    if (a.fg == b.fg && a.bg == b.bg && a.underline == b.underline)
        return;
    buffer_append_text(out, "\x1b[0");
    append_flags(to, out);
    append_underline(to, out);
    append_colour(to->fg, 30, out);
    append_colour(to->bg, 40, out);
    buffer_append_text(out, "m");
    if (to->bg & CELL_PROTECTED)
        buffer_append_text(out, "\x1b[1\"q"); /* 0 above took it away */
}
