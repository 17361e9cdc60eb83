/* Request targets and authorities (RFC 3986, RFC 9110 §4): split, decoded once, normalised; and encoded
 * again.
 *
 * One reading for all: dot segments ("." and "..", also written %2e) are removed from both forms of the path
 * before anybody matches or forwards it; a ".." above the root, a NUL or control character, a broken percent
 * sequence and a raw '#' are refused. An encoded slash never separates: it stays "%2F" inside its segment,
 * and a segment that would hold a dot segment if its %2F were slashes is refused. A backslash is an ordinary
 * byte. */
#pragma once

#include "base/buffer.h"
#include "base/slice.h"

struct uri {
    /* Decoded once, for matching and for files: starts with '/', no dot segments, no empty segments ("//" is
     * read as "/"), may end with '/'. */
    struct slice path;
    /* Still encoded, for forwarding: no dot segments; empty segments are kept as sent. */
    struct slice raw_path;
    struct slice query; /* without '?', as sent; data is NULL when there was none */
};

/* How many bytes of memory uri_parse() needs for this target: 0 for most. */
size_t uri_memory(struct slice target);
/* `target` is "/path?query". The slices point into it or into `memory`, uri_memory(target) bytes. False:
 * answer 400; or `memory` is NULL and the target needs some. */
bool uri_parse(struct slice target, char *memory, struct uri *uri);

/* Cuts the next segment off a path: "/a/b/" gives "a", "b", "" (an empty one for the slash at the end); start
 * with the whole path, at the end rest->data becomes NULL. */
bool uri_next_segment(struct slice *rest, struct slice *segment);
/* The raw path without its first `count` segments that are not empty: ("/a//b/c", 2) gives "/c", and "" when
 * nothing is left. `count` counted in `path` gives the same place in `raw_path`. */
struct slice uri_skip_segments(struct slice raw_path, size_t count);

/* Appends bytes so that they can stand in the path of a Location: '/', unreserved, sub-delims, ':' and '@' as
 * they are, anything else as %XX. False when the limit would be exceeded. */
bool uri_encode_path(struct buffer *buffer, struct slice path);
/* The same for one value in a query: only unreserved bytes stay. */
bool uri_encode_value(struct buffer *buffer, struct slice value);
/* Decodes %XX (and '+' as a space when `plus`) into memory[text.size]; false on a broken sequence. */
bool uri_decode(struct slice text, bool plus, char *memory, struct slice *decoded);

enum { URI_MEMO_LONGEST = 64 };

enum uri_host_kind { URI_NAME, URI_IPV4, URI_IPV6 };

struct uri_host {
    struct slice name; /* without brackets, port and the dot at the end */
    int port;          /* -1: none given */
    enum uri_host_kind kind;
    bool folded; /* certainly without capital letters: uri_fold_host() would give the name itself */
};

/* "Example.COM.:8080" → "Example.COM", 8080. False when it is no host: empty, userinfo, characters outside
 * reg-name, a broken IPv6 literal, a port above 65535. */
bool uri_read_host(struct slice authority, struct uri_host *host);

/* The latest good authority: a client names the same one in each request. An all-zero struct knows none. */
struct uri_memo {
    struct uri_host host; /* its slice is of a text that is gone: only its size counts */
    uint8_t before;       /* bytes of `text` before the name */
    uint8_t size;
    char text[URI_MEMO_LONGEST];
};

/* The same as uri_read_host(), and quicker when it is what `memo` knows. */
bool uri_read_host_again(struct slice authority, struct uri_memo *memo, struct uri_host *host);
/* The name in lower case: itself when it is so already, else written to memory[name.size]. */
struct slice uri_fold_host(struct slice name, char *memory);
/* Both; memory[authority.size]. */
bool uri_split_host(struct slice authority, char *memory, struct uri_host *host);
