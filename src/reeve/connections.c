/* `reeve connections [close ID]`: the long streams of all gates, and the end of one of them. */
#include <stdlib.h>
#include <string.h>

#include "reeve/output.h"
#include "reeve/verbs.h"

enum { CONNECTIONS_LIMIT = 64 << 20, CONNECTIONS_CELL = 64 };

static void connections_add_cell(struct buffer *out, const char *text, int width)
{
    char cell[CONNECTIONS_CELL];
    struct buffer plain = BUFFER(CONNECTIONS_LIMIT);
    output_append_plain(&plain, slice_of_text(text && *text ? text : "-"));
    snprintf(cell, sizeof cell, "%.*s", (int)buffer_size(&plain), plain.data);
    buffer_append_format(out, "%-*s  ", width, cell);
    buffer_free(&plain);
}

static void connections_add_number(struct buffer *out, const json_t *row, const char *name, int width)
{
    const json_t *value = json_object_get(row, name);
    if (value)
        buffer_append_format(out, "%*" JSON_INTEGER_FORMAT "  ", width, json_integer_value(value));
    else
        buffer_append_format(out, "%*s  ", width, "-");
}

static const char *connections_text(const json_t *row, const char *name)
{
    return json_string_value(json_object_get(row, name));
}

static void connections_add_row(struct buffer *out, const json_t *row)
{
    connections_add_cell(out, connections_text(row, "id"), 10);
    connections_add_cell(out, connections_text(row, "kind"), 9);
    connections_add_cell(out, connections_text(row, "target"), 14);
    connections_add_cell(out, connections_text(row, "user"), 10);
    connections_add_cell(out, connections_text(row, "address"), 15);
    buffer_append_format(out, "%9" JSON_INTEGER_FORMAT " s  ",
                         json_integer_value(json_object_get(row, "age_ms")) / 1000);
    connections_add_number(out, row, "bytes_in", 12);
    connections_add_number(out, row, "bytes_out", 12);
    const char *route = connections_text(row, "route");
    output_append_plain(out, slice_of_text(route ? route : "a route that has gone"));
    buffer_append_text(out, "\n");
}

static void connections_print(const json_t *answer)
{
    struct buffer out = BUFFER(CONNECTIONS_LIMIT);
    const json_t *rows = json_object_get(answer, "connections"), *silent = json_object_get(answer, "silent");
    json_int_t more = json_integer_value(json_object_get(answer, "more"));
    if (json_array_size(rows) == 0)
        buffer_append_text(&out, "no stream is open\n");
    else
        buffer_append_format(&out, "%-10s  %-9s  %-14s  %-10s  %-15s  %11s  %12s  %12s  %s\n", "ID", "KIND",
                             "TARGET", "USER", "ADDRESS", "AGE", "BYTES IN", "BYTES OUT", "ROUTE");
    for (size_t i = 0; i < json_array_size(rows); i++)
        connections_add_row(&out, json_array_get(rows, i));
    if (more > 0)
        buffer_append_format(&out, "and %" JSON_INTEGER_FORMAT " more\n", more);
    for (size_t i = 0; i < json_array_size(silent); i++)
        buffer_append_format(&out, "gate %" JSON_INTEGER_FORMAT " did not answer\n",
                             json_integer_value(json_array_get(silent, i)));
    command_print(stdout, buffer_slice(&out));
    buffer_free(&out);
}

static int connections_list(const struct command *command)
{
    json_t *answer = NULL;
    int code = command_ask(command, "connections", NULL, &answer);
    if (code == COMMAND_DONE && command->json)
        command_print_json(json_incref(answer));
    else if (code == COMMAND_DONE)
        connections_print(answer);
    json_decref(answer);
    return code;
}

/* "gate.generation.serial", as the list shows it. */
static bool connections_is_id(const char *text)
{
    struct slice rest = slice_of_text(text), part;
    int count = 0;
    for (uint64_t number; slice_next(&rest, '.', &part); count++)
        if (!slice_to_u64(part, &number))
            return false;
    return count == 3;
}

static int connections_close(const struct command *command)
{
    const char *id = command->arguments[1];
    if (!connections_is_id(id))
        return command_fail(COMMAND_USAGE,
                            "\"%s\" is no ID of a connection: 1.1.18, as `reeve connections` shows it", id);
    json_t *answer = NULL;
    int code = command_ask(command, "connection-close", json_pack("{s:s}", "id", id), &answer);
    if (code == COMMAND_DONE && command->json)
        command_print_json(json_incref(answer));
    else if (code == COMMAND_DONE)
        printf("connection %s was told to close\n", id);
    json_decref(answer);
    return code;
}

int connections_verb(const struct command *command)
{
    if (command->argument_count == 0)
        return connections_list(command);
    if (command->argument_count == 2 && strcmp(command->arguments[0], "close") == 0)
        return connections_close(command);
    return command_fail(COMMAND_USAGE, "usage: reeve connections [close ID]");
}
