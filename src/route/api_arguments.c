/* Strict: a name that is not known is a typing error of somebody who believes it had an effect. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/text.h"
#include "base/utf8.h"
#include "wire/message.h"
#include "wire/uri.h"

#include "route/api_arguments.h"

enum { NAME_MOST = 64, VALUE_MOST = 1024, COUNT_MOST = 1000000000 };

__attribute__((format(printf, 3, 4))) static bool refuse(struct api_wrong *wrong, int status,
                                                         const char *format, ...)
{
    va_list arguments;
    wrong->status = status;
    va_start(arguments, format);
    vsnprintf(wrong->detail, sizeof wrong->detail, format, arguments);
    va_end(arguments);
    utf8_clean(wrong->detail);
    return false;
}

static const struct api_parameter *find_parameter(const struct api_parameter *list, struct slice name)
{
    for (; list->name; list++)
        if (slice_equal(slice_of_text(list->name), name))
            return list;
    return NULL;
}

/* --- the path --------------------------------------------------------------------------------------------
 */

static bool is_letter(char byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9');
}

/* [A-Za-z0-9][A-Za-z0-9._-]{0,63}: what is named so can be there at all. */
static bool is_name(struct slice value)
{
    bool fits = value.size > 0 && value.size <= NAME_MOST && is_letter(value.data[0]);
    for (size_t i = 0; fits && i < value.size; i++)
        fits = is_letter(value.data[i]) || memchr("._-", value.data[i], 3);
    return fits;
}

static json_t *text_of(struct slice bytes)
{
    return json_stringn(bytes.data ? bytes.data : "", bytes.size);
}

static bool read_captures(const struct api_found *found, json_t *arguments, struct api_wrong *wrong)
{
    for (size_t i = 0; i < found->count; i++) {
        char name[NAME_MOST];
        if (!is_name(found->values[i]))
            return refuse(wrong, 404, "Nothing can have this name.");
        snprintf(name, sizeof name, SLICE_FORMAT, SLICE_ARGUMENTS(found->names[i]));
        json_object_set_new(arguments, name, text_of(found->values[i]));
    }
    return true;
}

/* "api", or "shell/a1". */
static json_t *target_name(const struct api_found *found)
{
    char name[2 * NAME_MOST + 2];
    if (found->count == 1)
        return text_of(found->values[0]);
    snprintf(name, sizeof name, SLICE_FORMAT "/" SLICE_FORMAT, SLICE_ARGUMENTS(found->values[0]),
             SLICE_ARGUMENTS(found->values[1]));
    return json_string(name);
}

static bool read_target(const struct api_found *found, json_t *arguments, struct api_wrong *wrong)
{
    for (size_t i = 0; i < found->count; i++)
        if (!is_name(found->values[i]))
            return refuse(wrong, 404, "Nothing can have this name.");
    if (found->row->form != API_VERB)
        json_object_set_new(arguments, "name", target_name(found));
    else
        json_object_set_new(arguments, "targets", json_pack("[o]", target_name(found)));
    return true;
}

/* --- values ----------------------------------------------------------------------------------------------
 */

/* A new reference; NULL: `text` is no such value. */
static json_t *read_value(enum api_kind kind, struct slice text)
{
    int64_t milliseconds;
    uint64_t number;
    switch (kind) {
    case API_COUNT:
        return slice_to_u64(text, &number) && number > 0 && number <= COUNT_MOST
                   ? json_integer((json_int_t)number)
                   : NULL;
    case API_DURATION:
        return text_to_duration(text, &milliseconds) ? json_integer(milliseconds) : NULL;
    case API_TEXT:
    case API_SIGNAL: /* what reads it ends at a NUL */
        return text.size > 0 && slice_find(text, '\0') == text.size ? json_stringn(text.data, text.size)
                                                                    : NULL; /* NULL: it is no UTF-8 */
    case API_TEXTS:
        break;
    }
    return NULL;
}

static const char *expected(enum api_kind kind)
{
    switch (kind) {
    case API_COUNT:
        return "a whole number from 1";
    case API_DURATION:
        return "a duration, such as \"30s\"";
    case API_SIGNAL:
        return "the name or number of a signal";
    case API_TEXTS:
        return "an object of texts";
    case API_TEXT:
        break;
    }
    return "a text";
}

/* --- the query -------------------------------------------------------------------------------------------
 */

static bool read_pair(const struct api_row *row, struct slice pair, json_t *arguments,
                      struct api_wrong *wrong)
{
    char memory[VALUE_MOST];
    size_t equal = slice_find(pair, '=');
    struct slice name = slice_between(pair, 0, equal), value = slice_from(pair, equal + 1);
    const struct api_parameter *parameter = find_parameter(row->query, name);
    if (!parameter)
        return refuse(wrong, 400, "The query has an unknown name, \"" SLICE_FORMAT "\".",
                      SLICE_ARGUMENTS(slice_between(name, 0, NAME_MOST)));
    if (json_object_get(arguments, parameter->argument))
        return refuse(wrong, 400, "%s is in the query twice.", parameter->name);
    json_t *read = value.size <= sizeof memory && uri_decode(value, true, memory, &value)
                       ? read_value(parameter->kind, value)
                       : NULL;
    if (!read)
        return refuse(wrong, 400, "%s is to be %s.", parameter->name, expected(parameter->kind));
    json_object_set_new(arguments, parameter->argument, read);
    return true;
}

static bool read_query(const struct api_request *request, json_t *arguments, struct api_wrong *wrong)
{
    struct slice rest = request->query, pair;
    while (rest.data && slice_next(&rest, '&', &pair))
        if (pair.size > 0 && !read_pair(request->found->row, pair, arguments, wrong))
            return false;
    for (const struct api_parameter *at = request->found->row->query; at->name; at++)
        if (at->required && !json_object_get(arguments, at->argument))
            return refuse(wrong, 400, "%s is missing: %s.", at->name, at->about);
    return true;
}

/* --- the body --------------------------------------------------------------------------------------------
 */

static bool is_texts(const json_t *value)
{
    const char *name;
    json_t *text;
    if (!json_is_object(value))
        return false;
    json_object_foreach((json_t *)(uintptr_t)value, name, text) if (!json_is_string(text)) return false;
    return true;
}

static json_t *read_member(enum api_kind kind, json_t *value)
{
    if (kind == API_TEXTS)
        return is_texts(value) ? json_incref(value) : NULL;
    if (json_is_integer(value) && (kind == API_COUNT || kind == API_SIGNAL) &&
        json_integer_value(value) > 0 && json_integer_value(value) <= COUNT_MOST)
        return json_incref(value);
    if (!json_is_string(value) || kind == API_COUNT)
        return NULL;
    return read_value(kind, slice_of(json_string_value(value), json_string_length(value)));
}

/* As RFC 6901 writes it, cut to what fits. */
static void point_at(struct api_wrong *wrong, const char *name)
{
    size_t used = 0;
    wrong->pointer[used++] = '/';
    for (; *name && used + 3 < sizeof wrong->pointer; name++) {
        if (*name == '~' || *name == '/')
            wrong->pointer[used++] = '~';
        wrong->pointer[used++] = *name == '~' ? '0' : *name == '/' ? '1' : *name;
    }
    wrong->pointer[used] = '\0';
    utf8_clean(wrong->pointer);
}

static bool read_members(const struct api_row *row, json_t *body, json_t *arguments, struct api_wrong *wrong)
{
    const char *name;
    json_t *value;
    json_object_foreach(body, name, value)
    {
        const struct api_parameter *parameter = find_parameter(row->body, slice_of_text(name));
        json_t *read = parameter ? read_member(parameter->kind, value) : NULL;
        if (read) {
            json_object_set_new(arguments, parameter->argument, read);
            continue;
        }
        point_at(wrong, name);
        return parameter ? refuse(wrong, 422, "%s is to be %s.", parameter->name, expected(parameter->kind))
                         : refuse(wrong, 422, "There is no such member.");
    }
    for (const struct api_parameter *at = row->body; at->name; at++) {
        if (!at->required || json_object_get(arguments, at->argument))
            continue;
        point_at(wrong, at->name);
        return refuse(wrong, 422, "%s is missing: %s.", at->name, expected(at->kind));
    }
    return true;
}

static bool read_body(const struct api_request *request, json_t *arguments, struct api_wrong *wrong)
{
    const struct api_row *row = request->found->row;
    struct error error = {0};
    if (!row->body)
        return true;
    json_t *body = request->body.size ? message_parse(request->body, &error) : json_object();
    if (!body)
        return refuse(wrong, 400, "The body is no JSON that is read here: %.200s.", error.text);
    bool fine = json_is_object(body) ? read_members(row, body, arguments, wrong)
                                     : refuse(wrong, 422, "The body is to be an object.");
    json_decref(body);
    return fine;
}

/* --- conditions ------------------------------------------------------------------------------------------
 */

/* If-Match: "4". An asterisk means any; anything else that is no generation matches none. */
static bool read_generation(const struct api_request *request, json_t *arguments, struct api_wrong *wrong)
{
    struct slice tag = slice_trim(request->if_match);
    uint64_t number = 0;
    if (!request->if_match.data || slice_equal(tag, SLICE("*")))
        return true;
    bool quoted = tag.size > 2 && tag.data[0] == '"' && tag.data[tag.size - 1] == '"';
    if (!quoted || !slice_to_u64(slice_between(tag, 1, tag.size - 1), &number) || number > INT64_MAX)
        return refuse(wrong, 412, "If-Match is to hold one generation, such as \"4\".");
    json_object_set_new(arguments, "generation", json_integer((json_int_t)number));
    return true;
}

static void limit_wait(json_t *arguments)
{
    json_t *wait = json_object_get(arguments, "wait_ms");
    json_int_t wanted = json_integer_value(wait);
    wanted = wanted < API_ARGUMENTS_WAIT_MOST_MS ? wanted : API_ARGUMENTS_WAIT_MOST_MS;
    json_object_set_new(arguments, "wait_ms", json_integer(wanted));
}

json_t *api_arguments(const struct api_request *request, struct api_wrong *wrong)
{
    const struct api_found *found = request->found;
    json_t *arguments = json_object();
    *wrong = (struct api_wrong){0};
    enum api_form form = found->row->form;
    bool target = form == API_TARGET || form == API_VERB || (form == API_STREAM && found->count > 0);
    bool fine = (target ? read_target(found, arguments, wrong) : read_captures(found, arguments, wrong)) &&
                read_query(request, arguments, wrong) && read_body(request, arguments, wrong);
    if (fine && found->row->form == API_VERB) {
        fine = read_generation(request, arguments, wrong);
        limit_wait(arguments);
    }
    if (fine)
        return arguments;
    json_decref(arguments);
    return NULL;
}

bool api_arguments_fit_type(struct slice content_type)
{
    struct slice kind = slice_trim(slice_between(content_type, 0, slice_find(content_type, ';')));
    return slice_equal_ignore_case(kind, SLICE("application/json"));
}
