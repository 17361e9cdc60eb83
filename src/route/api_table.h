/* The API's paths (contract §2), one row each: what is found under api/v1/, what it may be given, and which
 * of the keeper's operations answers it. The document at openapi.json and docs/api.md come from the same
 * rows. Pure. */
#pragma once

#include "wire/http1.h"

enum api_kind {
    API_TEXT,
    API_COUNT,    /* a whole number from 1 */
    API_DURATION, /* "30s"; the argument is milliseconds */
    API_SIGNAL,   /* "HUP", "SIGHUP" or a number; the argument is as given */
    API_TEXTS,    /* an object of texts */
};

struct api_parameter {
    const char *name;     /* NULL: the end of the list */
    const char *argument; /* of the operation */
    enum api_kind kind;
    bool required;
    const char *about;
};

enum api_form {
    API_PLAIN,    /* what the path captures, the query and the body hold are the arguments */
    API_TARGET,   /* {name}: the service or instance of the path; the answer is a target object */
    API_VERB,     /* {targets: [name], wait_ms, generation}; the answer is a target object as well */
    API_OWN,      /* answered here */
    API_STREAM,   /* an event stream, answered here: {topics, from}, or {name, from} of what the path says */
    API_TERMINAL, /* a WebSocket: answered before it comes here (gate/console) */
};

struct api_row {
    enum http1_method method;
    const char *path; /* below api/v1/; a {name} captures one segment */
    enum api_form form;
    const char *operation; /* NULL with API_OWN; with API_STREAM the topic, NULL: the query says which */
    const struct api_parameter *query;
    const struct api_parameter *body; /* NULL: none is read */
    const char *about;
};

enum { API_CAPTURES = 2 };

struct api_found {
    const struct api_row *row; /* NULL: the path is known, the method is not allowed; or nothing is known */
    struct slice names[API_CAPTURES], values[API_CAPTURES]; /* captured */
    size_t count;
    char allow[64]; /* the methods of the path, for Allow; "": unknown path */
};

/* `path` is decoded, below api/v1/. HEAD is GET. */
void api_table_find(enum http1_method method, struct slice path, struct api_found *found);
/* NULL at the end. */
const struct api_row *api_table_row(size_t index);
const char *api_table_method(enum http1_method method);
