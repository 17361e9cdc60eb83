/* The row of a target before anything happened to it. */
#pragma once

#include "base/clock.h"
#include "wire/target.h"

#include "keep/instance.h"

/* A service with addresses is ready from the start; one with a command is down. `instance` NULL: a service.
 */
void row_init(struct target_row *row, const struct config_service *service, const struct instance *instance,
              int64_t wall_ms);
/* What another form of the same service changes in it at once. */
void row_set_service(struct target_row *row, const struct config_service *service);
/* How it ended: state, cause, and what is told of its last run. */
void row_restore(struct target_row *row, const struct target_row *outcome);
struct record;
/* What the record of its run says. */
void row_set_run(struct target_row *row, const struct record *record);
/* No process and no terminal is shown as if it lived. */
void row_clear_run(struct target_row *row);
/* Its one address; "" for none. */
void row_set_address(struct target_row *row, const char *address);
/* What the configuration fixes of the address. */
struct row_fixed {
    char port[8];       /* "": chosen before each start */
    const char *socket; /* path; NULL: the same. Of the service */
};
struct row_fixed row_fixed(const struct config_service *service);

/* The value of `name` when it is services.NAME.port or services.NAME.socket of this row: fixed by the
 * configuration, or of the current run. NULL: of another one, or not known now. Borrowed. */
const char *row_lookup(const struct target_row *row, const struct row_fixed *fixed, struct slice name);
/* The target object of contract §2. A new reference. */
json_t *row_describe(const struct target_row *row, const struct clock *clock);
/* What the row says, for the journal. A new reference. */
json_t *row_evidence(const struct target_row *row, int64_t boottime_ms);
