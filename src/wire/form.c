/* A name that comes twice is refused: two readers of one form must not see two different values. */
#include "wire/form.h"
#include "wire/uri.h"

enum { FORM_NAME_MOST = 64 };

/* Names in the pages of ours need no encoding, but may come with one. */
static bool form_name_is(struct slice raw, struct slice name)
{
    char memory[FORM_NAME_MOST];
    struct slice decoded;
    return raw.size <= sizeof memory && uri_decode(raw, true, memory, &decoded) && slice_equal(decoded, name);
}

bool form_value(struct slice form, struct slice name, char *memory, struct slice *value)
{
    struct slice pair;
    *value = (struct slice){0};
    while (form.data && slice_next(&form, '&', &pair)) {
        size_t equals = slice_find(pair, '=');
        if (!form_name_is(slice_between(pair, 0, equals), name))
            continue;
        if (value->data || !uri_decode(slice_from(pair, equals + 1), true, memory, value))
            return false;
    }
    return true;
}
