/* How upstreams are checked: the policies of the snapshot in force and of the one prepared, by the names that
 * target rows and probes call them. Equal ones are the same object over all snapshots, so that kept
 * connections stay. */
#pragma once

#include <jansson.h>

#include "net/tls.h"

struct policies;

struct policies *policies_new(void);
/* Who shares one of them may keep it. */
void policies_free(struct policies **policies);
/* Reads the member "tls" of a snapshot (wire/SNAPSHOT.md; NULL: none) for policies_commit(), replacing what
 * was prepared before. False with the text, which names the row's place. */
bool policies_prepare(struct policies *policies, const json_t *rows, struct error *error);
void policies_commit(struct policies *policies);
/* Borrowed; NULL: nobody has told of it (yet). */
struct tls_policy *policies_find(const struct policies *policies, const char *name);
