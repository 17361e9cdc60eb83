/* Fields by id: a perfect hash over the known names whose collisions the compiler refuses. */
#include <string.h>

#include "base/check.h"
#include "wire/fields.h"
#include "wire/span.h"

enum { FIELDS_NAME_LONGEST = 31, FIELDS_HASHES = 256 };

/* Four bytes of a name, case folded by the 0x20 bit, which maps no other byte above the blank onto one of a
 * known name. */
#define FIELDS_HASH(size, middle, before_last, first)                                                        \
    (((unsigned)(size)*19u + (unsigned)(middle)*13u + (unsigned)(before_last)*47u + (unsigned)(first)*49u) & \
     (FIELDS_HASHES - 1))

/* -Woverride-init makes two names with one hash an error of the build. */
static const uint8_t ids_by_hash[FIELDS_HASHES] = {
#define FIELDS_ROW(id, name, middle, before_last, first)                                                     \
    [FIELDS_HASH(sizeof(name) - 1, middle, before_last, first)] = FIELD_##id,
    FIELDS_KNOWN(FIELDS_ROW)
#undef FIELDS_ROW
};

static const struct {
    uint8_t size;
    char text[FIELDS_NAME_LONGEST];
} names[FIELD_IDS] = {
#define FIELDS_ROW(id, name, middle, before_last, first) [FIELD_##id] = {sizeof(name) - 1, name},
    FIELDS_KNOWN(FIELDS_ROW)
#undef FIELDS_ROW
};

static const bool always_hop_by_hop[FIELD_IDS] = {
    [FIELD_LOOKALIKE] = true,         [FIELD_CONNECTION] = true, [FIELD_KEEP_ALIVE] = true,
    [FIELD_PROXY_CONNECTION] = true,  [FIELD_TE] = true,         [FIELD_TRAILER] = true,
    [FIELD_TRANSFER_ENCODING] = true, [FIELD_UPGRADE] = true,    [FIELD_HTTP2_SETTINGS] = true,
};

/* Framing and routing rest on these; a Connection field must not take them away. */
static const bool never_hop_by_hop[FIELD_IDS] = {
    [FIELD_HOST] = true,
    [FIELD_CONTENT_LENGTH] = true,
};

const uint8_t fields_token_bytes[256] = {
    ['!'] = 1, ['#'] = 1, ['$'] = 1, ['%'] = 1,         ['&'] = 1,         ['\''] = 1,
    ['*'] = 1, ['+'] = 1, ['-'] = 1, ['.'] = 1,         ['^'] = 1,         ['_'] = 1,
    ['`'] = 1, ['|'] = 1, ['~'] = 1, ['0' ... '9'] = 1, ['A' ... 'Z'] = 1, ['a' ... 'z'] = 1,
};

void fields_init(struct fields *fields, struct field *storage, size_t capacity)
{
    CHECK(capacity <= FIELDS_MOST);
    fields->list = storage;
    fields->count = 0;
    fields->capacity = capacity;
    memset(fields->first, 0, sizeof(fields->first));
}

/* Eight bytes, letters folded to lower case. */
static uint64_t fields_word(const char *text)
{
    uint64_t word = 0;
    memcpy(&word, text, sizeof(word));
    return word | 0x2020202020202020u;
}

static uint32_t fields_half_word(const char *text)
{
    uint32_t word = 0;
    memcpy(&word, text, sizeof(word));
    return word | 0x20202020u;
}

/* `known` is in lower case and consists of letters, digits and '-'; the last words overlap the ones before.
 */
static bool fields_name_is(const char *name, const char *known, size_t size)
{
    if (size >= 8) {
        for (size_t i = 0; i + 8 < size; i += 8)
            if (fields_word(name + i) != fields_word(known + i))
                return false;
        return fields_word(name + size - 8) == fields_word(known + size - 8);
    }
    if (size >= 4)
        return fields_half_word(name) == fields_half_word(known) &&
               fields_half_word(name + size - 4) == fields_half_word(known + size - 4);
    for (size_t i = 0; i < size; i++)
        if ((name[i] | 0x20) != known[i])
            return false;
    return true;
}

static enum field_id fields_id_exact(struct slice name)
{
    if (name.size < 2 || name.size > FIELDS_NAME_LONGEST)
        return FIELD_OTHER;
    const char *text = name.data;
    unsigned hash = FIELDS_HASH(name.size, (uint8_t)(text[name.size / 2] | 0x20),
                                (uint8_t)(text[name.size - 2] | 0x20), (uint8_t)(text[0] | 0x20));
    unsigned id = ids_by_hash[hash];
    if (names[id].size == name.size && fields_name_is(text, names[id].text, name.size))
        return (enum field_id)id;
    return FIELD_OTHER;
}

enum field_id fields_id(struct slice name)
{
    enum field_id id = fields_id_exact(name);
    if (id != FIELD_OTHER || name.size > FIELDS_NAME_LONGEST || slice_find(name, '_') == name.size)
        return id;
    char dashed[FIELDS_NAME_LONGEST];
    for (size_t i = 0; i < name.size; i++)
        dashed[i] = name.data[i] == '_' ? '-' : name.data[i];
    bool known = fields_id_exact(slice_of(dashed, name.size)) != FIELD_OTHER;
    return known ? FIELD_LOOKALIKE : FIELD_OTHER;
}

struct slice fields_name(enum field_id id)
{
    CHECK(id < FIELD_IDS);
    return slice_of(names[id].text, names[id].size);
}

bool fields_add(struct fields *fields, struct slice name, struct slice value)
{
    return fields_add_known(fields, fields_id(name), name, value);
}

bool fields_add_known(struct fields *fields, enum field_id id, struct slice name, struct slice value)
{
    if (fields->count == fields->capacity)
        return false;
    struct field *field = &fields->list[fields->count++];
    *field = (struct field){.name = name, .value = value, .id = id, .hop_by_hop = always_hop_by_hop[id]};
    if (!fields->first[id])
        fields->first[id] = (uint8_t)fields->count;
    return true;
}

struct slice fields_get(const struct fields *fields, enum field_id id)
{
    return fields->first[id] ? fields->list[fields->first[id] - 1].value : (struct slice){0};
}

struct slice fields_find(const struct fields *fields, struct slice name)
{
    for (size_t i = 0; i < fields->count; i++)
        if (slice_equal_ignore_case(fields->list[i].name, name))
            return fields->list[i].value;
    return (struct slice){0};
}

bool fields_has(const struct fields *fields, enum field_id id)
{
    return fields->first[id] != 0;
}

bool fields_each(const struct fields *fields, enum field_id id, size_t *place, struct slice *value)
{
    if (*place == 0)
        *place = fields->first[id] ? fields->first[id] - 1u : fields->count;
    for (; *place < fields->count; ++*place)
        if (fields->list[*place].id == id) {
            *value = fields->list[(*place)++].value;
            return true;
        }
    return false;
}

size_t fields_count(const struct fields *fields, enum field_id id)
{
    size_t place = 0, count = 0;
    struct slice value;
    while (fields_each(fields, id, &place, &value))
        count++;
    return count;
}

static void fields_mark_name(struct fields *fields, struct slice name)
{
    for (size_t i = 0; i < fields->count; i++) {
        struct field *field = &fields->list[i];
        if (!never_hop_by_hop[field->id] && slice_equal_ignore_case(field->name, name))
            field->hop_by_hop = true;
    }
}

void fields_mark_hop_by_hop(struct fields *fields)
{
    size_t place = 0;
    struct slice value, element;
    while (fields_each(fields, FIELD_CONNECTION, &place, &value))
        while (fields_list_next(&value, &element))
            if (!slice_equal_ignore_case(element, SLICE("keep-alive")) &&
                !slice_equal_ignore_case(element, SLICE("upgrade")) &&
                !slice_equal_ignore_case(element, SLICE("close")))
                fields_mark_name(fields, element);
}

/* The size of the element at the front: up to the comma that is not inside a quoted string. */
static size_t fields_list_element(struct slice list)
{
    bool quoted = false;
    size_t i = 0;
    for (; i < list.size && (quoted || list.data[i] != ','); i++) {
        if (list.data[i] == '"')
            quoted = !quoted;
        else if (quoted && list.data[i] == '\\' && i + 1 < list.size)
            i++;
    }
    return i;
}

bool fields_list_next(struct slice *rest, struct slice *element)
{
    while (rest->size > 0) {
        size_t size = fields_list_element(*rest);
        *element = slice_trim(slice_of(rest->data, size));
        *rest = slice_from(*rest, size + 1);
        if (element->size > 0)
            return true;
    }
    return false;
}

bool fields_list_has(struct slice value, struct slice token)
{
    struct slice element;
    while (fields_list_next(&value, &element)) {
        struct slice name = slice_trim(slice_of(element.data, slice_find(element, ';')));
        if (slice_equal_ignore_case(name, token))
            return true;
    }
    return false;
}

bool fields_has_token(const struct fields *fields, enum field_id id, struct slice token)
{
    size_t place = 0;
    struct slice value;
    while (fields_each(fields, id, &place, &value))
        if (fields_list_has(value, token))
            return true;
    return false;
}

/* "0" to "1" with at most three decimals, in thousandths (RFC 9110 §12.4.2); anything else counts as 1. */
static unsigned fields_quality(struct slice text)
{
    if (text.size == 0 || text.size > 5 || (text.data[0] != '0' && text.data[0] != '1'))
        return 1000;
    unsigned quality = text.data[0] == '1' ? 1000 : 0, unit = 100;
    if (text.size > 1 && text.data[1] != '.')
        return 1000;
    for (size_t i = 2; i < text.size; i++, unit /= 10) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return 1000;
        quality += unit * (unsigned)(text.data[i] - '0');
    }
    return quality > 1000 ? 1000 : quality;
}

/* One entry of Accept: its media range and its q in thousandths. */
static struct slice fields_accept_entry(struct slice entry, unsigned *quality)
{
    struct slice rest = entry, range = {0}, parameter;
    *quality = 1000;
    slice_next(&rest, ';', &range);
    while (slice_next(&rest, ';', &parameter)) {
        parameter = slice_trim(parameter);
        if (parameter.size >= 2 && (parameter.data[0] | 0x20) == 'q' && parameter.data[1] == '=')
            *quality = fields_quality(slice_from(parameter, 2));
    }
    return slice_trim(range);
}

bool fields_accept_prefers_html(struct slice accept)
{
    unsigned html = 0, highest = 0;
    struct slice entry;
    while (fields_list_next(&accept, &entry)) {
        unsigned quality = 0;
        struct slice range = fields_accept_entry(entry, &quality);
        if (quality > highest)
            highest = quality;
        if (quality > html && slice_equal_ignore_case(range, SLICE("text/html")))
            html = quality;
    }
    return html > 0 && html == highest;
}

bool fields_name_is_valid(struct slice name)
{
    for (size_t i = 0; i < name.size; i++)
        if (!fields_token_bytes[(uint8_t)name.data[i]])
            return false;
    return name.size > 0;
}

bool fields_value_is_valid(struct slice value)
{
    return span_value(value.data, value.size) == value.size;
}
