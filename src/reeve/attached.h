/* The user's terminal and the link to a program's (wire/terminal.h), each passed on to the other until one
 * ends.
 *
 * Reads no more of one side than the other takes, and waits without work for a terminal that takes nothing.
 * What the link has brought before it ended is shown first, unless the terminal takes none of it for
 * ATTACHED_LAST_MS. */
#pragma once

#include "loop/loop.h"

#include "reeve/keys.h"
#include "reeve/raw.h"

struct attached;

enum { ATTACHED_LAST_MS = 10000 };

enum attached_end {
    ATTACHED_OPEN,
    ATTACHED_DETACHED, /* by its keys */
    ATTACHED_ENDED,    /* the program has, and the sentence says how */
    ATTACHED_LOST,     /* its hold has gone without a word */
    ATTACHED_HUNG_UP,  /* this terminal has gone */
};

struct attached_settings {
    const struct raw *raw; /* stays the caller's */
    struct keys keys;      /* what detaches */
    const char *name;      /* the title of a program that has none */
    bool view;             /* nothing is typed */
    void (*on_end)(void *owner);
    void *owner;
};

/* Takes `link` over; NULL (link closed) when one of both cannot be watched. on_end fires once, from the loop,
 * and may free it. */
struct attached *attached_new(struct loop *loop, int link, const struct attached_settings *settings);
/* The terminal has another size, or may have. */
void attached_resize(struct attached *attached);
enum attached_end attached_end(const struct attached *attached);
const char *attached_sentence(const struct attached *attached);
/* What the terminal takes of the last screen at once is written. */
void attached_free(struct attached **attached);
