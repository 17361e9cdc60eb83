/* How the API answers: an operation's answer as JSON for clients, or what is wrong as a problem (RFC 9457).
 */
#pragma once

#include <jansson.h>

#include "http/exchange.h"

#include "route/api_table.h"

struct api_reply {
    int status;
    json_t *body;       /* owned */
    char tag[24];       /* ETag: the generation of a target; "": none */
    char location[256]; /* of what was made; "": none */
};

/* Makes `reply` of an answer (`body` is borrowed; NULL: the keeper is away). `base` is "/_reeve/api/v1/". */
void api_reply_make(const struct api_row *row, const char *base, int status, const json_t *body,
                    struct api_reply *reply);
/* Adds `href`, where a target is found under this API. */
void api_reply_add_href(json_t *target, const char *base);
/* {type, title, status, detail, errors?}; a new reference. `detail` may be NULL; `errors` is borrowed and may
 * be NULL. */
json_t *api_reply_problem(int status, const char *detail, const json_t *errors);
