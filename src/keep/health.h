/* The details of /health, pushed to the gates whenever they have changed: they answer without asking anybody
 * (contract §2). */
#pragma once

#include <jansson.h>

#include "keep/gates.h"

struct health;

struct health_settings {
    struct loop *loop;
    struct gates *gates;
    json_t *(*describe)(void *owner); /* a new reference */
    void *owner;
};

struct health *health_new(const struct health_settings *settings);
/* Something that describe() tells has changed: it is pushed soon, once for all that changes meanwhile. */
void health_changed(struct health *health);
/* A gate has been started. */
void health_greet(struct health *health, unsigned slot);
void health_free(struct health **health);
