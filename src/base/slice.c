#include "base/memory.h"
#include "base/slice.h"

static unsigned char slice_lower(char byte)
{
    return (unsigned char)(byte >= 'A' && byte <= 'Z' ? byte + ('a' - 'A') : byte);
}

bool slice_equal_ignore_case(struct slice a, struct slice b)
{
    if (a.size != b.size)
        return false;
    for (size_t i = 0; i < a.size; i++)
        if (slice_lower(a.data[i]) != slice_lower(b.data[i]))
            return false;
    return true;
}

bool slice_ends_with(struct slice whole, struct slice suffix)
{
    return whole.size >= suffix.size && slice_equal(slice_from(whole, whole.size - suffix.size), suffix);
}

struct slice slice_trim(struct slice whole)
{
    while (whole.size && (whole.data[0] == ' ' || whole.data[0] == '\t'))
        whole = slice_from(whole, 1);
    while (whole.size && (whole.data[whole.size - 1] == ' ' || whole.data[whole.size - 1] == '\t'))
        whole.size--;
    return whole;
}

size_t slice_find(struct slice whole, char byte)
{
    const char *found = whole.size ? memchr(whole.data, byte, whole.size) : NULL;
    return found ? (size_t)(found - whole.data) : whole.size;
}

bool slice_next(struct slice *rest, char separator, struct slice *piece)
{
    if (!rest->data)
        return false;
    size_t end = slice_find(*rest, separator);
    *piece = slice_of(rest->data, end);
    *rest = end < rest->size ? slice_from(*rest, end + 1) : (struct slice){0};
    return true;
}

bool slice_to_u64(struct slice digits, uint64_t *number)
{
    uint64_t value = 0;
    for (size_t i = 0; i < digits.size; i++) {
        if (digits.data[i] < '0' || digits.data[i] > '9')
            return false;
        if (__builtin_mul_overflow(value, 10u, &value) ||
            __builtin_add_overflow(value, (uint64_t)(digits.data[i] - '0'), &value))
            return false;
    }
    *number = value;
    return digits.size > 0;
}

char *slice_to_text(struct slice slice)
{
    return memory_text_of(slice.data, slice.size);
}
