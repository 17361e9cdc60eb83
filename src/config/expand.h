/* ${NAME}, ${NAME:-default}, ${NAME:?message} and $$, as in docker compose. What a name gives is not
 * looked at again. A $ before anything else stays as it is. */
#pragma once

#include "base/buffer.h"

#include "config/config.h"

enum expand_answer {
    EXPAND_UNSET, /* no such name: the default, or an error */
    EXPAND_VALUE, /* *value */
    EXPAND_LATE,  /* it has a value, which only a start knows: ${NAME} stays in the text */
    EXPAND_MAYBE, /* only a start knows whether it has one: default or message stay as well */
    EXPAND_BAD,   /* *value says why it may not be used here */
};

struct expand_names {
    enum expand_answer (*find)(void *owner, struct slice name, struct slice *value);
    void *owner;
    bool as_template; /* every other $ comes out as $$, so that the result can be expanded again */
};

/* Appends the result to `out`; false with the text when something has no value, or `out` is full. */
bool expand_text(struct slice text, const struct expand_names *names, struct buffer *out,
                 struct error *error);

/* config_expand() */
char *expand_template(const char *text, config_lookup_fn *lookup, void *owner, struct error *error);
/* A template as one would write it in the file: $$ only where $ alone would mean something else. */
char *expand_shown(const char *text);
/* A text as one would write it in the file. */
char *expand_escaped(const char *text);
/* Calls `use` for each name that is left in a template; what follows the name in the text is still there. */
void expand_each_name(const char *text, void (*use)(void *owner, struct slice name), void *owner);
