/* A template: the form of many services, one for each id (see config/config.h). */
#pragma once

#include "config/service.h"

/* What a request to create an instance may say. */
struct config_parameter {
    struct config_item item;
    char *name;         /* also that of its variable in the environment */
    char *pattern;      /* what the whole value matches (POSIX extended); NULL: any text */
    int64_t text_bytes; /* how long any text may be; 0: `pattern` counts */
    bool required;      /* command or env need it: they use it and have no default */
};

struct config_parameters {
    struct config_parameter *items;
    size_t count;
};

enum config_create {
    CONFIG_CREATE_API,     /* only who asks for it by name */
    CONFIG_CREATE_REQUEST, /* ... and the first visit of an allowed user */
};

struct config_template {
    /* What an instance is, as it has a command. Its own `name` is the template's; command, variables and user
     * go through config_expand() at each start, which may ask for `name`, `id`, `instance_dir` and parameters
     * as well; `prefix` and `url` hold {id}. */
    struct config_service service;
    enum config_create create;
    unsigned max_instances;
    struct config_parameters parameters;
    struct config_texts
        allow; /* who may create and steer, each for config_expand() with `id`; none: the default */
    int64_t retention_ms; /* how long one that has ended is kept */
};

struct config_templates {
    struct config_template *items;
    size_t count;
};
