/* Prints what is made from tables: the settings (page, schema) and the API (api). tools/generated keeps the
 * files. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/document.h"
#include "config/schema.h"
#include "route/api_openapi.h"

static char *schema_text(void)
{
    json_t *schema = schema_json();
    char *text = json_dumps(schema, JSON_INDENT(1) | JSON_PRESERVE_ORDER);
    json_decref(schema);
    return text;
}

int main(int count, char **arguments)
{
    const char *what = count == 2 ? arguments[1] : "";
    char *text = strcmp(what, "page") == 0     ? document_markdown()
                 : strcmp(what, "schema") == 0 ? schema_text()
                 : strcmp(what, "api") == 0    ? api_openapi_page()
                                               : NULL;
    if (!text) {
        fprintf(stderr, "usage: reeve-docs page | schema | api\n");
        return 2;
    }
    bool written =
        fputs(text, stdout) >= 0 && (text[0] != '{' || putchar('\n') != EOF) && fflush(stdout) == 0;
    free(text);
    return written ? 0 : 1;
}
