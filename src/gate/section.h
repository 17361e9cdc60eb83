/* Members of one object of the snapshot, read until one is wrong. Reading is strict: keeper and gate are one
 * version of reeve, so a surprise is a bug or an attack. */
#pragma once

#include <jansson.h>

#include "base/error.h"

#include "gate/descriptors.h"

struct section {
    const json_t *object;
    const char *place; /* for the text of an error */
    struct error *error;
    bool wrong; /* the error is set; what is read is worth nothing */
};

/* "PLACE: "member" in the snapshot is not WANTED", for the first one that is wrong. Returns false. */
bool section_wrong(struct section *row, const char *member, const char *wanted);
/* NULL for one that is absent or null. */
const json_t *section_member(const struct section *row, const char *name);
const char *section_text_or_null(struct section *row, const char *name);
const char *section_text(struct section *row, const char *name); /* "" when it is wrong */
/* Not negative. */
int64_t section_number(struct section *row, const char *name, int64_t otherwise);
const json_t *section_array(struct section *row, const char *name);
/* The index of a text among `choices`, which end with NULL. */
int section_choice(struct section *row, const char *name, const char *const *choices);
/* The descriptor that the member names, taken over; -1 when it is wrong. */
int section_descriptor(struct section *row, const char *name, struct descriptors *descriptors);
