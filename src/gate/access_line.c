/* JSON for programs; and the format of NCSA httpd, which most programs that read such logs know. */
#include <string.h>
#include <time.h>

#include "admit/bearer.h"
#include "base/utf8.h"

#include "gate/access_line.h"

enum {
    TARGET_MOST = 8192,
    TEXT_MOST = 1024,
    ESCAPED_MOST = 6, /* "\u0000" */
    FIXED_MOST = 1024,
    TOKEN_LEAST = 32, /* shorter words that begin like a token are none */
    CLIENT_LEFT = 499,
    MILLISECONDS_PLACE = 20, /* in "2023-11-14T22:13:20.123Z" */
};

/* 1: escaped by a backslash; 2: by its number; 3: by its number unless the text is UTF-8 */
static const unsigned char escapes[256] = {
    [0 ... 0x1f] = 2, ['"'] = 1, ['\\'] = 1, [0x7f] = 2, [0x80 ... 0xff] = 3};

/* --- pieces: each returns where the next one goes ------------------------------------------------ */

static inline char *put(char *at, struct slice text)
{
    if (text.size > 0)
        memcpy(at, text.data, text.size);
    return at + text.size;
}

static char *put_number(char *at, uint64_t number)
{
    char digits[20];
    size_t start = sizeof digits;
    do
        digits[--start] = (char)('0' + number % 10);
    while ((number /= 10) > 0);
    return put(at, slice_of(digits + start, sizeof digits - start));
}

/* Exactly three digits. */
static char *put_thousandths(char *at, unsigned number)
{
    at[0] = (char)('0' + number / 100);
    at[1] = (char)('0' + number / 10 % 10);
    at[2] = (char)('0' + number % 10);
    return at + 3;
}

static char *put_escape(char *at, enum access_format format, unsigned char byte)
{
    static const char hex[] = "0123456789abcdef";
    if (escapes[byte] == 1) {
        *at++ = '\\';
        *at++ = (char)byte;
        return at;
    }
    at = put(at, format == ACCESS_JSON ? SLICE("\\u00") : SLICE("\\x"));
    *at++ = hex[byte >> 4];
    *at++ = hex[byte & 15];
    return at;
}

static char *put_escaped(char *at, enum access_format format, struct slice text)
{
    bool checked = false, utf8 = false;
    size_t plain = 0; /* where the bytes that need no escape begin */
    for (size_t i = 0; i < text.size; i++) {
        unsigned char byte = (unsigned char)text.data[i];
        if (escapes[byte] == 0)
            continue;
        if (escapes[byte] == 3 && !checked) {
            utf8 = utf8_valid(text);
            checked = true;
        }
        if (escapes[byte] == 3 && utf8)
            continue;
        at = put(at, slice_between(text, plain, i));
        at = put_escape(at, format, byte);
        plain = i + 1;
    }
    return put(at, slice_from(text, plain));
}

/* Tokens do not belong into URLs, where nobody accepts them; one that somebody puts there all the same is not
 * written down. */
static char *put_masked(char *at, enum access_format format, struct slice text)
{
    size_t start = 0, place = 0;
    while (place < text.size) {
        const char *found = memmem(text.data + place, text.size - place, "reeve_", 6);
        if (!found)
            break;
        place = (size_t)(found - text.data);
        size_t length = bearer_length(slice_from(text, place));
        if (length >= TOKEN_LEAST) {
            at = put_escaped(at, format, slice_between(text, start, place));
            at = put(at, SLICE("reeve_***"));
            start = place + length;
        }
        place += length > 0 ? length : 1;
    }
    return put_escaped(at, format, slice_from(text, start));
}

static struct slice cut(struct slice text, size_t most)
{
    return slice_between(text, 0, text.size < most ? text.size : most);
}

static struct slice request_field(const struct http_record *record, enum field_id id)
{
    struct slice none = {0};
    return record->request ? cut(fields_get(&record->request->head->fields, id), TEXT_MOST) : none;
}

static struct slice request_target(const struct http_record *record)
{
    return cut(record->request->head->target, TARGET_MOST);
}

/* --- what is kept ---------------------------------------------------------------------------------- */

static struct slice time_text(struct access_line *line, int64_t wall_ms)
{
    time_t second = (time_t)(wall_ms / 1000);
    if (second != line->second || line->time_size == 0) {
        struct tm parts;
        line->second = second;
        if (line->format == ACCESS_JSON)
            line->time_size = strlen(clock_format(wall_ms, line->time));
        else
            line->time_size =
                strftime(line->time, sizeof line->time, "%d/%b/%Y:%H:%M:%S +0000", gmtime_r(&second, &parts));
    }
    if (line->format == ACCESS_JSON)
        put_thousandths(line->time + MILLISECONDS_PLACE, (unsigned)(wall_ms % 1000));
    return slice_of(line->time, line->time_size);
}

static bool same_host(const struct address *a, const struct address *b)
{
    if (a->any.sa_family != b->any.sa_family)
        return false;
    if (a->any.sa_family == AF_INET)
        return a->v4.sin_addr.s_addr == b->v4.sin_addr.s_addr;
    return a->any.sa_family == AF_UNIX ||
           memcmp(&a->v6.sin6_addr, &b->v6.sin6_addr, sizeof a->v6.sin6_addr) == 0;
}

static struct slice peer_text(struct access_line *line, const struct address *peer)
{
    if (line->peer_size == 0 || !same_host(&line->peer, peer)) {
        line->peer = *peer;
        line->peer_size = strlen(address_format_host(peer, line->peer_text));
    }
    return slice_of(line->peer_text, line->peer_size);
}

static uint64_t status_of(const struct http_record *record)
{
    return record->status ? (uint64_t)record->status : CLIENT_LEFT;
}

/* --- lines ------------------------------------------------------------------------------------------ */

/* `name` with the comma, quotes and colon around it; nothing for a text that is absent. */
static char *put_member(char *at, struct slice name, struct slice text)
{
    if (!text.data)
        return at;
    at = put_masked(put(at, name), ACCESS_JSON, text);
    *at++ = '"';
    return at;
}

static char *put_json(char *at, struct access_line *line, const struct http_record *record, int64_t wall_ms)
{
    at = put(put(at, SLICE("{\"time\":\"")), time_text(line, wall_ms));
    at = put(put(at, SLICE("\",\"peer\":\"")), peer_text(line, record->peer));
    *at++ = '"';
    if (record->request) {
        at = put_member(at, SLICE(",\"method\":\""), cut(record->request->head->method_name, TEXT_MOST));
        at = put_member(at, SLICE(",\"host\":\""), cut(record->request->authority, TEXT_MOST));
        at = put_member(at, SLICE(",\"path\":\""), request_target(record));
    }
    at = put_number(put(at, SLICE(",\"status\":")), status_of(record));
    at = put_number(put(at, SLICE(",\"received\":")), record->bytes_in);
    at = put_number(put(at, SLICE(",\"sent\":")), record->bytes_out);
    at = put_number(put(at, SLICE(",\"duration_ms\":")), (uint64_t)record->duration_us / 1000);
    *at++ = '.';
    at = put_thousandths(at, (unsigned)(record->duration_us % 1000));
    at = put_member(at, SLICE(",\"route\":\""), cut(slice_of_text(record->route), TEXT_MOST));
    at = put_member(at, SLICE(",\"target\":\""), cut(slice_of_text(record->target), TEXT_MOST));
    at = put_member(at, SLICE(",\"user\":\""), cut(slice_of_text(record->user), TEXT_MOST));
    at = put_member(at, SLICE(",\"referer\":\""), request_field(record, FIELD_REFERER));
    at = put_member(at, SLICE(",\"user_agent\":\""), request_field(record, FIELD_USER_AGENT));
    return put(at, SLICE("}\n"));
}

static char *put_quoted(char *at, struct slice text)
{
    at = put(at, SLICE(" \""));
    at = text.data ? put_masked(at, ACCESS_COMBINED, text) : put(at, SLICE("-"));
    *at++ = '"';
    return at;
}

/* A blank would look like the end of the name. */
static char *put_user(char *at, struct slice user)
{
    char *name = at;
    if (user.size == 0)
        return put(at, SLICE("-"));
    at = put_escaped(at, ACCESS_COMBINED, cut(user, TEXT_MOST));
    for (; name < at; name++)
        if (*name == ' ')
            *name = '_';
    return at;
}

static char *put_combined(char *at, struct access_line *line, const struct http_record *record,
                          int64_t wall_ms)
{
    at = put(put(at, peer_text(line, record->peer)), SLICE(" - "));
    at = put(put_user(at, slice_of_text(record->user)), SLICE(" ["));
    at = put(put(at, time_text(line, wall_ms)), SLICE("] \""));
    if (record->request) {
        at = put_escaped(at, ACCESS_COMBINED, cut(record->request->head->method_name, TEXT_MOST));
        *at++ = ' ';
        at = put_masked(at, ACCESS_COMBINED, request_target(record));
        at = put_number(put(at, SLICE(" HTTP/1.")), record->request->head->minor);
    }
    at = put_number(put(at, SLICE("\" ")), status_of(record));
    *at++ = ' ';
    at = put_number(at, record->bytes_out);
    at = put_quoted(at, request_field(record, FIELD_REFERER));
    at = put_quoted(at, request_field(record, FIELD_USER_AGENT));
    *at++ = '\n';
    return at;
}

size_t access_line_most(const struct http_record *record)
{
    size_t text = cut(slice_of_text(record->route), TEXT_MOST).size +
                  cut(slice_of_text(record->target), TEXT_MOST).size +
                  cut(slice_of_text(record->user), TEXT_MOST).size +
                  request_field(record, FIELD_REFERER).size + request_field(record, FIELD_USER_AGENT).size;
    if (record->request)
        text += cut(record->request->head->method_name, TEXT_MOST).size + request_target(record).size +
                cut(record->request->authority, TEXT_MOST).size;
    return FIXED_MOST + text * ESCAPED_MOST;
}

size_t access_line_write(struct access_line *line, const struct http_record *record, int64_t wall_ms,
                         char *out)
{
    char *end = line->format == ACCESS_JSON ? put_json(out, line, record, wall_ms)
                                            : put_combined(out, line, record, wall_ms);
    return (size_t)(end - out);
}
