/* A route that serves files, with the page of a single-page app as fallback (contract §1, issue of the
 * defaults that cannot be wrong: field notes §3 #16).
 *
 * GET and HEAD only. Names that begin with a dot are not served, .well-known excepted, nor is what is reeve's
 * own, whatever link leads there. A directory is answered with its index.html. What is missing is 404, except
 * that a navigation gets `fallback`. */
#pragma once

#include "http/exchange.h"

#include "tail/hidden.h"

#include "route/match.h"

struct files;

/* `root` is an O_PATH descriptor. `fallback`: a path below the root, or NULL. `hidden` is not served. Root
 * and hidden are taken over. */
struct files *files_new(int root, const char *fallback, struct hidden *hidden);
/* Answers the exchange; match->rest is the path below the root. May go on after it returns (a large file is
 * sent as the client takes it), then independently of `files`. */
void files_answer(struct files *files, struct exchange *exchange, const struct match_result *match);
void files_free(struct files **files);
