/* One pass over the head, line by line. A line that is not complete is looked at again when more bytes came:
 * that costs less than the system call that brought them. */
#include <string.h>

#include "base/check.h"
#include "wire/http1.h"
#include "wire/span.h"

/* What is left of the bytes: `at` moves. */
struct http1_cursor {
    const char *at;
    const char *end;
};

static const struct {
    int status;
    const char *text;
} outcomes[HTTP1_RESULTS] = {
    [HTTP1_DONE] = {0, "The head is complete"},
    [HTTP1_MORE] = {0, "The head goes on"},
    [HTTP1_BAD_LINE_END] = {400, "A line does not end with CR LF"},
    [HTTP1_BAD_METHOD] = {400, "The method has a character that is not allowed"},
    [HTTP1_LONG_METHOD] = {501, "The method is unknown"},
    [HTTP1_BAD_TARGET] = {400, "The request target is malformed"},
    [HTTP1_LONG_TARGET] = {414, "The request target is too long"},
    [HTTP1_BAD_VERSION] = {400, "The HTTP version is malformed"},
    [HTTP1_OTHER_VERSION] = {505, "This HTTP version is not supported"},
    [HTTP1_BAD_STATUS] = {400, "The status is malformed"},
    [HTTP1_BAD_NAME] = {400, "A field name is malformed"},
    [HTTP1_BAD_VALUE] = {400, "A field value has a control character"},
    [HTTP1_BAD_FOLD] = {400, "A field is continued on a second line"},
    [HTTP1_LARGE_HEAD] = {431, "The head is too large"},
    [HTTP1_MANY_FIELDS] = {431, "The head has too many fields"},
    [HTTP1_BAD_HOST] = {400, "Host is missing, repeated or malformed"},
    [HTTP1_BAD_LENGTH] = {400, "Content-Length is repeated or not a number"},
    [HTTP1_BAD_CODING] = {400, "Transfer-Encoding is repeated or contradicts the rest of the head"},
    [HTTP1_OTHER_CODING] = {501, "This transfer coding is not supported"},
    [HTTP1_BAD_EXPECT] = {417, "This expectation is not supported"},
    [HTTP1_BAD_UPGRADE] = {400, "An upgrade cannot have a body"},
    [HTTP1_BAD_CHUNK] = {400, "A chunk of the body is malformed"},
};

void http1_begin(struct http1_head *head, struct field *storage, size_t capacity)
{
    fields_init(&head->fields, storage, capacity);
    head->method_name = head->target = head->reason = (struct slice){0};
    head->status = 0;
    head->method = HTTP1_OTHER_METHOD;
    head->minor = 0;
    head->size = 0;
    head->base = NULL;
    head->parsed = 0;
    head->started = false;
}

static void http1_move_slice(struct slice *slice, const char *from, const char *to)
{
    if (slice->data)
        slice->data = to + (slice->data - from);
}

void http1_move(struct http1_head *head, const char *base)
{
    if (head->base) {
        http1_move_slice(&head->method_name, head->base, base);
        http1_move_slice(&head->target, head->base, base);
        http1_move_slice(&head->reason, head->base, base);
        for (size_t i = 0; i < head->fields.count; i++) {
            http1_move_slice(&head->fields.list[i].name, head->base, base);
            http1_move_slice(&head->fields.list[i].value, head->base, base);
        }
    }
    head->base = base;
}

enum http1_method http1_method_of(struct slice name)
{
#define HTTP1_IS(text) (memcmp(name.data, text, sizeof(text) - 1) == 0)
    switch (name.size) {
    case 3:
        return HTTP1_IS("GET") ? HTTP1_GET : HTTP1_IS("PUT") ? HTTP1_PUT : HTTP1_OTHER_METHOD;
    case 4:
        return HTTP1_IS("POST") ? HTTP1_POST : HTTP1_IS("HEAD") ? HTTP1_HEAD : HTTP1_OTHER_METHOD;
    case 5:
        return HTTP1_IS("PATCH") ? HTTP1_PATCH : HTTP1_IS("TRACE") ? HTTP1_TRACE : HTTP1_OTHER_METHOD;
    case 6:
        return HTTP1_IS("DELETE") ? HTTP1_DELETE : HTTP1_OTHER_METHOD;
    case 7:
        return HTTP1_IS("OPTIONS") ? HTTP1_OPTIONS : HTTP1_IS("CONNECT") ? HTTP1_CONNECT : HTTP1_OTHER_METHOD;
    default:
        return HTTP1_OTHER_METHOD;
    }
#undef HTTP1_IS
}

static size_t http1_left(const struct http1_cursor *cursor)
{
    return (size_t)(cursor->end - cursor->at);
}

/* CR LF at the cursor, which moves behind it. `wrong` is the result when something else than a line end is
 * there. */
static enum http1_result http1_line_end(struct http1_cursor *cursor, enum http1_result wrong)
{
    if (cursor->at == cursor->end)
        return HTTP1_MORE;
    if (*cursor->at != '\r')
        return *cursor->at == '\n' ? HTTP1_BAD_LINE_END : wrong;
    if (http1_left(cursor) == 1)
        return HTTP1_MORE;
    if (cursor->at[1] != '\n')
        return HTTP1_BAD_LINE_END;
    cursor->at += 2;
    return HTTP1_DONE;
}

static enum http1_result http1_take_method(struct http1_head *head, struct http1_cursor *cursor)
{
    const char *start = cursor->at;
    while (cursor->at < cursor->end && fields_token_bytes[(uint8_t)*cursor->at])
        cursor->at++;
    head->method_name = slice_of(start, (size_t)(cursor->at - start));
    if (head->method_name.size > HTTP1_METHOD_LONGEST)
        return HTTP1_LONG_METHOD;
    if (cursor->at == cursor->end)
        return HTTP1_MORE;
    if (*cursor->at != ' ' || head->method_name.size == 0)
        return HTTP1_BAD_METHOD;
    cursor->at++;
    head->method = http1_method_of(head->method_name);
    return HTTP1_DONE;
}

static enum http1_result http1_take_target(struct http1_head *head, struct http1_cursor *cursor, size_t limit)
{
    head->target = slice_of(cursor->at, span_target(cursor->at, http1_left(cursor)));
    cursor->at += head->target.size;
    if (head->target.size > limit)
        return HTTP1_LONG_TARGET;
    if (cursor->at == cursor->end)
        return HTTP1_MORE;
    if (*cursor->at != ' ')
        return *cursor->at == '\r' || *cursor->at == '\n' ? HTTP1_BAD_VERSION : HTTP1_BAD_TARGET;
    if (head->target.size == 0)
        return HTTP1_BAD_TARGET;
    cursor->at++;
    return HTTP1_DONE;
}

static bool http1_is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

/* "HTTP/d.d" at the cursor, which moves behind it; whether it is one of ours is asked later. */
static enum http1_result http1_take_version(struct http1_cursor *cursor, char *major, char *minor)
{
    size_t left = http1_left(cursor);
    if (memcmp(cursor->at, "HTTP/", left < 5 ? left : 5) != 0)
        return HTTP1_BAD_VERSION;
    if (left < 8)
        return HTTP1_MORE;
    *major = cursor->at[5];
    *minor = cursor->at[7];
    if (!http1_is_digit(*major) || cursor->at[6] != '.' || !http1_is_digit(*minor))
        return HTTP1_BAD_VERSION;
    cursor->at += 8;
    return HTTP1_DONE;
}

static enum http1_result http1_request_line(struct http1_head *head, struct http1_cursor *cursor,
                                            const struct http1_limits *limits)
{
    char major = 0, minor = 0;
    enum http1_result result = http1_take_method(head, cursor);
    if (result == HTTP1_DONE)
        result = http1_take_target(head, cursor, limits->target);
    if (result == HTTP1_DONE)
        result = http1_take_version(cursor, &major, &minor);
    if (result == HTTP1_DONE)
        result = http1_line_end(cursor, HTTP1_BAD_VERSION);
    if (result != HTTP1_DONE)
        return result;
    head->minor = minor > '0';
    return major == '1' ? HTTP1_DONE : HTTP1_OTHER_VERSION;
}

/* " 200 OK", the reason and the blank before it may be missing. */
static enum http1_result http1_take_status(struct http1_head *head, struct http1_cursor *cursor)
{
    size_t left = http1_left(cursor);
    const char *at = cursor->at;
    if (left > 0 && at[0] != ' ')
        return HTTP1_BAD_STATUS;
    for (size_t i = 1; i < left && i < 4; i++)
        if (!http1_is_digit(at[i]))
            return HTTP1_BAD_STATUS;
    if (left < 5)
        return HTTP1_MORE;
    head->status = (unsigned)((at[1] - '0') * 100 + (at[2] - '0') * 10 + (at[3] - '0'));
    cursor->at += 4;
    if (head->status < 100)
        return HTTP1_BAD_STATUS;
    if (*cursor->at != ' ')
        return http1_line_end(cursor, HTTP1_BAD_STATUS);
    cursor->at++;
    head->reason = slice_of(cursor->at, span_value(cursor->at, http1_left(cursor)));
    cursor->at += head->reason.size;
    return http1_line_end(cursor, HTTP1_BAD_STATUS);
}

static enum http1_result http1_status_line(struct http1_head *head, struct http1_cursor *cursor,
                                           const struct http1_limits *limits)
{
    (void)limits;
    char major = 0, minor = 0;
    enum http1_result result = http1_take_version(cursor, &major, &minor);
    if (result != HTTP1_DONE)
        return result;
    head->minor = minor > '0';
    if (major != '1')
        return HTTP1_OTHER_VERSION;
    return http1_take_status(head, cursor);
}

static bool http1_is_blank(char byte)
{
    return byte == ' ' || byte == '\t';
}

/* "Name:". The bytes of a known name need no look of their own. */
static enum http1_result http1_take_name(struct http1_cursor *cursor, struct slice *name, enum field_id *id)
{
    *name = slice_of(cursor->at, span_name(cursor->at, http1_left(cursor)));
    const char *at = cursor->at + name->size;
    if (at == cursor->end)
        return HTTP1_MORE;
    if (*at != ':' || name->size == 0)
        return name->size == 0 && http1_is_blank(*at) ? HTTP1_BAD_FOLD : HTTP1_BAD_NAME;
    *id = fields_id(*name);
    if (*id == FIELD_OTHER && !fields_name_is_valid(*name))
        return HTTP1_BAD_NAME;
    cursor->at = at + 1;
    return HTTP1_DONE;
}

static enum http1_result http1_field_line(struct http1_head *head, struct http1_cursor *cursor)
{
    struct slice name;
    enum field_id id = FIELD_OTHER;
    enum http1_result result = http1_take_name(cursor, &name, &id);
    if (result != HTTP1_DONE)
        return result;
    const char *at = cursor->at;
    while (at < cursor->end && http1_is_blank(*at))
        at++;
    struct slice value = slice_of(at, span_value(at, (size_t)(cursor->end - at)));
    cursor->at = at + value.size;
    result = http1_line_end(cursor, HTTP1_BAD_VALUE);
    if (result != HTTP1_DONE)
        return result;
    while (value.size && http1_is_blank(value.data[value.size - 1]))
        value.size--;
    return fields_add_known(&head->fields, id, name, value) ? HTTP1_DONE : HTTP1_MANY_FIELDS;
}

/* Field lines up to the empty line, each counted in head->parsed once it is complete. */
static enum http1_result http1_fields(struct http1_head *head, struct http1_cursor *cursor)
{
    while (cursor->at < cursor->end) {
        if (*cursor->at == '\r' || *cursor->at == '\n')
            return http1_line_end(cursor, HTTP1_BAD_LINE_END);
        enum http1_result result = http1_field_line(head, cursor);
        if (result != HTTP1_DONE)
            return result;
        head->parsed = (size_t)(cursor->at - head->base);
    }
    return HTTP1_MORE;
}

typedef enum http1_result http1_first_line_fn(struct http1_head *head, struct http1_cursor *cursor,
                                              const struct http1_limits *limits);

static enum http1_result http1_parse(struct http1_head *head, struct http1_cursor *cursor,
                                     const struct http1_limits *limits, http1_first_line_fn *first_line)
{
    if (!head->started) {
        enum http1_result result = cursor->at < cursor->end ? first_line(head, cursor, limits) : HTTP1_MORE;
        if (result != HTTP1_DONE)
            return result;
        head->started = true;
        head->parsed = (size_t)(cursor->at - head->base);
    }
    enum http1_result result = http1_fields(head, cursor);
    if (result == HTTP1_DONE)
        head->size = (size_t)(cursor->at - head->base);
    return result;
}

/* The bytes that are not parsed yet, cut at the limit: what lies beyond cannot become part of this head. */
static struct http1_cursor http1_resume(struct http1_head *head, struct slice bytes,
                                        const struct http1_limits *limits)
{
    CHECK(bytes.size >= head->parsed);
    if (head->base != bytes.data)
        http1_move(head, bytes.data);
    size_t size = bytes.size < limits->head ? bytes.size : limits->head;
    CHECK(size >= head->parsed);
    return (struct http1_cursor){.at = bytes.data + head->parsed, .end = bytes.data + size};
}

static enum http1_result http1_limited(enum http1_result result, struct slice bytes,
                                       const struct http1_limits *limits)
{
    return result == HTTP1_MORE && bytes.size >= limits->head ? HTTP1_LARGE_HEAD : result;
}

static enum http1_result http1_empty_lines(struct http1_head *head, struct http1_cursor *cursor)
{
    while (cursor->at < cursor->end && (*cursor->at == '\r' || *cursor->at == '\n')) {
        enum http1_result result = http1_line_end(cursor, HTTP1_BAD_LINE_END);
        if (result != HTTP1_DONE)
            return result;
        head->parsed = (size_t)(cursor->at - head->base);
        if (head->parsed > 2 * HTTP1_EMPTY_LINES_MOST)
            return HTTP1_BAD_LINE_END;
    }
    return HTTP1_DONE;
}

enum http1_result http1_parse_request(struct http1_head *head, struct slice bytes,
                                      const struct http1_limits *limits)
{
    if (bytes.size == 0)
        return HTTP1_MORE;
    struct http1_cursor cursor = http1_resume(head, bytes, limits);
    enum http1_result result = HTTP1_DONE;
    if (!head->started)
        result = http1_empty_lines(head, &cursor);
    if (result == HTTP1_DONE)
        result = http1_parse(head, &cursor, limits, http1_request_line);
    return http1_limited(result, bytes, limits);
}

enum http1_result http1_parse_response(struct http1_head *head, struct slice bytes,
                                       const struct http1_limits *limits)
{
    if (bytes.size == 0)
        return HTTP1_MORE;
    struct http1_cursor cursor = http1_resume(head, bytes, limits);
    return http1_limited(http1_parse(head, &cursor, limits, http1_status_line), bytes, limits);
}

int http1_result_status(enum http1_result result)
{
    CHECK(result < HTTP1_RESULTS);
    return outcomes[result].status;
}

const char *http1_result_text(enum http1_result result)
{
    CHECK(result < HTTP1_RESULTS);
    return outcomes[result].text;
}
