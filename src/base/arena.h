/* Memory that is given back all at once: one capped arena per exchange (style §2.8). */
#pragma once

#include "base/slice.h"

struct arena {
    struct arena_block *newest;
    size_t used;  /* bytes in all blocks, headers included */
    size_t limit; /* cap on `used` */
};

#define ARENA(cap) ((struct arena){.limit = (cap)})

/* Zeroed memory, aligned for any type, that lives until arena_free(); NULL when the cap is reached. */
void *arena_new(struct arena *arena, size_t size);
/* Copies; the copy is followed by a NUL that its size does not count. data is NULL at the cap. */
struct slice arena_copy(struct arena *arena, struct slice bytes);
/* The parts, one behind the other; as arena_copy(). */
struct slice arena_join(struct arena *arena, const struct slice *parts, size_t count);
__attribute__((format(printf, 2, 3))) struct slice arena_format(struct arena *arena, const char *format, ...);

/* Gives everything back; the arena is empty and may be used again. */
void arena_free(struct arena *arena);
/* The same, but keeps the first block when it is of ordinary size, so that steady work allocates nothing. */
void arena_reset(struct arena *arena);
