/* The instances of all templates: created, kept over restarts of reeve, removed with all that is theirs
 * (contract §2, §4).
 *
 * Each is a target of keep/targets from the time it is created until it is removed. One that has ended stays,
 * so that whoever reads its events learns how, until `retention` is over. Nobody is evicted: `max_instances`
 * counts those that have not ended, and INSTANCES_KEPT_MOST all there are. */
#pragma once

#include "wire/principal.h"

#include "keep/targets.h"

enum { INSTANCES_KEPT_MOST = 10000 };

struct instances;

/* Makes the folders of the templates, reads the records and adds what they tell of to the targets: before
 * targets_adopt(). NULL with text. `made` is what the targets were made with; all
 * it names outlives the instances. */
struct instances *instances_new(const struct targets_settings *made, struct targets *targets,
                                struct error *error);
void instances_free(struct instances **instances);

/* --- what others tell ----------------------------------------------------------------------------------- */

/* A target's row changed; those of services are nothing to us. */
void instances_on_change(struct instances *instances, const struct target_row *row);
/* A target that was to be removed is down. */
void instances_on_gone(struct instances *instances, const struct target_row *row);
/* Another configuration, which outlives the instances. Those whose template is not in it are stopped; their
 * folders and records stay for one that has it again. */
void instances_reload(struct instances *instances, const struct config *config);

/* --- what is asked ----------------------------------------------------------------------------------------
 */

struct instances_request {
    const char *template;
    const char *id;           /* NULL: one is made up */
    const json_t *parameters; /* an object of texts; NULL: none */
    const struct principal *who;
    const char *by; /* the same, for the journal */
};

struct instances_answer {
    int status;                   /* 201; 200: there is one like it; 403 404 409 422 429 503 */
    const struct target_row *row; /* of 200 and 201 */
    struct error error;           /* of the others */
    json_t *errors;               /* 422: [{pointer, detail}], a new reference; else NULL */
};

void instances_create(struct instances *instances, const struct instances_request *request,
                      struct instances_answer *answer);
/* Whether the template's `allow` lets this one steer it, while it is removed too; without a template (any
 * more) only operators. False for a name that nobody has. */
bool instances_may_steer(const struct instances *instances, const char *name, const struct principal *who);
/* Stops it whole and removes its folder, logs and records; then done(owner). False: nobody has this name. */
bool instances_remove(struct instances *instances, const char *name, const char *by,
                      void (*done)(void *owner), void *owner);
/* Takes back the callbacks of an owner that has gone. */
void instances_forget_owner(struct instances *instances, void *owner);
const struct config *instances_config(const struct instances *instances);
const struct targets *instances_targets(const struct instances *instances);
struct loop *instances_loop(const struct instances *instances);
bool instances_is_known(const struct instances *instances, const char *name);
/* Those of one template, ended ones too. */
size_t instances_count(const struct instances *instances, const char *template);
