/* How far text goes before a byte that must not be in it: the inner loop of every head. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#if defined(__SSE2__)
#include <emmintrin.h>

/* Of 16 bytes: a bit for each that is at most `last_control` or DEL. */
static inline unsigned span_controls(const char *bytes, uint8_t last_control, char allowed)
{
    __m128i block = _mm_loadu_si128((const __m128i *)(const void *)bytes);
    __m128i low = _mm_cmpeq_epi8(_mm_min_epu8(block, _mm_set1_epi8((char)last_control)), block);
    low = _mm_andnot_si128(_mm_cmpeq_epi8(block, _mm_set1_epi8(allowed)), low);
    return (unsigned)_mm_movemask_epi8(_mm_or_si128(low, _mm_cmpeq_epi8(block, _mm_set1_epi8(0x7f))));
}
#endif

/* The index of the first byte that is at most `last_control` or DEL, but not `allowed`; else `size`. */
static inline size_t span_text(const char *bytes, size_t size, uint8_t last_control, char allowed)
{
    size_t i = 0;
#if defined(__SSE2__)
    for (; i + 16 <= size; i += 16) {
        unsigned found = span_controls(bytes + i, last_control, allowed);
        if (found)
            return i + (unsigned)__builtin_ctz(found);
    }
#endif
    for (; i < size; i++)
        if (((uint8_t)bytes[i] <= last_control || bytes[i] == 0x7f) && bytes[i] != allowed)
            break;
    return i;
}

/* Up to the ':' behind a field name, or before it the first control, blank or DEL; else `size`. */
static inline size_t span_name(const char *bytes, size_t size)
{
    size_t i = 0;
#if defined(__SSE2__)
    for (; i + 16 <= size; i += 16) {
        __m128i block = _mm_loadu_si128((const __m128i *)(const void *)(bytes + i));
        int colons = _mm_movemask_epi8(_mm_cmpeq_epi8(block, _mm_set1_epi8(':')));
        unsigned found = (unsigned)colons | span_controls(bytes + i, 0x20, 0x7e);
        if (found)
            return i + (unsigned)__builtin_ctz(found);
    }
#endif
    while (i < size && bytes[i] != ':' && (uint8_t)bytes[i] > 0x20 && bytes[i] != 0x7f)
        i++;
    return i;
}

/* Field values: HTAB and everything from SP up but DEL. */
static inline size_t span_value(const char *bytes, size_t size)
{
    return span_text(bytes, size, 0x1f, '\t');
}

/* Request targets: everything above SP but DEL. */
static inline size_t span_target(const char *bytes, size_t size)
{
    return span_text(bytes, size, 0x20, 0x7e);
}
