/* What the keeper notes of one instance: its own file instances/TEMPLATE/.ID.json beside the folder
 * instances/TEMPLATE/ID/, which is the run's user's (contract §4). An id never begins with a dot.
 *
 * Written before what it tells of happens, replaced by rename: after a crash the next keeper goes on from it.
 */
#pragma once

#include <jansson.h>

#include "base/error.h"
#include "base/slice.h"
#include "wire/target.h"

enum { INSTANCE_ID_MOST = 64 };

struct instance_record {
    char *id;
    char *owner; /* who created it; NULL: nobody in particular */
    json_t *parameters;
    int64_t created_ms;        /* wall clock */
    bool up;                   /* it was wanted */
    bool leaving;              /* it is being removed */
    int64_t ended_ms;          /* wall clock of its end; 0: it has not ended */
    struct target_row outcome; /* ended_ms > 0: how */
};

/* [A-Za-z0-9][A-Za-z0-9._-]{0,63} */
bool instance_record_is_id(struct slice text);
/* Twelve letters and digits by chance; free it. */
char *instance_record_make_id(void);
/* `directory` is STATE/instances/TEMPLATE. 0 or -errno. */
int instance_record_write(const char *directory, const struct instance_record *record);
/* Fills in all; instance_record_clear() in the end. False with text: malformed (it was moved aside as
 * ".ID.json.corrupt"), or gone. */
bool instance_record_read(const char *directory, const char *id, struct instance_record *record,
                          struct error *error);
int instance_record_remove(const char *directory, const char *id);
void instance_record_clear(struct instance_record *record);
/* Calls `found` with the id of each record, in no order; it may remove that record. */
void instance_record_each(const char *directory, void (*found)(void *owner, const char *id), void *owner);
