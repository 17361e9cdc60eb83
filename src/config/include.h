/* `include`: the trees of more files, added to that of the first. */
#pragma once

#include "config/load.h"

/* Reads a file into a tree and remembers it for places; NULL with errors added. `name` is what places say. */
struct yaml_node *include_read(struct load *load, struct slice name, const char *path);
/* Adds what `include` of the tree names: lists are appended, named entries and keys of sections added. What
 * is there already is an error that names both places. */
void include_add(struct load *load, struct yaml_node *root);
