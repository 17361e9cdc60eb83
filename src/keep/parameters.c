/* Every fault is told at once; a value never is, since it may be a secret. */
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "config/types.h"

#include "keep/parameters.h"

enum { PARAMETERS_POINTER_MOST = 512, PARAMETERS_ERRORS_MOST = 100 };

/* RFC 6901 §3: ~ and / are written ~0 and ~1. */
static json_t *parameters_pointer(const char *name)
{
    struct buffer text = BUFFER(PARAMETERS_POINTER_MOST);
    buffer_append_text(&text, "/parameters/");
    for (; *name; name++)
        buffer_append(&text, *name == '~' ? SLICE("~0") : *name == '/' ? SLICE("~1") : slice_of(name, 1));
    json_t *pointer = json_stringn(buffer_slice(&text).data, buffer_slice(&text).size);
    buffer_free(&text);
    return pointer ? pointer : json_string("/parameters"); /* cut inside a character */
}

/* Takes `detail`. */
static void parameters_add(json_t *errors, const char *name, char *detail)
{
    json_t *pointer = name ? parameters_pointer(name) : json_string("/parameters");
    if (json_array_size(errors) < PARAMETERS_ERRORS_MOST)
        json_array_append_new(errors, json_pack("{s:O, s:s}", "pointer", pointer, "detail", detail));
    json_decref(pointer);
    free(detail);
}

static void parameters_check_value(json_t *errors, const struct config_parameter *parameter,
                                   const json_t *value)
{
    size_t size = json_string_length(value);
    size_t most = parameter->text_bytes ? (size_t)parameter->text_bytes : PARAMETERS_WORD_MOST;
    if (!json_is_string(value))
        parameters_add(errors, parameter->name, memory_text("it is not a text"));
    else if (size > most)
        parameters_add(errors, parameter->name,
                       memory_format("it has %zu bytes, and at most %zu are possible", size, most));
    else if (parameter->pattern && !types_match(parameter->pattern, slice_of(json_string_value(value), size)))
        parameters_add(errors, parameter->name, memory_format("it does not match %s", parameter->pattern));
}

static const struct config_parameter *parameters_find(const struct config_template *template,
                                                      const char *name)
{
    for (size_t i = 0; i < template->parameters.count; i++)
        if (strcmp(template->parameters.items[i].name, name) == 0)
            return &template->parameters.items[i];
    return NULL;
}

static void parameters_check_given(json_t *errors, const struct config_template *template,
                                   const json_t *given)
{
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)given, name, value)
    {
        const struct config_parameter *parameter = parameters_find(template, name);
        if (parameter)
            parameters_check_value(errors, parameter, value);
        else
            parameters_add(errors, name, memory_text("the template has no such parameter"));
    }
}

json_t *parameters_check(const struct config_template *template, const json_t *given)
{
    json_t *errors = json_array();
    if (given && !json_is_object(given))
        parameters_add(errors, NULL, memory_text("it is not an object of names and texts"));
    else if (given && json_dumpb(given, NULL, 0, JSON_COMPACT) > PARAMETERS_MOST)
        parameters_add(errors, NULL, memory_text("all together they are too long"));
    else
        parameters_check_given(errors, template, given);
    for (size_t i = 0; i < template->parameters.count; i++) {
        const struct config_parameter *parameter = &template->parameters.items[i];
        if (parameter->required && !json_object_get(given, parameter->name))
            parameters_add(errors, parameter->name, memory_text("it is missing"));
    }
    if (json_array_size(errors) > 0)
        return errors;
    json_decref(errors);
    return NULL;
}

void parameters_tell(const json_t *errors, struct error *error)
{
    struct buffer text = BUFFER(ERROR_TEXT_SIZE - 1);
    for (size_t i = 0; i < json_array_size(errors); i++) {
        const json_t *one = json_array_get(errors, i);
        buffer_append_format(&text, "%s%s: %s", i ? "; " : "",
                             json_string_value(json_object_get(one, "pointer")) + 1,
                             json_string_value(json_object_get(one, "detail")));
    }
    error_set(error, SLICE_FORMAT, SLICE_ARGUMENTS(buffer_slice(&text)));
    buffer_free(&text);
}
