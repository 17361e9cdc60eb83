/* The table of settings as JSON Schema 2020-12, for editors. */
#pragma once

#include <jansson.h>

/* A new reference. A key that is not built yet is in it and says so. */
json_t *schema_json(void);
