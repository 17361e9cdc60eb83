/* Characters of more than one code point (a letter and its marks), each kept once, under a number.
 *
 * Empty it owns nothing. When it is full the owner drops what no cell uses any more (clusters_sweep()). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CLUSTER_MOST = 16, CLUSTERS_MOST = 16384 }; /* code points in one; clusters */

struct cluster {
    uint8_t count; /* of codes; 0: the place is free */
    bool used;     /* since the last sweep began */
    uint32_t codes[CLUSTER_MOST];
};

struct clusters {
    struct cluster *all;
    size_t count, capacity; /* places */
    size_t free;            /* of these, free ones */
    uint32_t *index;        /* hash table of number + 1, */
    size_t index_size;      /* at least twice the count */
};

/* The number of that cluster (kept from now on); -1 when there is no place. */
int32_t clusters_add(struct clusters *clusters, const uint32_t *codes, size_t count);

static inline const struct cluster *clusters_get(const struct clusters *clusters, uint32_t number)
{
    return &clusters->all[number];
}

/* Marks one as used; clusters_sweep() frees all others and the marks. */
void clusters_mark(struct clusters *clusters, uint32_t number);
void clusters_sweep(struct clusters *clusters);

void clusters_free(struct clusters *clusters);
