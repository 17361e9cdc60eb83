/* Characters of more than one code point. */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/memory.h"
#include "screen/clusters.h"

enum { FIRST_INDEX = 64, FIRST_PLACES = 16 };

static uint32_t hash(const uint32_t *codes, size_t count)
{
    uint32_t sum = 2166136261u; /* FNV-1a, a code point at a time */
    for (size_t i = 0; i < count; i++)
        sum = (sum ^ codes[i]) * 16777619u;
    return sum ^ sum >> 15;
}

/* The place in the index where the cluster is, or would be. */
static uint32_t *place_of(const struct clusters *clusters, const uint32_t *codes, size_t count)
{
    for (size_t at = hash(codes, count);; at++) {
        uint32_t *place = &clusters->index[at % clusters->index_size];
        if (!*place)
            return place;
        const struct cluster *cluster = &clusters->all[*place - 1];
        if (cluster->count == count && memcmp(cluster->codes, codes, count * sizeof *codes) == 0)
            return place;
    }
}

static void rebuild_index(struct clusters *clusters, size_t size)
{
    free(clusters->index);
    clusters->index = MEMORY_ARRAY(uint32_t, size);
    clusters->index_size = size;
    for (size_t i = 0; i < clusters->count; i++)
        if (clusters->all[i].count)
            *place_of(clusters, clusters->all[i].codes, clusters->all[i].count) = (uint32_t)i + 1;
}

static struct cluster *free_place(struct clusters *clusters)
{
    if (clusters->free) {
        struct cluster *place = clusters->all;
        while (place->count)
            place++;
        clusters->free--;
        return place;
    }
    if (clusters->count == CLUSTERS_MOST)
        return NULL;
    if (clusters->count == clusters->capacity) {
        clusters->capacity = clusters->capacity ? 2 * clusters->capacity : FIRST_PLACES;
        clusters->all = memory_resize(clusters->all, clusters->capacity * sizeof *clusters->all);
    }
    return &clusters->all[clusters->count++];
}

int32_t clusters_add(struct clusters *clusters, const uint32_t *codes, size_t count)
{
    CHECK(count <= CLUSTER_MOST);
    if (2 * (clusters->count + 1) > clusters->index_size)
        rebuild_index(clusters, clusters->index ? 2 * clusters->index_size : FIRST_INDEX);
    uint32_t *place = place_of(clusters, codes, count);
    if (*place)
        return (int32_t)*place - 1;
    struct cluster *cluster = free_place(clusters);
    if (!cluster)
        return -1;
    *cluster = (struct cluster){.count = (uint8_t)count};
    memcpy(cluster->codes, codes, count * sizeof *codes);
    *place = (uint32_t)(cluster - clusters->all) + 1;
    return (int32_t)*place - 1;
}

void clusters_mark(struct clusters *clusters, uint32_t number)
{
    clusters->all[number].used = true;
}

void clusters_sweep(struct clusters *clusters)
{
    for (size_t i = 0; i < clusters->count; i++) {
        struct cluster *cluster = &clusters->all[i];
        if (cluster->count && !cluster->used) {
            cluster->count = 0;
            clusters->free++;
        }
        cluster->used = false;
    }
    if (clusters->index)
        rebuild_index(clusters, clusters->index_size);
}

void clusters_free(struct clusters *clusters)
{
    free(clusters->all);
    free(clusters->index);
    *clusters = (struct clusters){0};
}
