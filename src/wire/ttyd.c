/* Lenient where ttyd is: members that it does not know are none of its business. */
#include "base/check.h"
#include "wire/message.h"
#include "wire/ttyd.h"

/* Absent: 0. ttyd takes any number, so 80.5 is one. */
static bool read_number(const json_t *object, const char *name, int64_t *number)
{
    const json_t *value = json_object_get(object, name);
    double real = json_number_value(value);
    *number = real > -1e9 && real < 1e9 ? (int64_t)real : 0;
    return !value || json_is_null(value) || json_is_number(value);
}

static json_t *parse(struct slice json)
{
    struct error error;
    return json.size <= TTYD_JSON_MOST ? message_parse(json, &error) : NULL;
}

bool ttyd_read_hello(struct slice json, struct ttyd_hello *hello)
{
    json_t *object = parse(json);
    *hello = (struct ttyd_hello){.ours = json_is_true(json_object_get(object, "reeve"))};
    bool fine = json_is_object(object) && read_number(object, "columns", &hello->columns) &&
                read_number(object, "rows", &hello->rows);
    json_decref(object);
    return fine;
}

bool ttyd_read_size(struct slice json, int64_t *columns, int64_t *rows)
{
    json_t *object = parse(json);
    bool fine = json_is_number(json_object_get(object, "columns")) &&
                json_is_number(json_object_get(object, "rows")) && read_number(object, "columns", columns) &&
                read_number(object, "rows", rows);
    json_decref(object);
    return fine;
}

void ttyd_write_size(struct buffer *out, unsigned columns, unsigned rows)
{
    CHECK(buffer_append_format(out, "%c{\"columns\":%u,\"rows\":%u}", TTYD_SIZE, columns, rows));
}
