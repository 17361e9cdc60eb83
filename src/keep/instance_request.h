/* Whether an instance that somebody asks for may be made: each no with its status and its reason (contract
 * §2). Makes nothing. */
#pragma once

#include "keep/instance_item.h"
#include "keep/instances.h"

/* Before a name is known: there is the template, and what is asked to be the id is one. False: `answer` says
 * why not. */
bool instance_request_is_sound(const struct instances_request *request,
                               const struct config_template *template, struct instances_answer *answer);

/* What is there already. */
struct instance_request_place {
    const struct config_template *template;
    const struct instance_item *item; /* of this name; NULL: none */
    bool full;                        /* the template has as many as it may have */
};
/* True: it may be made. False: `answer` says why not, or 200: there is one like it (its row is not set).
 * request->id is set. */
bool instance_request_is_granted(const struct config *config, const struct instances_request *request,
                                 const struct instance_request_place *place, struct instances_answer *answer);
