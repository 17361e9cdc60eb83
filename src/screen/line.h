/* A row of cells as bytes: UTF-8 and, where it changes, the pen. */
#pragma once

#include "base/buffer.h"
#include "screen/clusters.h"
#include "screen/grid.h"

/* Most bytes that a row of SCREEN_MOST cells can take. */
enum { LINE_MOST = 1000 * (4 * CLUSTER_MOST + 32) };

/* Replaces what `out` holds. */
void line_encode(const struct row *row, const struct clusters *clusters, struct buffer *out);

/* Fills an emptied row; cells beyond the grid's columns are left out. Clusters for which there is no place
 * any more come back as their first character. */
void line_decode(struct slice bytes, const struct grid *grid, struct clusters *clusters, struct row *row);

/* What a line begins with. */
bool line_is_wrapped(struct slice bytes);

/* Appends the row's text as UTF-8, without the spaces at its end. */
void line_text(const struct row *row, const struct clusters *clusters, struct buffer *out);

/* Writes `code` as UTF-8 into bytes[4]; returns its size. */
size_t line_utf8(uint32_t code, char *bytes);
