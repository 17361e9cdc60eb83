/* From a tree to the structs of the configuration, led by the table. */
#pragma once

#include "config/load.h"

/* Reads the whole tree into load->config; whatever is wrong is in load->errors. */
void walk_tree(struct load *load, const struct yaml_node *root);
