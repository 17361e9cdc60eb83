/* Removing a folder that somebody else could write into: no link is followed, and the work is bounded. */
#pragma once

/* Removes `name` in the directory `parent` with all that is in it. 0 (also when there is none) or -errno;
 * -E2BIG: more than TREE_MOST entries, some are left: call again. -ELOOP: deeper than TREE_DEPTH. */
int tree_remove(int parent, const char *name);
enum { TREE_MOST = 2000, TREE_DEPTH = 64 };
