/* The users file as it is now: looked at once a second, read again when it is another one. */
#pragma once

#include <sys/stat.h>

#include "admit/users.h"

struct roster {
    char *path;
    struct users *users; /* of the last time it could be read; NULL: never */
    struct stat seen;    /* what was read, or could not be */
    bool broken;         /* the last look found no file, or one that does not parse */
};

/* Reads it for the first time. False with the text: it is missing (and what makes it) or does not parse. */
bool roster_open(struct roster *roster, const char *path, struct error *error);

enum roster_news {
    ROSTER_SAME,
    ROSTER_CHANGED, /* other users than before */
    ROSTER_BROKEN,  /* it cannot be read any more, told once; the last users stay */
};
enum roster_news roster_look(struct roster *roster, struct error *error);

const struct user *roster_find(const struct roster *roster, const char *name);
/* A descriptor to read it with, for a helper; -errno. */
int roster_descriptor(const struct roster *roster);
void roster_close(struct roster *roster);
