/* Only texts of ours go in here, so the JSON needs no escaping beyond jansson's. */
#include <ctype.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "wire/http1_write.h"

#include "http/refusal.h"

enum { NAME_SIZE = 64 };

/* "Bad Request" → "bad-request" */
static void write_type(char *type, const char *title)
{
    size_t i = 0;
    for (; i < NAME_SIZE - 1 && title[i]; i++)
        type[i] = (char)(isalnum((unsigned char)title[i]) ? tolower((unsigned char)title[i]) : '-');
    type[i] = 0;
}

void refusal_reply(struct exchange *exchange, int status, const char *detail)
{
    char title[NAME_SIZE], type[NAME_SIZE];
    struct slice reason = http1_write_reason((unsigned)status);
    snprintf(title, sizeof title, SLICE_FORMAT, SLICE_ARGUMENTS(reason));
    write_type(type, title);
    json_t *object = json_pack("{s:o, s:s, s:i, s:s}", "type", json_sprintf("urn:reeve:problem:%s", type),
                               "title", title, "status", status, "detail", detail);
    char *text = object ? json_dumps(object, JSON_COMPACT) : NULL;
    CHECK(text);
    static const struct exchange_field fields[] = {
        {{"Content-Type", 12}, {"application/problem+json", 24}},
        {{"Cache-Control", 13}, {"no-store", 8}},
    };
    exchange_close_after(exchange);
    exchange_reply(exchange, status, fields, 2, slice_of_text(text));
    free(text);
    json_decref(object);
}
