/* Select Graphic Rendition (ECMA-48 8.3.117, xterm's extensions): parameters onto a pen, and a pen as such a
 * sequence. */
#pragma once

#include "base/buffer.h"
#include "screen/cell.h"
#include "screen/parser.h"

void sgr_apply(struct cell *pen, const struct parser_parameters *parameters);

/* Appends what turns `from` into `to`; nothing when they look the same. Protection (DECSCA) belongs to it. */
void sgr_change(const struct cell *from, const struct cell *to, struct buffer *out);
