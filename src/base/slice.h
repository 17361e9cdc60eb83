/* A slice points at bytes that someone else owns: a start and a size, no NUL at the end.
 * It is passed by value. An empty slice may have a NULL start. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct slice {
    const char *data;
    size_t size;
};

#define SLICE(literal)         ((struct slice){.data = "" literal, .size = sizeof(literal) - 1})
#define SLICE_FORMAT           "%.*s"
#define SLICE_ARGUMENTS(slice) (int)(slice).size, ((slice).data ? (slice).data : "")

/* The smallest ones are inline: every request goes through them some hundred times. */

static inline struct slice slice_of(const void *data, size_t size)
{
    return (struct slice){.data = data, .size = size};
}

/* NULL gives an empty slice. */
static inline struct slice slice_of_text(const char *text)
{
    return slice_of(text, text ? strlen(text) : 0);
}

static inline bool slice_equal(struct slice a, struct slice b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

/* From `start` on; a start beyond the end gives an empty slice. */
static inline struct slice slice_from(struct slice whole, size_t start)
{
    if (start >= whole.size)
        return slice_of(whole.data ? whole.data + whole.size : NULL, 0);
    return slice_of(whole.data + start, whole.size - start);
}

/* The end is clipped. */
static inline struct slice slice_between(struct slice whole, size_t start, size_t end)
{
    return slice_from(slice_of(whole.data, end < whole.size ? end : whole.size), start);
}

static inline bool slice_starts_with(struct slice whole, struct slice prefix)
{
    return whole.size >= prefix.size && slice_equal(slice_of(whole.data, prefix.size), prefix);
}

/* Copies the bytes to `at` and returns what is behind them. */
static inline char *slice_put(char *at, struct slice bytes)
{
    if (bytes.size > 0)
        memcpy(at, bytes.data, bytes.size);
    return at + bytes.size;
}

bool slice_ends_with(struct slice whole, struct slice suffix);
bool slice_equal_ignore_case(struct slice a, struct slice b); /* ASCII letters only */
struct slice slice_trim(struct slice whole);                  /* without spaces and tabs at both ends */

/* The index of the first `byte`, or whole.size when there is none. */
size_t slice_find(struct slice whole, char byte);

/* Cuts the next piece off the front of *rest, up to `separator` (consumed, not part of the piece).
 * Returns false when *rest was already used up; "a,,b" gives "a", "", "b". Start with rest->data
 * not NULL; at the end rest->data becomes NULL. */
bool slice_next(struct slice *rest, char separator, struct slice *piece);

/* Decimal digits only, no sign, no blanks, the whole slice; false on anything else or overflow. */
bool slice_to_u64(struct slice digits, uint64_t *number);

/* A copy that ends with NUL; the caller frees it. */
char *slice_to_text(struct slice slice);
