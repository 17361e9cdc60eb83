/* One instance as its keeper holds it: its record, and the template's service made its own. */
#pragma once

#include <uthash.h>

#include "base/list.h"
#include "base/log.h"

#include "keep/instance.h"
#include "keep/instance_record.h"

struct instance_item {
    char *name;      /* "TEMPLATE/ID" */
    char *folder;    /* STATE/instances/TEMPLATE */
    char *directory; /* FOLDER/ID */
    char *prefix, *url;
    struct config_service service; /* the template's, with name, prefix and url of this one */
    struct instance instance;
    struct instance_record record;
    const struct config_template *template; /* not once it is `forgotten` or `removing` */
    bool removing;                          /* with all that is its own */
    bool forgotten;                         /* its template has gone: only the target */
    struct list waiters;                    /* for the removal */
    UT_hash_handle hh;
};

/* Takes what `record` holds. `folder` is STATE/instances/TEMPLATE. */
struct instance_item *instance_item_new(const struct config_template *template, const char *folder,
                                        const struct instance_record *record);
void instance_item_free(struct instance_item *item);
/* Another version of its template, which outlives it: the service changes where it is. */
void instance_item_set_template(struct instance_item *item, const struct config_template *template);
/* Writes the record; false, and an error is logged, when that fails. */
bool instance_item_write(const struct instance_item *item, const struct log *log);
/* Makes its folder, if it is not there. False with text. */
bool instance_item_make_folder(const struct instance_item *item, gid_t gates_group, struct error *error);
