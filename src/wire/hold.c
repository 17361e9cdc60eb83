/* The hold's bodies as tables of fields: one row says name, place, type and range, and both directions read
 * it, so that what is written and what is accepted cannot drift apart. */
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/memory.h"
#include "base/utf8.h"
#include "wire/hold.h"

enum hold_kind {
    HOLD_INTEGER, /* int64_t */
    HOLD_BOOLEAN, /* bool */
    HOLD_TEXT,    /* char[most], cut at the end when it does not fit */
};

struct hold_field {
    const char *name;
    enum hold_kind kind;
    size_t offset;
    int64_t least, most;
    bool required;
};

#define HOLD_COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* jansson takes only UTF-8; a path or a nonce with other bytes is shown with '?' in their places. */
static json_t *hold_text_encode(const char *text)
{
    struct slice rest = slice_of_text(text);
    if (utf8_valid(rest))
        return json_stringn_nocheck(text, rest.size);
    char *copy = memory_text(text);
    for (size_t at = 0; at < rest.size;) {
        int length = utf8_character(slice_from(rest, at));
        if (length <= 0)
            copy[at] = '?';
        at += length > 0 ? (size_t)length : 1;
    }
    json_t *json = json_string(copy);
    free(copy);
    return json;
}

static json_t *hold_field_encode(const struct hold_field *field, const void *object)
{
    const char *place = (const char *)object + field->offset;
    int64_t number = 0;
    bool flag = false;
    switch (field->kind) {
    case HOLD_INTEGER:
        memcpy(&number, place, sizeof number);
        return json_integer(number);
    case HOLD_BOOLEAN:
        memcpy(&flag, place, sizeof flag);
        return json_boolean(flag);
    case HOLD_TEXT:
        return hold_text_encode(place);
    }
    UNREACHABLE();
}

static void hold_fields_encode(json_t *json, const void *object, const struct hold_field *fields,
                               size_t count)
{
    for (size_t i = 0; i < count; i++)
        CHECK(json_object_set_new(json, fields[i].name, hold_field_encode(&fields[i], object)) == 0);
}

/* Bytes of a text that end at a character's boundary and fit into `size` with their NUL. */
static size_t hold_text_fitting(struct slice text, size_t size)
{
    size_t length = text.size < size ? text.size : size - 1;
    while (length < text.size && length > 0 && ((unsigned char)text.data[length] & 0xc0) == 0x80)
        length--;
    return length;
}

static bool hold_field_decode(const struct hold_field *field, const json_t *value, void *object,
                              struct error *error)
{
    char *place = (char *)object + field->offset;
    if (field->kind == HOLD_INTEGER && json_is_integer(value)) {
        int64_t number = json_integer_value(value);
        if (number < field->least || number > field->most)
            return error_set(error, "%s is out of range", field->name);
        memcpy(place, &number, sizeof number);
        return true;
    }
    if (field->kind == HOLD_BOOLEAN && json_is_boolean(value)) {
        bool flag = json_is_true(value);
        memcpy(place, &flag, sizeof flag);
        return true;
    }
    if (field->kind == HOLD_TEXT && json_is_string(value)) {
        struct slice text = slice_of(json_string_value(value), json_string_length(value));
        size_t length = hold_text_fitting(text, (size_t)field->most);
        memcpy(place, text.data, length);
        place[length] = 0;
        return true;
    }
    return error_set(error, "%s has the wrong type", field->name);
}

static bool hold_fields_decode(const json_t *json, void *object, const struct hold_field *fields,
                               size_t count, struct error *error)
{
    for (size_t i = 0; i < count; i++) {
        const json_t *value = json_object_get(json, fields[i].name);
        if (!value && !fields[i].required)
            continue;
        if (!value)
            return error_set(error, "%s is missing", fields[i].name);
        if (!hold_field_decode(&fields[i], value, object, error))
            return false;
    }
    return true;
}

/* --- the spec ------------------------------------------------------------------------------------ */

#define SPEC_INTEGER(field_name, member, low, high, is_required)                                             \
    {                                                                                                        \
        .name = (field_name), .kind = HOLD_INTEGER, .offset = offsetof(struct hold_spec, member),            \
        .least = (low), .most = (high), .required = (is_required)                                            \
    }

static const struct hold_field spec_fields[] = {
    SPEC_INTEGER("generation", generation, 0, INT64_MAX, true),
    SPEC_INTEGER("uid", uid, -1, UINT_MAX - 1, false),
    SPEC_INTEGER("gid", gid, -1, UINT_MAX - 1, false),
    SPEC_INTEGER("keeper_uid", keeper_uid, 0, UINT_MAX - 1, false),
    SPEC_INTEGER("open_files", open_files, 0, INT_MAX, false),
    SPEC_INTEGER("open_files_soft", open_files_soft, 0, INT_MAX, false),
    SPEC_INTEGER("umask", umask, -1, 0777, false),
    {"cgroup", HOLD_BOOLEAN, offsetof(struct hold_spec, cgroup), 0, 0, false},
};
static const struct hold_field spec_output_fields[] = {
    SPEC_INTEGER("max_bytes", output_max_bytes, 0, INT64_MAX, false),
    SPEC_INTEGER("keep", output_keep, 1, 1000000, false),
};
static const struct hold_field spec_stop_fields[] = {
    SPEC_INTEGER("signal", stop_signal, 1, 64, false),
    SPEC_INTEGER("grace_ms", stop_grace_ms, 0, INT64_MAX / 1000000, false),
};

struct hold_spec hold_spec_default(void)
{
    return (struct hold_spec){
        .uid = -1,
        .gid = -1,
        .output_max_bytes = 10 << 20,
        .output_keep = 5,
        .stop_signal = 15,
        .stop_grace_ms = 10000,
        .umask = -1,
    };
}

static json_t *hold_word_encode(const char *word)
{
    size_t size = strlen(word);
    if (utf8_valid(slice_of(word, size)))
        return json_stringn_nocheck(word, size);
    char *digits = memory_new(size * 2 + 1);
    for (size_t i = 0; i < size; i++)
        snprintf(digits + i * 2, 3, "%02x", (unsigned char)word[i]);
    json_t *json = json_pack("{s:s}", "bytes", digits);
    free(digits);
    return json;
}

static json_t *hold_words_encode(char *const *words)
{
    json_t *json = json_array();
    for (; words && *words; words++)
        CHECK(json_array_append_new(json, hold_word_encode(*words)) == 0);
    return json;
}

static json_t *hold_groups_encode(const struct hold_spec *spec)
{
    json_t *json = json_array();
    for (size_t i = 0; i < spec->group_count; i++)
        CHECK(json_array_append_new(json, json_integer(spec->groups[i])) == 0);
    return json;
}

static void hold_set(json_t *json, const char *name, json_t *value)
{
    CHECK(json_object_set_new(json, name, value) == 0);
}

json_t *hold_spec_encode(const struct hold_spec *spec)
{
    json_t *json = json_object(), *output = json_object(), *stop = json_object();
    hold_set(json, "version", json_integer(HOLD_PROTOCOL));
    hold_set(json, "target", hold_word_encode(spec->target));
    hold_set(json, "nonce", hold_word_encode(spec->nonce));
    hold_set(json, "command", hold_words_encode(spec->command));
    if (spec->path)
        hold_set(json, "path", hold_word_encode(spec->path));
    hold_set(json, "environment", hold_words_encode(spec->environment));
    hold_set(json, "directory", hold_word_encode(spec->directory));
    hold_set(json, "groups", hold_groups_encode(spec));
    hold_fields_encode(json, spec, spec_fields, HOLD_COUNT(spec_fields));
    hold_fields_encode(output, spec, spec_output_fields, HOLD_COUNT(spec_output_fields));
    hold_fields_encode(stop, spec, spec_stop_fields, HOLD_COUNT(spec_stop_fields));
    hold_set(json, "output", output);
    hold_set(json, "stop", stop);
    if (spec->terminal.columns)
        hold_set(json, "terminal", hold_terminal_encode(&spec->terminal));
    return json;
}

static int hold_hex_digit(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

static char *hold_hex_decode(struct slice digits, struct arena *memory)
{
    char *word = digits.size % 2 ? NULL : arena_new(memory, digits.size / 2 + 1);
    for (size_t i = 0; word && i < digits.size; i += 2) {
        int high = hold_hex_digit(digits.data[i]), low = hold_hex_digit(digits.data[i + 1]);
        if (high < 0 || low < 0 || (high | low) == 0)
            return NULL;
        word[i / 2] = (char)(high << 4 | low);
    }
    return word;
}

/* NULL when it is no word: no string, with a NUL inside, or too large for the arena. */
static char *hold_word_decode(const json_t *json, struct arena *memory)
{
    const json_t *bytes = json_object_get(json, "bytes");
    if (json_is_string(bytes))
        return hold_hex_decode(slice_of(json_string_value(bytes), json_string_length(bytes)), memory);
    if (!json_is_string(json) || strlen(json_string_value(json)) != json_string_length(json))
        return NULL;
    char *word = arena_new(memory, json_string_length(json) + 1);
    if (word)
        memcpy(word, json_string_value(json), json_string_length(json));
    return word;
}

static char *const *hold_words_decode(const json_t *json, struct arena *memory)
{
    if (!json_is_array(json))
        return NULL;
    size_t count = json_array_size(json);
    char **words = arena_new(memory, (count + 1) * sizeof *words);
    for (size_t i = 0; words && i < count; i++) {
        words[i] = hold_word_decode(json_array_get(json, i), memory);
        if (!words[i])
            return NULL;
    }
    return words;
}

static bool hold_groups_decode(const json_t *json, struct arena *memory, struct hold_spec *spec)
{
    if (!json)
        return true;
    size_t count = json_array_size(json); /* 0 for anything but an array */
    gid_t *groups = arena_new(memory, (count + 1) * sizeof *groups);
    for (size_t i = 0; groups && i < count; i++) {
        const json_t *group = json_array_get(json, i);
        json_int_t number = json_integer_value(group);
        if (!json_is_integer(group) || number < 0 || number >= UINT_MAX)
            return false;
        groups[i] = (gid_t)number;
    }
    spec->groups = groups;
    spec->group_count = count;
    return groups && json_is_array(json);
}

static bool hold_spec_words(const json_t *json, struct arena *memory, struct hold_spec *spec,
                            struct error *error)
{
    const json_t *path = json_object_get(json, "path");
    spec->target = hold_word_decode(json_object_get(json, "target"), memory);
    spec->nonce = hold_word_decode(json_object_get(json, "nonce"), memory);
    spec->directory = hold_word_decode(json_object_get(json, "directory"), memory);
    spec->path = path ? hold_word_decode(path, memory) : NULL;
    spec->command = hold_words_decode(json_object_get(json, "command"), memory);
    spec->environment = hold_words_decode(json_object_get(json, "environment"), memory);
    const struct {
        const char *name;
        bool fine;
    } checks[] = {
        {"target", spec->target && strlen(spec->target) < HOLD_NAME_SIZE},
        {"nonce", spec->nonce && strlen(spec->nonce) < HOLD_NONCE_SIZE},
        {"directory", spec->directory && spec->directory[0] == '/'},
        {"path", !path || (spec->path && spec->path[0])},
        {"command", spec->command && spec->command[0]},
        {"environment", spec->environment != NULL},
        {"groups", hold_groups_decode(json_object_get(json, "groups"), memory, spec)},
    };
    for (size_t i = 0; i < HOLD_COUNT(checks); i++)
        if (!checks[i].fine)
            return error_set(error, "spec: %s is missing, mistyped or too large", checks[i].name);
    return true;
}

static bool hold_spec_part(const json_t *json, const char *name, struct hold_spec *spec,
                           const struct hold_field fields[2], struct error *error)
{
    const json_t *part = json_object_get(json, name);
    if (!part)
        return true;
    if (!json_is_object(part))
        return error_set(error, "%s has the wrong type", name);
    return hold_fields_decode(part, spec, fields, 2, error) || error_prefix(error, "%s", name);
}

bool hold_spec_decode(const json_t *json, struct arena *memory, struct hold_spec *spec, struct error *error)
{
    *spec = hold_spec_default();
    if (!json_is_object(json))
        return error_set(error, "spec is not an object");
    return hold_spec_words(json, memory, spec, error) &&
           ((hold_fields_decode(json, spec, spec_fields, HOLD_COUNT(spec_fields), error) &&
             hold_spec_part(json, "output", spec, spec_output_fields, error) &&
             hold_spec_part(json, "stop", spec, spec_stop_fields, error) &&
             hold_terminal_decode(json_object_get(json, "terminal"), &spec->terminal, error)) ||
            error_prefix(error, "spec"));
}

/* --- the end ------------------------------------------------------------------------------------- */

#define END_INTEGER(field_name, low, high, is_required)                                                      \
    {                                                                                                        \
        .name = #field_name, .kind = HOLD_INTEGER, .offset = offsetof(struct hold_end, field_name),          \
        .least = (low), .most = (high), .required = (is_required)                                            \
    }
#define END_TEXT(field_name, size)                                                                           \
    {                                                                                                        \
        .name = #field_name, .kind = HOLD_TEXT, .offset = offsetof(struct hold_end, field_name),             \
        .most = (size)                                                                                       \
    }

static const struct hold_field end_fields[] = {
    END_INTEGER(generation, 0, INT64_MAX, true),
    END_TEXT(nonce, HOLD_NONCE_SIZE),
    {"failed", HOLD_BOOLEAN, offsetof(struct hold_end, failed), 0, 0, true},
};
static const struct hold_field end_failed_fields[] = {
    {"errno", HOLD_INTEGER, offsetof(struct hold_end, error), 0, INT_MAX, true},
    END_TEXT(stage, HOLD_STAGE_SIZE),
    END_TEXT(path, HOLD_PATH_SIZE),
    END_TEXT(text, HOLD_TEXT_SIZE),
};
static const struct hold_field end_exit_fields[] = {
    END_INTEGER(code, -1, 255, true),
    END_INTEGER(signal, 0, 64, true),
    {"core", HOLD_BOOLEAN, offsetof(struct hold_end, core), 0, 0, false},
    END_INTEGER(started_ms, 0, INT64_MAX, false),
    END_INTEGER(ended_ms, 0, INT64_MAX, false),
    END_INTEGER(after_ms, 0, INT64_MAX, false),
    END_INTEGER(leftovers, 0, INT64_MAX, false),
    END_INTEGER(remaining, 0, INT64_MAX, false),
};

json_t *hold_end_encode(const struct hold_end *end)
{
    json_t *json = json_object();
    hold_fields_encode(json, end, end_fields, HOLD_COUNT(end_fields));
    if (end->failed)
        hold_fields_encode(json, end, end_failed_fields, HOLD_COUNT(end_failed_fields));
    else
        hold_fields_encode(json, end, end_exit_fields, HOLD_COUNT(end_exit_fields));
    return json;
}

bool hold_end_decode(const json_t *json, struct hold_end *end, struct error *error)
{
    *end = (struct hold_end){.code = -1};
    if (!json_is_object(json))
        return error_set(error, "end is not an object");
    if (!hold_fields_decode(json, end, end_fields, HOLD_COUNT(end_fields), error))
        return error_prefix(error, "end");
    bool fine = end->failed
                    ? hold_fields_decode(json, end, end_failed_fields, HOLD_COUNT(end_failed_fields), error)
                    : hold_fields_decode(json, end, end_exit_fields, HOLD_COUNT(end_exit_fields), error);
    if (fine && !end->failed && (end->code < 0) != (end->signal > 0))
        return error_set(error, "end: code and signal contradict each other");
    return fine || error_prefix(error, "end");
}

/* --- hello --------------------------------------------------------------------------------------- */

#define HELLO_INTEGER(field_name, low, high, is_required)                                                    \
    {                                                                                                        \
        .name = #field_name, .kind = HOLD_INTEGER, .offset = offsetof(struct hold_hello, field_name),        \
        .least = (low), .most = (high), .required = (is_required)                                            \
    }

static const struct hold_field hello_fields[] = {
    HELLO_INTEGER(version, 1, INT_MAX, true),
    {"target", HOLD_TEXT, offsetof(struct hold_hello, target), 0, HOLD_NAME_SIZE, true},
    HELLO_INTEGER(generation, 0, INT64_MAX, true),
    {"nonce", HOLD_TEXT, offsetof(struct hold_hello, nonce), 0, HOLD_NONCE_SIZE, true},
    HELLO_INTEGER(hold_pid, 1, INT_MAX, true),
    HELLO_INTEGER(hold_start_time, 0, INT64_MAX, false),
    HELLO_INTEGER(pid, 0, INT_MAX, false),
    HELLO_INTEGER(start_time, 0, INT64_MAX, false),
    HELLO_INTEGER(started_ms, 0, INT64_MAX, false),
};

static const char *const state_names[] = {
    [HOLD_STARTING] = "starting",
    [HOLD_RUNNING] = "running",
    [HOLD_ENDING] = "ending",
    [HOLD_EXITED] = "exited",
};

const char *hold_state_name(enum hold_state state)
{
    return state_names[state];
}

json_t *hold_hello_encode(const struct hold_hello *hello)
{
    json_t *json = json_object();
    hold_fields_encode(json, hello, hello_fields, HOLD_COUNT(hello_fields));
    hold_set(json, "state", json_string(state_names[hello->state]));
    if (hello->state == HOLD_EXITED)
        hold_set(json, "exit", hold_end_encode(&hello->end));
    return json;
}

static bool hold_state_decode(const json_t *json, enum hold_state *state)
{
    const char *name = json_string_value(json);
    for (size_t i = 0; name && i < HOLD_COUNT(state_names); i++)
        if (strcmp(name, state_names[i]) == 0) {
            *state = (enum hold_state)i;
            return true;
        }
    return false;
}

bool hold_hello_decode(const json_t *json, struct hold_hello *hello, struct error *error)
{
    *hello = (struct hold_hello){0};
    if (!json_is_object(json))
        return error_set(error, "hello is not an object");
    if (!hold_fields_decode(json, hello, hello_fields, HOLD_COUNT(hello_fields), error))
        return error_prefix(error, "hello");
    if (!hold_state_decode(json_object_get(json, "state"), &hello->state))
        return error_set(error, "hello: state is missing or unknown");
    if (hello->state != HOLD_EXITED)
        return true;
    return hold_end_decode(json_object_get(json, "exit"), &hello->end, error) || error_prefix(error, "hello");
}
