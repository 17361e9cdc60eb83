/* Where in its file a value stands, and lists of text: what every value of the configuration is made of. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Lines and columns count from 1; line 0: the whole file. */
struct config_place {
    const char *file; /* as the user named it */
    int line;
    int column;
};

/* First member of everything that has keys of its own. */
struct config_item {
    struct config_place place;
    const struct config_written *written; /* which settings were in the file, and where */
};

struct config_texts {
    char **items;
    size_t count;
};
