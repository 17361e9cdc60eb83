/* One statement run once, its values and rows as JSON: for tables that few rows go into. Private to store.
 *
 * Texts, whole numbers and null are what a value can be. */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "store/store.h"

/* Runs `sql` with `values` (an array; the reference is taken; NULL: none) for ?1, ?2 ... `store` may be NULL.
 * False when the database fails. */
bool query_run(struct store *store, const char *sql, json_t *values);
/* As query_run(); gives the number of rows changed, or -1. */
int query_change(struct store *store, const char *sql, json_t *values);
/* The rows as an array of objects by column name; a new reference, NULL when the database fails. */
json_t *query_rows(struct store *store, const char *sql, json_t *values);
