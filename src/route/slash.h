/* "/x" → "/x/": where a page's relative links need the slash (contract §1 "Matching"). */
#pragma once

#include "http/exchange.h"

/* Answers 308 to the same path with a slash at its end, query kept. False, with nothing answered, for a path
 * that a browser could read as another site's. */
bool slash_redirect(struct exchange *exchange);
