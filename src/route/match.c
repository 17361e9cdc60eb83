/* One tree of path segments per host pattern; a request walks down and, where a branch leads nowhere, tries
 * the next less exact one. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "wire/uri.h"

#include "route/match.h"

enum { NO_ROUTE = -1 };

struct match_edge {
    struct slice segment;
    struct match_node *node;
};

struct match_node {
    struct match_edge *edges; /* sorted by edge_order() */
    size_t edge_count;
    struct match_node *capture; /* below {name} */
    int end;                    /* route of a path that ends here */
    int rest;                   /* route of a `*` here */
};

struct match_host {
    char *pattern;
    bool captures; /* has a {name} */
    struct match_node *root;
};

struct match_table {
    struct match_host *hosts; /* literal ones first */
    size_t host_count;
    struct match_node *any_host;
};

static struct match_node *node_new(void)
{
    struct match_node *node = MEMORY_NEW(struct match_node);
    node->end = node->rest = NO_ROUTE;
    return node;
}

static void node_free(struct match_node *node)
{
    if (!node)
        return;
    for (size_t i = 0; i < node->edge_count; i++) {
        node_free(node->edges[i].node);
        free((char *)(uintptr_t)node->edges[i].segment.data);
    }
    node_free(node->capture);
    free(node->edges);
    free(node);
}

/* Any total order will do; by size first is the quickest. */
static int edge_order(struct slice a, struct slice b)
{
    if (a.size != b.size)
        return a.size < b.size ? -1 : 1;
    return a.size ? memcmp(a.data, b.data, a.size) : 0;
}

/* The place of `segment` among the edges, or where it belongs. */
static size_t edge_place(const struct match_node *node, struct slice segment, bool *found)
{
    size_t low = 0, high = node->edge_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = edge_order(segment, node->edges[middle].segment);
        *found = order == 0;
        if (*found)
            return middle;
        if (order > 0)
            low = middle + 1;
        else
            high = middle;
    }
    *found = false;
    return low;
}

static struct match_node *edge_add(struct match_node *node, struct slice segment)
{
    bool found;
    size_t place = edge_place(node, segment, &found);
    if (found)
        return node->edges[place].node;
    node->edges = memory_resize(node->edges, (node->edge_count + 1) * sizeof *node->edges);
    memmove(node->edges + place + 1, node->edges + place, (node->edge_count - place) * sizeof *node->edges);
    node->edge_count++;
    node->edges[place].segment = slice_of(slice_to_text(segment), segment.size);
    node->edges[place].node = node_new();
    return node->edges[place].node;
}

static bool is_capture(struct slice part)
{
    return part.size > 2 && part.data[0] == '{' && part.data[part.size - 1] == '}';
}

/* Takes `place` for `route`; false when it is taken. */
static bool claim(int *place, unsigned route, const char *path, struct error *error)
{
    if (*place != NO_ROUTE)
        return error_set(error, "path \"%s\" is that of another route too", path);
    *place = (int)route;
    return true;
}

static bool node_add(struct match_node *node, const char *path, unsigned route, struct error *error)
{
    struct slice rest = slice_of_text(path), segment;
    if (path[0] != '/')
        return error_set(error, "path \"%s\" does not start with a slash", path);
    while (uri_next_segment(&rest, &segment)) {
        if (slice_equal(segment, SLICE("*"))) {
            if (rest.data)
                return error_set(error, "path \"%s\" goes on behind its *", path);
            return claim(&node->rest, route, path, error);
        }
        if (!is_capture(segment)) {
            node = edge_add(node, segment);
        } else {
            if (!node->capture)
                node->capture = node_new();
            node = node->capture;
        }
    }
    return claim(&node->end, route, path, error);
}

static struct match_node *host_add(struct match_table *table, const char *host)
{
    for (size_t i = 0; i < table->host_count; i++)
        if (strcmp(table->hosts[i].pattern, host) == 0)
            return table->hosts[i].root;
    bool captures = strchr(host, '{') != NULL;
    size_t place = captures ? table->host_count : 0;
    table->hosts = memory_resize(table->hosts, (table->host_count + 1) * sizeof *table->hosts);
    memmove(table->hosts + place + 1, table->hosts + place,
            (table->host_count - place) * sizeof *table->hosts);
    table->host_count++;
    table->hosts[place] = (struct match_host){memory_text(host), captures, node_new()};
    return table->hosts[place].root;
}

static bool host_matches(const struct match_host *host, struct slice name)
{
    struct slice pattern = slice_of_text(host->pattern), wanted, label;
    if (!host->captures)
        return slice_equal(pattern, name);
    while (slice_next(&pattern, '.', &wanted)) {
        if (!name.data || !slice_next(&name, '.', &label) || label.size == 0)
            return false;
        if (!is_capture(wanted) && !slice_equal(wanted, label))
            return false;
    }
    return !name.data;
}

static bool found(struct match_result *result, int route, bool wildcard, unsigned before, struct slice rest)
{
    result->route = (unsigned)route;
    result->wildcard = wildcard;
    result->bare = wildcard && rest.size == 0;
    result->before_rest = before;
    result->rest = rest;
    return true;
}

/* As deep as the deepest pattern at most: what lies deeper belongs to a `*`. */
static bool node_find(const struct match_node *node, struct slice rest, unsigned depth,
                      struct match_result *result)
{
    struct slice after = rest, segment;
    if (!rest.data || !uri_next_segment(&after, &segment)) {
        if (node->end != NO_ROUTE)
            return found(result, node->end, false, depth, (struct slice){0});
        return node->rest != NO_ROUTE && found(result, node->rest, true, depth, (struct slice){0});
    }
    if (node->edge_count > 0) {
        bool is_edge;
        size_t place = edge_place(node, segment, &is_edge);
        if (is_edge && node_find(node->edges[place].node, after, depth + 1, result))
            return true;
    }
    if (node->capture && segment.size > 0 && node_find(node->capture, after, depth + 1, result))
        return true;
    if (depth > 0) /* uri_next_segment() has taken the slash before it */
        rest = slice_of(rest.data - 1, rest.size + 1);
    return node->rest != NO_ROUTE && found(result, node->rest, true, depth, rest);
}

struct match_table *match_new(void)
{
    struct match_table *table = MEMORY_NEW(struct match_table);
    table->any_host = node_new();
    return table;
}

bool match_add(struct match_table *table, const char *host, const char *path, unsigned route,
               struct error *error)
{
    return node_add(host ? host_add(table, host) : table->any_host, path, route, error);
}

bool match_find(const struct match_table *table, struct slice host, struct slice path,
                struct match_result *result)
{
    for (size_t i = 0; i < table->host_count; i++)
        if (host_matches(&table->hosts[i], host) && node_find(table->hosts[i].root, path, 0, result))
            return true;
    return node_find(table->any_host, path, 0, result);
}

void match_free(struct match_table **table)
{
    if (!*table)
        return;
    for (size_t i = 0; i < (*table)->host_count; i++) {
        free((*table)->hosts[i].pattern);
        node_free((*table)->hosts[i].root);
    }
    node_free((*table)->any_host);
    free((*table)->hosts);
    free(*table);
    *table = NULL;
}
