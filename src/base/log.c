#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "base/log.h"

enum { LOG_LINE_LIMIT = 8192 };

struct log_entry {
    enum log_level level;
    const char *event;
    const struct log_field *fields;
    size_t count;
};

const char *log_level_name(enum log_level level)
{
    static const char *const names[] = {"debug", "info", "warning", "error"};
    return names[level];
}

static bool log_append_escaped(struct buffer *line, const char *text)
{
    for (const char *at = text; *at; at++) {
        unsigned char byte = (unsigned char)*at;
        bool fits = true;
        if (byte == '"' || byte == '\\')
            fits = buffer_append_format(line, "\\%c", byte);
        else if (byte < 0x20 || byte == 0x7f)
            fits = buffer_append_format(line, "\\u%04x", byte);
        else
            fits = buffer_append(line, slice_of(at, 1));
        if (!fits)
            return false;
    }
    return true;
}

static bool log_append_json_text(struct buffer *line, const char *name, const char *text)
{
    return buffer_append_format(line, "%s\"%s\":\"", buffer_size(line) > 1 ? "," : "", name) &&
           log_append_escaped(line, text) && buffer_append_text(line, "\"");
}

static void log_format_json(struct buffer *line, const struct log *log, const struct log_entry *entry)
{
    char time[CLOCK_TEXT_SIZE];
    bool fits = buffer_append_text(line, "{") &&
                log_append_json_text(line, "time", clock_format(log->clock->wall_ms(log->clock), time)) &&
                log_append_json_text(line, "level", log_level_name(entry->level)) &&
                (!log->role || log_append_json_text(line, "role", log->role)) &&
                log_append_json_text(line, "event", entry->event);
    for (size_t i = 0; fits && i < entry->count; i++) {
        const struct log_field *field = &entry->fields[i];
        size_t before = line->end;
        fits = field->text
                   ? log_append_json_text(line, field->name, field->text)
                   : buffer_append_format(line, ",\"%s\":%lld", field->name, (long long)field->number);
        if (!fits)
            line->end = before; /* a field that does not fit is left out whole: the line stays JSON */
    }
    line->limit += 2;
    buffer_append_text(line, "}\n");
}

static void log_format_plain(struct buffer *line, const struct log *log, const struct log_entry *entry)
{
    char time[CLOCK_TEXT_SIZE];
    clock_format(log->clock->wall_ms(log->clock), time);
    buffer_append_format(line, "%.8s %-7s ", time + 11, log_level_name(entry->level));
    log_append_escaped(line, entry->event);
    for (const struct log_field *field = entry->fields; field < entry->fields + entry->count; field++) {
        buffer_append_format(line, "  %s=", field->name);
        if (field->text)
            log_append_escaped(line, field->text);
        else
            buffer_append_format(line, "%lld", (long long)field->number);
    }
    line->limit += 1;
    buffer_append_text(line, "\n");
}

void log_write(const struct log *log, enum log_level level, const char *event, const struct log_field *fields,
               size_t count)
{
    if (!log || !log->write || level < log->least)
        return;
    struct log_entry entry = {level, event, fields, count};
    struct buffer line = BUFFER(LOG_LINE_LIMIT);
    if (log->format == LOG_FORMAT_JSON)
        log_format_json(&line, log, &entry);
    else
        log_format_plain(&line, log, &entry);
    log->write(log->sink, line.data, buffer_size(&line));
    buffer_free(&line);
}
