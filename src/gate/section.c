/* One type check for each kind of member. */
#include <string.h>

#include "gate/section.h"

bool section_wrong(struct section *row, const char *member, const char *wanted)
{
    if (!row->wrong)
        error_set(row->error, "%s: \"%s\" in the snapshot is not %s", row->place, member, wanted);
    row->wrong = true;
    return false;
}

const json_t *section_member(const struct section *row, const char *name)
{
    const json_t *value = json_object_get(row->object, name);
    return json_is_null(value) ? NULL : value;
}

const char *section_text_or_null(struct section *row, const char *name)
{
    const json_t *value = section_member(row, name);
    if (value && !json_is_string(value))
        section_wrong(row, name, "a text");
    return json_string_value(value);
}

const char *section_text(struct section *row, const char *name)
{
    const char *text = section_text_or_null(row, name);
    if (!text)
        section_wrong(row, name, "a text");
    return text ? text : "";
}

int64_t section_number(struct section *row, const char *name, int64_t otherwise)
{
    const json_t *value = section_member(row, name);
    if (value && (!json_is_integer(value) || json_integer_value(value) < 0))
        section_wrong(row, name, "a number");
    return value ? json_integer_value(value) : otherwise;
}

const json_t *section_array(struct section *row, const char *name)
{
    const json_t *value = section_member(row, name);
    if (!json_is_array(value))
        section_wrong(row, name, "an array");
    return value;
}

int section_choice(struct section *row, const char *name, const char *const *choices)
{
    const char *text = section_text(row, name);
    for (int i = 0; choices[i]; i++)
        if (strcmp(text, choices[i]) == 0)
            return i;
    section_wrong(row, name, "one of its values");
    return 0;
}

int section_descriptor(struct section *row, const char *name, struct descriptors *descriptors)
{
    int fd = descriptors_take(descriptors, section_text(row, name));
    if (fd < 0)
        section_wrong(row, name, "the name of a descriptor that has come");
    return fd;
}
