/* What a beginner probably meant, for YAML that does not read as it looks. Pure functions of the text. */
#pragma once

#include "config/errors.h"

/* Adds to the newest error what its line suggests and the line corrected, when it has one of the usual
 * mistakes: unquoted {x}, ${X}, [v6] or *, a tab, no space after a colon. */
void hints_add_to_last(struct config_errors *errors, struct slice source);
/* The same, for what a YAML parser could not read: it may have stopped a line too early or too late, and the
 * indentation may be the reason. */
void hints_add_to_unread(struct config_errors *errors, struct slice source);

/* The line with quotes around each value that has an unquoted {x}, ${X}, [v6] or leading *; NULL when it
 * has none. `line` is without its newline. The caller frees it. */
char *hints_quoted(struct slice line);
/* The line with a space after the colon of its first known key; NULL when that is not missing. */
char *hints_spaced(struct slice line);
/* The line with two spaces for each tab of its indentation; NULL when there is none. */
char *hints_untabbed(struct slice line);

/* What is wrong with the column in which a block line's key starts: it is that of no mapping that is open
 * there. NULL when it is. The caller frees it. */
char *hints_indented(struct slice source, int line);

/* The n-th line (from 1) without its end; data NULL when there is none. */
struct slice hints_line(struct slice source, int line);

/* The candidate nearest to a mistyped word, if it is near enough to be meant; NULL otherwise. */
const char *hints_nearest(struct slice word, const char *const *candidates, size_t count);
