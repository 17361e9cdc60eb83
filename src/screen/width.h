/* How many columns a character takes: 0, 1 or 2, as xterm.js with its Unicode 11 widths has it. */
#pragma once

#include <stdint.h>

/* code >= 0xa0 */
unsigned width_of_other(uint32_t code);

static inline unsigned width_of(uint32_t code)
{
    if (code < 0x300)
        return code >= 0x20 && (code < 0x7f || code >= 0xa0);
    if (code >= 0x4e00 && code <= 0x9fff)
        return 2;
    return width_of_other(code);
}
