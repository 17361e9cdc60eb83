/* One pass from left to right; a default is expanded by the same pass, nested a few levels at most. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "config/expand.h"

enum { EXPAND_DEPTH = 4, EXPAND_RESULT_LIMIT = 128 * 1024 };

/* "${NAME:-default}" in its pieces. */
struct expand_reference {
    struct slice name;
    char form;          /* 0, '-' or '?' */
    struct slice other; /* the default or message */
    size_t size;        /* of the whole, from $ to } */
};

/* The } that closes the { before `text`, those of nested ${...} skipped; text.size when there is none. */
static size_t expand_closing(struct slice text)
{
    int depth = 1;
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] == '{' && i > 0 && text.data[i - 1] == '$')
            depth++;
        else if (text.data[i] == '}' && --depth == 0)
            return i;
    }
    return text.size;
}

static bool expand_name_is_valid(struct slice name)
{
    if (slice_starts_with(name, SLICE("services.")))
        return name.size > SLICE("services.").size;
    for (size_t i = 0; i < name.size; i++) {
        unsigned char c = (unsigned char)name.data[i];
        if (!isalpha(c) && c != '_' && (i == 0 || !isdigit(c)))
            return false;
    }
    return name.size > 0;
}

/* `text` starts with "${". */
static bool expand_read(struct slice text, struct expand_reference *reference, struct error *error)
{
    struct slice inside = slice_from(text, 2);
    size_t end = expand_closing(inside);
    if (end == inside.size)
        return error_set(error, "\"" SLICE_FORMAT "\" has no closing }; write $$ for a plain $",
                         SLICE_ARGUMENTS(text));
    inside = slice_between(inside, 0, end);
    size_t colon = slice_find(inside, ':');
    *reference = (struct expand_reference){.name = slice_between(inside, 0, colon), .size = end + 3};
    struct slice form = slice_from(inside, colon);
    if (form.size >= 2 && (form.data[1] == '-' || form.data[1] == '?')) {
        reference->form = form.data[1];
        reference->other = slice_from(form, 2);
    } else if (form.size) {
        reference->name.size = 0;
    }
    if (!expand_name_is_valid(reference->name))
        return error_set(error,
                         "${" SLICE_FORMAT "} is not understood; allowed are ${NAME}, ${NAME:-default} and "
                         "${NAME:?message}, and $$ for a plain $",
                         SLICE_ARGUMENTS(inside));
    return true;
}

static bool expand_append(struct buffer *out, struct slice bytes, bool as_template, struct error *error)
{
    bool fits = true;
    for (size_t i = 0; i < bytes.size && as_template; i++) {
        fits = fits && (bytes.data[i] != '$' || buffer_append_text(out, "$"));
        fits = fits && buffer_append(out, slice_between(bytes, i, i + 1));
    }
    if (!as_template)
        fits = buffer_append(out, bytes);
    return fits || error_set(error, "the text is too long once its ${...} are filled in");
}

static bool expand_pass(struct slice text, const struct expand_names *names, struct buffer *out, int depth,
                        struct error *error);

/* "${NAME:-default}" stays, with what is known already of its default. */
static bool expand_keep(const struct expand_reference *reference, const struct expand_names *names,
                        struct buffer *out, int depth, struct error *error)
{
    bool fits = buffer_append_format(out, "${" SLICE_FORMAT, SLICE_ARGUMENTS(reference->name));
    if (fits && reference->form) {
        fits = buffer_append_format(out, ":%c", reference->form);
        if (fits && !expand_pass(reference->other, names, out, depth + 1, error))
            return false;
    }
    return (fits && buffer_append_text(out, "}")) || error_set(error, "the text is too long");
}

static bool expand_reference(const struct expand_reference *reference, const struct expand_names *names,
                             struct buffer *out, int depth, struct error *error)
{
    struct slice value = {0};
    switch (names->find(names->owner, reference->name, &value)) {
    case EXPAND_BAD:
        return error_set(error, SLICE_FORMAT, SLICE_ARGUMENTS(value));
    case EXPAND_LATE:
        return buffer_append_format(out, "${" SLICE_FORMAT "}", SLICE_ARGUMENTS(reference->name)) ||
               error_set(error, "the text is too long");
    case EXPAND_MAYBE:
        return expand_keep(reference, names, out, depth, error);
    case EXPAND_VALUE:
        if (value.size || !reference->form)
            return expand_append(out, value, names->as_template, error);
        break;
    case EXPAND_UNSET:
        break;
    }
    if (reference->form == '-')
        return expand_pass(reference->other, names, out, depth + 1, error);
    if (reference->form == '?' && reference->other.size)
        return error_set(error, "${" SLICE_FORMAT "} is not set: " SLICE_FORMAT,
                         SLICE_ARGUMENTS(reference->name), SLICE_ARGUMENTS(reference->other));
    if (reference->form == '?')
        return error_set(error, "${" SLICE_FORMAT "} is not set, or empty", SLICE_ARGUMENTS(reference->name));
    return error_set(error,
                     "${" SLICE_FORMAT "} is not set and has no default; ${" SLICE_FORMAT ":-value} has one",
                     SLICE_ARGUMENTS(reference->name), SLICE_ARGUMENTS(reference->name));
}

static bool expand_pass(struct slice text, const struct expand_names *names, struct buffer *out, int depth,
                        struct error *error)
{
    if (depth > EXPAND_DEPTH)
        return error_set(error, "${...} is nested more than %d deep", EXPAND_DEPTH);
    while (text.size) {
        size_t plain = slice_find(text, '$');
        if (!expand_append(out, slice_between(text, 0, plain), names->as_template, error))
            return false;
        text = slice_from(text, plain);
        if (slice_starts_with(text, SLICE("${"))) {
            struct expand_reference reference = {0};
            if (!expand_read(text, &reference, error) ||
                !expand_reference(&reference, names, out, depth, error))
                return false;
            text = slice_from(text, reference.size);
        } else if (text.size) {
            if (!expand_append(out, SLICE("$"), names->as_template, error))
                return false;
            text = slice_from(text, slice_starts_with(text, SLICE("$$")) ? 2 : 1);
        }
    }
    return true;
}

bool expand_text(struct slice text, const struct expand_names *names, struct buffer *out, struct error *error)
{
    return expand_pass(text, names, out, 0, error);
}

struct expand_start {
    config_lookup_fn *lookup;
    void *owner;
};

static enum expand_answer expand_find_at_start(void *owner, struct slice name, struct slice *value)
{
    const struct expand_start *start = owner;
    const char *text = start->lookup(start->owner, name);
    *value = slice_of_text(text);
    return text ? EXPAND_VALUE : EXPAND_UNSET;
}

char *expand_template(const char *text, config_lookup_fn *lookup, void *owner, struct error *error)
{
    struct expand_start start = {.lookup = lookup, .owner = owner};
    struct expand_names names = {.find = expand_find_at_start, .owner = &start};
    struct buffer out = BUFFER(EXPAND_RESULT_LIMIT);
    char *result = NULL;
    if (expand_text(slice_of_text(text), &names, &out, error))
        result = slice_to_text(buffer_slice(&out));
    buffer_free(&out);
    return result;
}

/* Copies with $$ or $ for each `from` ($$ in templates, $ in texts), as what follows it demands. */
static char *expand_rewritten(const char *text, const char *from)
{
    size_t step = strlen(from), size = strlen(text);
    struct buffer out = BUFFER(2 * size + 1);
    while (*text) {
        if (strncmp(text, from, step) != 0) {
            buffer_append(&out, slice_of(text++, 1));
            continue;
        }
        text += step;
        buffer_append_text(&out, *text == '{' || *text == '$' ? "$$" : "$");
    }
    char *result = slice_to_text(buffer_slice(&out));
    buffer_free(&out);
    return result;
}

char *expand_shown(const char *text)
{
    return expand_rewritten(text, "$$");
}

char *expand_escaped(const char *text)
{
    return expand_rewritten(text, "$");
}

void expand_each_name(const char *text, void (*use)(void *owner, struct slice name), void *owner)
{
    for (; *text; text++) {
        if (*text != '$')
            continue;
        text++;
        if (*text == '$')
            continue;
        size_t size = strcspn(text, ":}"); /* with the brace before the name */
        use(owner, slice_of(text + 1, size - 1));
        text += size - 1; /* its default may hold others */
    }
}
