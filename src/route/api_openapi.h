/* The API's rows as an OpenAPI 3.1 document, and as the page docs/api.md. Pure. */
#pragma once

#include <jansson.h>

/* `base` is "/_reeve/api/v1". A new reference. */
json_t *api_openapi(const char *base);
/* Markdown; free() it. */
char *api_openapi_page(void);
