/* What a request to the API says, as the arguments of an operation. Pure: hostile bytes in; arguments, or
 * what is wrong with them, out. */
#pragma once

#include <jansson.h>

#include "route/api_table.h"

enum { API_ARGUMENTS_WAIT_MOST_MS = 55000 };

struct api_request {
    const struct api_found *found;
    struct slice query;    /* data NULL: there was none */
    struct slice if_match; /* data NULL: no such field */
    struct slice body;     /* empty: none */
};

struct api_wrong {
    int status;        /* 400, 404, 412 or 422 */
    char pointer[128]; /* into the body (RFC 6901); 422 only */
    char detail[256];
};

/* A new reference; NULL with *wrong. */
json_t *api_arguments(const struct api_request *request, struct api_wrong *wrong);
/* Whether a body of this type is read: "application/json", with or without parameters. */
bool api_arguments_fit_type(struct slice content_type);
