/* What a file is, by the end of its name: the Content-Type that static files are sent with. */
#pragma once

#include "base/slice.h"

/* "text/html; charset=utf-8" for "index.html"; "application/octet-stream" for an unknown or missing
 * extension. Letters count in any case. A constant. */
struct slice media_type(struct slice name);
bool media_is_html(struct slice name);
/* True for "app-4f3a2b1c.js" and "chunk.4f3a2b1c9d.css.map", as bundlers name files whose content never
 * changes: eight or more letters and digits, of both kinds, behind a - or . before the extension. */
bool media_is_hashed(struct slice name);
