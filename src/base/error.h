/* Text for "cannot start" and "cannot do this": filled where the trouble is known, shown by whoever
 * asked (style §2.9). It says what was found, where, what is allowed, what to do. */
#pragma once

#include <stdbool.h>

enum { ERROR_TEXT_SIZE = 4096 };

struct error {
    char text[ERROR_TEXT_SIZE]; /* empty: no error; cut at the end when longer */
};

/* Sets the text, replacing an earlier one; `error` may be NULL. Always returns false, so that
 * `return error_set(error, ...)` ends a bool function. */
__attribute__((format(printf, 2, 3))) bool error_set(struct error *error, const char *format, ...);

/* Puts "context: " before the text. Returns false. */
__attribute__((format(printf, 2, 3))) bool error_prefix(struct error *error, const char *format, ...);
