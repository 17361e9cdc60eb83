/* What makes a target an instance of a template, beside the service whose form it has (design §4). */
#pragma once

#include <jansson.h>

#include "config/config.h"

struct instance {
    const char *id;
    const char *directory;    /* ${instance_dir}: absolute */
    const json_t *parameters; /* an object of texts */
    const char *owner;        /* who created it; NULL: the operator, or nobody in particular */
};

/* The value of ${id}, ${instance_dir} or a parameter; NULL: none of these, or not given. */
static inline const char *instance_lookup(const struct instance *instance, struct slice name)
{
    if (slice_equal(name, SLICE("id")))
        return instance->id;
    if (slice_equal(name, SLICE("instance_dir")))
        return instance->directory;
    return json_string_value(json_object_getn(instance->parameters, name.data, name.size));
}
