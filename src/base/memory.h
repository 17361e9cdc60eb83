/* Allocation with one fatal hook: whatever a peer can grow has a cap of its own, so running out of
 * memory here means the machine is out of it, and the process ends with a message (style §2.8). */
#pragma once

#include <stddef.h>

/* Each returns memory of `size` bytes that the caller frees with free(); never NULL. */
void *memory_new(size_t size);               /* zeroed */
void *memory_resize(void *old, size_t size); /* as realloc(3); old may be NULL */
void *memory_copy(const void *source, size_t size);
char *memory_text(const char *text);                  /* as strdup(3); NULL gives NULL */
char *memory_text_of(const char *bytes, size_t size); /* copies and ends with NUL */

/* Formats into fresh memory, as asprintf(3). */
__attribute__((format(printf, 1, 2))) char *memory_format(const char *format, ...);

#define MEMORY_NEW(type)          ((type *)memory_new(sizeof(type)))
#define MEMORY_ARRAY(type, count) ((type *)memory_new_array(sizeof(type), (count)))

void *memory_new_array(size_t size, size_t count); /* zeroed; checks the product */
