/* One cell of the grid, and the pen that writes cells.
 *
 * `content`: code point, or the number of a cluster when CELL_CLUSTER is set; 0 is an empty cell. Width: 1, 2
 * for the first cell of a wide character, 0 for its second cell (which is empty). `fg` and `bg`: a colour and
 * flags. `underline`: a colour and the style, which counts when CELL_STYLED is set. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct cell {
    uint32_t content;
    uint32_t fg;
    uint32_t bg;
    uint32_t underline;
};

#define CELL_CODE        UINT32_C(0x001fffff)
#define CELL_CLUSTER     UINT32_C(0x00200000)
#define CELL_CONTENT     (CELL_CODE | CELL_CLUSTER)
#define CELL_WIDTH_SHIFT 22
#define CELL_WIDTH       (UINT32_C(3) << CELL_WIDTH_SHIFT)
#define CELL_LINK_SHIFT  24 /* the number of a hyperlink, 0: none */

/* Colours: fg, bg, underline alike. */
#define COLOUR_VALUE   UINT32_C(0x00ffffff)
#define COLOUR_KIND    UINT32_C(0x03000000)
#define COLOUR_DEFAULT UINT32_C(0x00000000)
#define COLOUR_BASIC   UINT32_C(0x01000000) /* 0 to 15, written as 30-37, 90-97 */
#define COLOUR_INDEXED UINT32_C(0x02000000) /* 0 to 255 */
#define COLOUR_RGB     UINT32_C(0x03000000)
#define COLOUR         (COLOUR_KIND | COLOUR_VALUE)

/* Flags of fg. */
#define CELL_INVERSE    UINT32_C(0x04000000)
#define CELL_BOLD       UINT32_C(0x08000000)
#define CELL_UNDERLINED UINT32_C(0x10000000)
#define CELL_BLINK      UINT32_C(0x20000000)
#define CELL_INVISIBLE  UINT32_C(0x40000000)
#define CELL_STRUCK     UINT32_C(0x80000000)

/* Flags of bg. */
#define CELL_ITALIC    UINT32_C(0x04000000)
#define CELL_DIM       UINT32_C(0x08000000)
#define CELL_STYLED    UINT32_C(0x10000000)
#define CELL_PROTECTED UINT32_C(0x20000000)
#define CELL_OVERLINED UINT32_C(0x40000000)

/* Of underline. */
#define UNDERLINE_STYLE_SHIFT 26
#define UNDERLINE_STYLE       (UINT32_C(7) << UNDERLINE_STYLE_SHIFT)

#define CELL_EMPTY (UINT32_C(1) << CELL_WIDTH_SHIFT)

static inline unsigned cell_width(const struct cell *cell)
{
    return (cell->content & CELL_WIDTH) >> CELL_WIDTH_SHIFT;
}

static inline bool cell_has_content(const struct cell *cell)
{
    return cell->content & CELL_CONTENT;
}

/* The second half of a wide character, or one that lost its first half. */
static inline bool cell_is_stub(const struct cell *cell)
{
    return (cell->content & (CELL_CONTENT | CELL_WIDTH)) == 0;
}

/* What `pen` writes: its content is its link alone. */
static inline struct cell cell_of(const struct cell *pen, uint32_t code, unsigned width)
{
    struct cell cell = *pen;
    cell.content |= code | width << CELL_WIDTH_SHIFT;
    return cell;
}

/* How the cell is underlined: 0 not, 1 single, 2 double, 3 curly, 4 dotted, 5 dashed. */
static inline unsigned cell_underline(const struct cell *cell)
{
    if (!(cell->fg & CELL_UNDERLINED))
        return 0;
    return cell->bg & CELL_STYLED ? (cell->underline & UNDERLINE_STYLE) >> UNDERLINE_STYLE_SHIFT : 1;
}
