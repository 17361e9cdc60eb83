/* The listening sockets of one gate, shared with all others: accepts its share and no more (design §2
 * "Accepting"). */
#pragma once

#include <jansson.h>

#include "loop/loop.h"
#include "net/address.h"

#include "gate/pages.h"

struct entrance;

enum { ENTRANCE_MOST = 16 }; /* as many as one message can hand over */

/* `index`: the listener's place in the snapshot. `fd` is the callee's. */
typedef void entrance_fn(void *owner, int fd, const struct address *peer, unsigned index);

/* Connections have to wait, since nothing can be accepted, and why; NULL: no more, for some seconds. */
typedef void entrance_trouble_fn(void *owner, const char *text);

/* `pages` outlives it. */
struct entrance *entrance_new(struct loop *loop, const struct pages *pages, entrance_fn *on_accept,
                              entrance_trouble_fn *on_trouble, void *owner);
/* Listens on `fds` (taken over), `addresses` being their spellings; what was listened on before is closed. */
void entrance_open(struct entrance *entrance, const int *fds, const char *const *addresses, size_t count);
/* Accepts no more; the sockets stay open elsewhere. */
void entrance_close(struct entrance *entrance);
/* For a successor: how many, their descriptors (which stay ours) and addresses. */
size_t entrance_listeners(const struct entrance *entrance, int fds[ENTRANCE_MOST], json_t *addresses);
void entrance_free(struct entrance **entrance);
