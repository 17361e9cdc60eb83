/* What G0 to G3 can be designated to: ASCII and the VT100's sets of 94 characters in which some are others.
 */
#pragma once

#include <stdint.h>

enum { CHARSET_ASCII = 0 };

/* The set that is designated by `final` ("(0": line drawing); -1 for one that is not known. */
int charset_of(char final);
/* The other way round. */
char charset_final(unsigned charset);

/* `code` (0x20 to 0x7e) read in that set. */
uint32_t charset_map(unsigned charset, uint32_t code);

/* What has to be written in that set for `code` to come out; any other is written as it is. */
uint32_t charset_unmap(unsigned charset, uint32_t code);
