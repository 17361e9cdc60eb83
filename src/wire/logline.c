/* Written by hand and not by jansson, because this is the hold's hot path: one pass over the text, runs of
 * plain characters copied whole. Read with jansson. */
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/utf8.h"
#include "wire/logline.h"

enum { LOGLINE_FRAME = 256 }; /* more than everything of a record but its text */

static const char *const stream_names[] = {
    [LOGLINE_STDOUT] = "stdout",
    [LOGLINE_STDERR] = "stderr",
    [LOGLINE_TERMINAL] = "terminal",
    [LOGLINE_REEVE] = "reeve",
};

const char *logline_stream_name(enum logline_stream stream)
{
    return stream_names[stream];
}

static bool logline_is_plain(unsigned char byte)
{
    return byte >= 0x20 && byte < 0x7f && byte != '"' && byte != '\\';
}

/* Writes one character (not a plain one) and returns how many bytes of `text` it was. */
static size_t logline_escape(struct slice text, char **out)
{
    unsigned char byte = (unsigned char)text.data[0];
    static const char digits[] = "0123456789abcdef";
    if (byte >= 0x80) {
        int length = utf8_character(text);
        const char *character = length > 0 ? text.data : "\xef\xbf\xbd";
        *out = mempcpy(*out, character, length > 0 ? (size_t)length : 3);
        return length > 0 ? (size_t)length : 1;
    }
    char *at = *out;
    *at++ = '\\';
    switch (byte) {
    case '"':
    case '\\':
        *at++ = (char)byte;
        break;
    case '\t':
        *at++ = 't';
        break;
    case '\r':
        *at++ = 'r';
        break;
    case '\n':
        *at++ = 'n';
        break;
    default:
        at = mempcpy(at, "u00", 3);
        *at++ = digits[byte >> 4];
        *at++ = digits[byte & 15];
    }
    *out = at;
    return 1;
}

static char *logline_write_text(struct slice text, char *out)
{
    size_t at = 0;
    while (at < text.size) {
        size_t plain = at;
        while (plain < text.size && logline_is_plain((unsigned char)text.data[plain]))
            plain++;
        out = mempcpy(out, text.data + at, plain - at);
        at = plain;
        if (at < text.size)
            at += logline_escape(slice_from(text, at), &out);
    }
    return out;
}

/* Time, run and stream are the same for many records in a row, but formatting them costs less than a write.
 */
static char *logline_write_head(const struct logline *line, char *out)
{
    char time[CLOCK_TEXT_SIZE];
    return out + snprintf(out, LOGLINE_FRAME, "{\"time\":\"%s\",\"run\":%lld,\"stream\":\"%s\",\"text\":\"",
                          clock_format(line->wall_ms, time), (long long)line->run,
                          stream_names[line->stream]);
}

bool logline_append(struct buffer *out, const struct logline *line)
{
    CHECK(line->text.size <= LOGLINE_TEXT_LARGEST);
    char *start = buffer_reserve(out, line->text.size * 6 + LOGLINE_FRAME);
    if (!start)
        return false;
    char *at = logline_write_text(line->text, logline_write_head(line, start));
    *at++ = '"';
    if (line->more)
        at = mempcpy(at, ",\"more\":true", 12);
    if (line->dropped)
        at += snprintf(at, LOGLINE_FRAME / 4, ",\"dropped\":%lld", (long long)line->dropped);
    at = mempcpy(at, "}\n", 2);
    buffer_added(out, (size_t)(at - start));
    return true;
}

/* --- reading ------------------------------------------------------------------------------------- */

static struct slice logline_text_of(const json_t *json)
{
    return slice_of(json_string_value(json), json_string_length(json));
}

static bool logline_stream_of(const json_t *json, enum logline_stream *stream)
{
    struct slice name = logline_text_of(json);
    for (size_t i = 0; i < sizeof stream_names / sizeof *stream_names; i++)
        if (slice_equal(name, slice_of_text(stream_names[i]))) {
            *stream = (enum logline_stream)i;
            return true;
        }
    return false;
}

bool logline_parse(struct slice record, struct logline_parsed *parsed)
{
    *parsed = (struct logline_parsed){0};
    if (record.size > LOGLINE_RECORD_LARGEST)
        return false;
    json_t *json = json_loadb(record.data, record.size, JSON_ALLOW_NUL, NULL);
    const json_t *text = json_object_get(json, "text"), *time = json_object_get(json, "time");
    const json_t *run = json_object_get(json, "run");
    struct logline *line = &parsed->line;
    if (!json_is_string(text) || !json_is_string(time) || !json_is_integer(run) ||
        !logline_stream_of(json_object_get(json, "stream"), &line->stream)) {
        json_decref(json);
        return false;
    }
    parsed->json = json;
    parsed->time = logline_text_of(time);
    line->text = logline_text_of(text);
    line->run = json_integer_value(run);
    line->more = json_is_true(json_object_get(json, "more"));
    line->dropped = json_integer_value(json_object_get(json, "dropped"));
    return true;
}

void logline_end(struct logline_parsed *parsed)
{
    json_decref(parsed->json);
    *parsed = (struct logline_parsed){0};
}

/* --- names --------------------------------------------------------------------------------------- */

enum { LOGLINE_DIGITS = 10 };

char *logline_folder(const char *target, char *name, size_t size)
{
    snprintf(name, size, "%s", target);
    for (char *at = strchr(name, '/'); at; at = strchr(at, '/'))
        *at = '@';
    return name;
}

int64_t logline_file_number(const char *name)
{
    size_t digits = strspn(name, "0123456789");
    uint64_t number = 0;
    if (digits != LOGLINE_DIGITS || strcmp(name + digits, ".jsonl") != 0 ||
        !slice_to_u64(slice_of(name, digits), &number))
        return -1;
    return (int64_t)number;
}

char *logline_file_name(int64_t number, char *name)
{
    CHECK(number >= 0 && number <= 9999999999);
    snprintf(name, LOGLINE_NAME_SIZE, "%0*lld.jsonl", LOGLINE_DIGITS, (long long)number);
    return name;
}
