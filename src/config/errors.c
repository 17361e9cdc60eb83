/* A list of texts with places; what is beyond its cap is only counted. */
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"

#include "config/errors.h"

enum { ERRORS_KEPT = 500, ERRORS_TEXT_LIMIT = 1 << 20 };

void errors_take(struct config_errors *errors, struct config_place place, char *text)
{
    if (errors->count == ERRORS_KEPT) {
        errors->dropped++;
        free(text);
        return;
    }
    if (errors->count % 16 == 0)
        errors->items = memory_resize(errors->items, (errors->count + 16) * sizeof *errors->items);
    place.file = memory_text(place.file);
    errors->items[errors->count++] = (struct config_error){.place = place, .text = text};
}

static int errors_compare(const void *left, const void *right)
{
    const struct config_error *a = left, *b = right;
    if (a->place.file && b->place.file && strcmp(a->place.file, b->place.file) != 0)
        return strcmp(a->place.file, b->place.file);
    if (a->place.line != b->place.line)
        return a->place.line < b->place.line ? -1 : 1;
    return (a->place.column > b->place.column) - (a->place.column < b->place.column);
}

/* An insertion sort: stable, and the list is short and nearly sorted. */
void errors_sort(struct config_errors *errors)
{
    for (size_t i = 1; i < errors->count; i++) {
        struct config_error moved = errors->items[i];
        size_t j = i;
        for (; j > 0 && errors_compare(&errors->items[j - 1], &moved) > 0; j--)
            errors->items[j] = errors->items[j - 1];
        errors->items[j] = moved;
    }
}

char *errors_text(const struct config_errors *errors)
{
    struct buffer all = BUFFER(ERRORS_TEXT_LIMIT);
    char place[512];
    size_t shown = errors->count < CONFIG_ERRORS_SHOWN ? errors->count : CONFIG_ERRORS_SHOWN;
    for (size_t i = 0; i < shown; i++)
        buffer_append_format(&all, "%s: %s\n",
                             config_place_text(&errors->items[i].place, place, sizeof place),
                             errors->items[i].text);
    size_t more = errors->count - shown + errors->dropped;
    if (more)
        buffer_append_format(&all, "and %zu more\n", more);
    char *text = slice_to_text(buffer_slice(&all));
    buffer_free(&all);
    return text;
}

void errors_first(const struct config_errors *errors, struct error *error)
{
    if (errors->count == 0)
        return;
    char place[512];
    size_t more = errors->count - 1 + errors->dropped;
    const char *first = config_place_text(&errors->items[0].place, place, sizeof place);
    if (more)
        error_set(error, "%s: %s (and %zu more)", first, errors->items[0].text, more);
    else
        error_set(error, "%s: %s", first, errors->items[0].text);
}

void errors_free(struct config_errors *errors)
{
    for (size_t i = 0; i < errors->count; i++) {
        free((char *)(uintptr_t)errors->items[i].place.file);
        free(errors->items[i].text);
    }
    free(errors->items);
    *errors = (struct config_errors){0};
}
