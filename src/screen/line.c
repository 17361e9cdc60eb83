/* A row of cells as bytes. Cells hold no controls, so some of these say what is not plain text. */
#include <string.h>

#include "base/utf8.h"
#include "screen/line.h"
#include "screen/width.h"

enum token {
    TOKEN_EMPTY = 0x00,
    TOKEN_PEN = 0x01,   /* a byte that says which parts changed, then these */
    TOKEN_JOIN = 0x02,  /* the next character belongs to the cell before */
    TOKEN_STUB = 0x03,  /* the second half of a wide character that has no first */
    TOKEN_WIDTH = 0x04, /* a byte: how wide the next character is; no second half follows by itself */
    TOKEN_GAP = 0x05    /* a byte: so many empty cells */
};

enum { CHANGED_FG = 1, CHANGED_BG = 2, CHANGED_UNDERLINE = 4, CHANGED_LINK = 8 };
enum {
    LINE_WRAPPED = 1,
    LINE_COLOURED = 2,
    MOST_PER_CELL = 4 * CLUSTER_MOST + CLUSTER_MOST + 20,
    MOST_GAP = 255
};

size_t line_utf8(uint32_t code, char *bytes)
{
    if (code < 0x80) {
        bytes[0] = (char)code;
        return 1;
    }
    size_t size = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (size_t i = size - 1; i > 0; i--, code >>= 6)
        bytes[i] = (char)(0x80 | (code & 0x3f));
    bytes[0] = (char)(code | (size == 2 ? 0xc0 : size == 3 ? 0xe0 : 0xf0));
    return size;
}

/* --- cells → bytes --- */

static char *put_word(char *to, uint32_t word)
{
    memcpy(to, &word, sizeof word);
    return to + sizeof word;
}

static bool same_pen(const struct cell *a, const struct cell *b)
{
    return a->fg == b->fg && a->bg == b->bg && a->underline == b->underline &&
           a->content >> CELL_LINK_SHIFT == b->content >> CELL_LINK_SHIFT;
}

static char *put_pen(char *to, struct cell *pen, const struct cell *cell)
{
    unsigned link = cell->content >> CELL_LINK_SHIFT;
    unsigned changed = (pen->fg != cell->fg ? CHANGED_FG : 0) | (pen->bg != cell->bg ? CHANGED_BG : 0) |
                       (pen->underline != cell->underline ? CHANGED_UNDERLINE : 0) |
                       (pen->content >> CELL_LINK_SHIFT != link ? CHANGED_LINK : 0);
    *to++ = TOKEN_PEN;
    *to++ = (char)changed;
    if (changed & CHANGED_FG)
        to = put_word(to, cell->fg);
    if (changed & CHANGED_BG)
        to = put_word(to, cell->bg);
    if (changed & CHANGED_UNDERLINE)
        to = put_word(to, cell->underline);
    if (changed & CHANGED_LINK)
        *to++ = (char)link;
    *pen = *cell;
    return to;
}

static char *put_codes(char *to, const struct cell *cell, const struct clusters *clusters)
{
    uint32_t content = cell->content & CELL_CODE;
    if (!(cell->content & CELL_CLUSTER))
        return to + line_utf8(content, to);
    const struct cluster *cluster = clusters_get(clusters, content);
    to += line_utf8(cluster->codes[0], to);
    for (size_t i = 1; i < cluster->count; i++) {
        *to++ = TOKEN_JOIN;
        to += line_utf8(cluster->codes[i], to);
    }
    return to;
}

static uint32_t first_code(const struct cell *cell, const struct clusters *clusters)
{
    uint32_t content = cell->content & CELL_CODE;
    return cell->content & CELL_CLUSTER ? clusters_get(clusters, content)->codes[0] : content;
}

/* Writes the cell at *x (and its second half, and empty cells like it) and moves on. */
static char *put_cell(char *to, const struct row *row, int *x, const struct clusters *clusters)
{
    const struct cell *cell = &row->cells[*x];
    if (cell_is_stub(cell)) {
        ++*x;
        *to++ = TOKEN_STUB;
        return to;
    }
    if (!cell_has_content(cell)) {
        int start = *x;
        while (*x < row->used && *x - start < MOST_GAP && memcmp(&row->cells[*x], cell, sizeof *cell) == 0)
            ++*x;
        *to++ = *x - start == 1 ? TOKEN_EMPTY : TOKEN_GAP;
        if (*x - start > 1)
            *to++ = (char)(*x - start);
        return to;
    }
    unsigned width = cell_width(cell);
    bool whole = width < 2 || (*x + 1 < row->used && cell_is_stub(&cell[1]) && same_pen(&cell[1], cell));
    if (!whole || width != width_of(first_code(cell, clusters))) {
        *to++ = TOKEN_WIDTH;
        *to++ = (char)width;
        whole = false;
    }
    *x += width == 2 && whole ? 2 : 1;
    return put_codes(to, cell, clusters);
}

void line_encode(const struct row *row, const struct clusters *clusters, struct buffer *out)
{
    struct cell pen = {0}, blank = {.content = CELL_EMPTY, .bg = row->bg};
    struct row shown = *row;
    while (shown.used > 0 && memcmp(&row->cells[shown.used - 1], &blank, sizeof blank) == 0)
        shown.used--;
    buffer_clear(out);
    char *start = buffer_reserve(out, 8 + (size_t)shown.used * MOST_PER_CELL), *to = start;
    if (!start)
        return;
    *to++ = (char)((row->wrapped ? LINE_WRAPPED : 0) | (row->bg ? LINE_COLOURED : 0));
    if (row->bg)
        to = put_word(to, row->bg);
    for (int x = 0; x < shown.used;) {
        const struct cell *cell = &shown.cells[x];
        if (!same_pen(cell, &pen))
            to = put_pen(to, &pen, cell);
        uint32_t plain = cell->content & (CELL_CONTENT | CELL_WIDTH);
        if (plain >= (CELL_EMPTY | 0x20) && plain < (CELL_EMPTY | 0x7f)) {
            *to++ = (char)plain;
            x++;
        } else {
            to = put_cell(to, &shown, &x, clusters);
        }
    }
    buffer_added(out, (size_t)(to - start));
}

/* --- bytes → cells --- */

struct decoding {
    struct slice rest;
    const struct grid *grid;
    struct clusters *clusters;
    struct row *row;
    struct cell pen;
};

static unsigned take_byte(struct decoding *decoding)
{
    unsigned byte = decoding->rest.size ? (unsigned char)decoding->rest.data[0] : 0;
    decoding->rest = slice_from(decoding->rest, 1);
    return byte;
}

static uint32_t take_word(struct decoding *decoding)
{
    uint32_t word = 0;
    if (decoding->rest.size >= sizeof word)
        memcpy(&word, decoding->rest.data, sizeof word);
    decoding->rest = slice_from(decoding->rest, sizeof word);
    return word;
}

static uint32_t take_code(struct decoding *decoding)
{
    unsigned byte = take_byte(decoding);
    if (byte < 0x80)
        return byte;
    int more = byte < 0xe0 ? 1 : byte < 0xf0 ? 2 : 3;
    uint32_t code = byte & (0x3f >> more);
    while (more-- > 0)
        code = code << 6 | (take_byte(decoding) & 0x3f);
    return code;
}

static void take_pen(struct decoding *decoding)
{
    unsigned changed = take_byte(decoding);
    if (changed & CHANGED_FG)
        decoding->pen.fg = take_word(decoding);
    if (changed & CHANGED_BG)
        decoding->pen.bg = take_word(decoding);
    if (changed & CHANGED_UNDERLINE)
        decoding->pen.underline = take_word(decoding);
    if (changed & CHANGED_LINK)
        decoding->pen.content = (uint32_t)take_byte(decoding) << CELL_LINK_SHIFT;
}

static void add_cell(struct decoding *decoding, uint32_t code, unsigned width)
{
    struct row *row = decoding->row;
    if (row->used == decoding->grid->columns)
        return;
    grid_cells(decoding->grid, row, row->used + 1)[row->used - 1] = cell_of(&decoding->pen, code, width);
}

/* A character and what joins it. */
static void take_character(struct decoding *decoding, int width)
{
    uint32_t codes[CLUSTER_MOST] = {take_code(decoding)};
    size_t count = 1;
    while (decoding->rest.size && decoding->rest.data[0] == TOKEN_JOIN) {
        take_byte(decoding);
        uint32_t code = take_code(decoding);
        if (count < CLUSTER_MOST)
            codes[count++] = code;
    }
    int32_t number = count > 1 ? clusters_add(decoding->clusters, codes, count) : -1;
    unsigned natural = width < 0 ? width_of(codes[0]) : (unsigned)width;
    add_cell(decoding, number >= 0 ? (uint32_t)number | CELL_CLUSTER : codes[0], natural);
    if (width < 0 && natural == 2)
        add_cell(decoding, 0, 0);
}

void line_decode(struct slice bytes, const struct grid *grid, struct clusters *clusters, struct row *row)
{
    struct decoding decoding = {.rest = bytes, .grid = grid, .clusters = clusters, .row = row};
    unsigned flags = take_byte(&decoding);
    row->wrapped = flags & LINE_WRAPPED;
    row->bg = flags & LINE_COLOURED ? take_word(&decoding) : 0;
    while (decoding.rest.size > 0) {
        int first = decoding.rest.data[0];
        if (first >= 0x20 || first < 0) {
            take_character(&decoding, -1);
            continue;
        }
        take_byte(&decoding);
        if (first == TOKEN_PEN)
            take_pen(&decoding);
        else if (first == TOKEN_STUB)
            add_cell(&decoding, 0, 0);
        else if (first == TOKEN_WIDTH)
            take_character(&decoding, (int)take_byte(&decoding));
        else
            for (unsigned count = first == TOKEN_GAP ? take_byte(&decoding) : 1; count > 0; count--)
                add_cell(&decoding, 0, 1);
    }
}

bool line_is_wrapped(struct slice bytes)
{
    return bytes.size > 0 && (bytes.data[0] & LINE_WRAPPED);
}

void line_text(const struct row *row, const struct clusters *clusters, struct buffer *out)
{
    size_t spaces = 0;
    for (int x = 0; x < row->used; x++) {
        const struct cell *cell = &row->cells[x];
        if (cell_is_stub(cell))
            continue;
        if (!cell_has_content(cell) || (cell->content & CELL_CONTENT) == ' ') {
            spaces++;
            continue;
        }
        for (; spaces > 0; spaces--)
            buffer_append(out, SLICE(" "));
        uint32_t single = first_code(cell, clusters);
        const struct cluster *cluster =
            cell->content & CELL_CLUSTER ? clusters_get(clusters, cell->content & CELL_CODE) : NULL;
        for (size_t i = 0; i < (cluster ? cluster->count : 1); i++) {
            char bytes[4];
            buffer_append(out, slice_of(bytes, line_utf8(cluster ? cluster->codes[i] : single, bytes)));
        }
    }
}
