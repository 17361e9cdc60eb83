/* Files for browsers that are part of the executable (folder web/, made into a table by tools/embed): the
 * same on every listener, for whoever asks, like the sign-in page. */
#pragma once

#include "http/exchange.h"

struct asset {
    const char *name; /* "terminal.js" */
    const char *path; /* "/_reeve/terminal-0123456789ab.js" */
    const char *type; /* of its content */
    /* Entity tags of the two forms that it has: as it is, and in gzip. */
    const char *tag, *packed_tag;
    bool immutable; /* a hash is in its path: never another content there */
    struct slice plain, packed;
};

extern const struct asset assets_table[];
extern const size_t assets_count;

/* NULL: there is none at this path. */
const struct asset *assets_find(struct slice path);
/* Where a page of ours finds one; NULL: it is not built in. */
const char *assets_path(const char *name);
/* Answers with it, compressed when the client takes gzip. */
void assets_answer(struct exchange *exchange, const struct asset *asset);

/* Whether an Accept-Encoding field lets gzip through (RFC 9110 §12.5.3); data NULL: there is none, and then
 * it does not. */
bool assets_takes_gzip(struct slice accept_encoding);
