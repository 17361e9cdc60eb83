/* Structured log: an event and its fields, formatted here, written by a sink (base does no I/O). */
#pragma once

#include <stdint.h>
#include <stddef.h>

#include "base/clock.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARNING, LOG_ERROR };

struct log_field {
    const char *name;
    const char *text; /* NULL: `number` is the value */
    int64_t number;
};

/* NULL is written as an empty text. */
static inline struct log_field log_text(const char *name, const char *text)
{
    return (struct log_field){.name = name, .text = text ? text : ""};
}

#define LOG_TEXT(key, value)   log_text((key), (value))
#define LOG_NUMBER(key, value) ((struct log_field){.name = (key), .number = (value)})

enum log_format { LOG_FORMAT_JSON, LOG_FORMAT_PLAIN };

/* Receives one whole line that ends with a newline. */
typedef void log_sink_fn(void *sink, const char *line, size_t size);

struct log {
    enum log_level least; /* events below it are dropped */
    enum log_format format;
    const struct clock *clock;
    const char *role;   /* "keeper", "gate-0", "hold": a field of every line */
    log_sink_fn *write; /* NULL: everything is dropped */
    void *sink;
};

/* Writes one line. A line is cut at 8 KiB; control characters are escaped. `log` may be NULL. */
void log_write(const struct log *log, enum log_level level, const char *event, const struct log_field *fields,
               size_t count);

#define LOG_FIELDS(...) ((const struct log_field[]){__VA_ARGS__ __VA_OPT__(, ){0}})
#define LOG_AT(log, level, event, ...)                                                                       \
    log_write((log), (level), (event), LOG_FIELDS(__VA_ARGS__),                                              \
              sizeof LOG_FIELDS(__VA_ARGS__) / sizeof(struct log_field) - 1)
#define log_debug(log, event, ...)   LOG_AT(log, LOG_DEBUG, event __VA_OPT__(, ) __VA_ARGS__)
#define log_info(log, event, ...)    LOG_AT(log, LOG_INFO, event __VA_OPT__(, ) __VA_ARGS__)
#define log_warning(log, event, ...) LOG_AT(log, LOG_WARNING, event __VA_OPT__(, ) __VA_ARGS__)
#define log_error(log, event, ...)   LOG_AT(log, LOG_ERROR, event __VA_OPT__(, ) __VA_ARGS__)

/* The name in configuration and output: "debug" "info" "warning" "error". */
const char *log_level_name(enum log_level level);
