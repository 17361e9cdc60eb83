/* What a directory holds, as far as `reeve init` can tell: the services to keep and the files to serve. */
#pragma once

#include <stdbool.h>

enum { RECOGNISE_SERVICES = 6, RECOGNISE_NAME_SIZE = 64 };

struct recognised_service {
    char name[RECOGNISE_NAME_SIZE];
    char *command; /* the value of `command:`, as YAML */
    char *address; /* instead of a command: kept by somebody else */
};

/* The first finding of each kind rules. */
struct recognised {
    const char *because; /* what told; NULL: nothing was recognised, and the first service is an example */
    struct recognised_service services[RECOGNISE_SERVICES];
    int count;
    bool web;          /* the first service answers requests */
    bool pages;        /* ... also those for pages, so `files` are not needed */
    const char *files; /* a folder with an index.html; NULL: none */
};

/* Looks at the current directory. */
void recognise(struct recognised *found);
void recognise_free(struct recognised *found);
