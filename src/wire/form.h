/* application/x-www-form-urlencoded (WHATWG URL §5.1): what a form of a page sends. Pure. */
#pragma once

#include "base/slice.h"

/* The value of the first pair with that name, decoded into memory[form.size], which is written only by a pair
 * with that name. data NULL: there is none; false: a pair with a broken %XX, or a name that comes twice. */
bool form_value(struct slice form, struct slice name, char *memory, struct slice *value);
