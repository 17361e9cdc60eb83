/* Values of their own kind in loops and hooks, and what is left to settle once all keys of a loop are read.
 */
#include <stdlib.h>
#include <string.h>

#include "config/hints.h"
#include "config/loops.h"
#include "config/written.h"

enum { LOOPS_COMMAND_MS = 3600 * 1000, LOOPS_HTTP_MS = 30 * 1000 };

/* --- at ----------------------------------------------------------------------------------------- */

static void loop_read_at(struct load *load, const struct setting *row, const struct yaml_node *node,
                         void *field)
{
    (void)row;
    struct config_loop *loop = field;
    struct error error = {0};
    struct slice text = load_scalar(load, node, "times as in cron, such as \"0 3 * * *\"");
    if (!text.data || load->later)
        return;
    loop->at = load_text(load, text);
    if (!cron_parse(text, &loop->cron, &error))
        LOAD_ERROR(load, node, "%s", error.text);
    else if (cron_next(&loop->cron, 0, gmtime_r) < 0)
        LOAD_ERROR(load, node, "there is no such day: \"%s\" never comes", loop->at);
}

static json_t *loop_show_at(const struct setting *row, const void *field)
{
    const struct config_loop *loop = field;
    return types_text.show(row, &loop->at);
}

static json_t *loop_schema_at(const struct setting *row)
{
    (void)row;
    return types_schema_pattern("\\S+(\\s+\\S+){4}");
}

const struct type loops_at = {
    .name = "times, as in cron",
    .read = loop_read_at,
    .show = loop_show_at,
    .schema = loop_schema_at,
};

/* --- lists of commands --------------------------------------------------------------------------- */

/* [./migrate.sh, --all] is two commands, and hardly meant so. */
static void loop_check_command(struct load *load, const struct yaml_node *node,
                               const struct config_command *command)
{
    if (node->kind == YAML_SCALAR && command->words.count && command->words.items[0][0] == '-')
        LOAD_ERROR(load, node, "\"%s\" is no program; each command is a list of its own, such as [[./a, %s]]",
                   command->words.items[0], command->words.items[0]);
}

static void loop_read_commands(struct load *load, const struct setting *row, const struct yaml_node *node,
                               void *field)
{
    if (node->kind == YAML_EMPTY)
        return;
    if (node->kind != YAML_SEQUENCE) {
        load_wrong(load, node, "a list of commands, such as [[./migrate.sh]]");
        return;
    }
    for (const struct yaml_entry *entry = node->entries; entry; entry = entry->next) {
        struct config_command *command = load_append(load, field, sizeof *command);
        command->place = entry->value->place;
        command->directory = load_text(load, slice_of_text(load_directory(load, entry->value->place)));
        command_type.read(load, row, entry->value, &command->words);
        loop_check_command(load, entry->value, command);
    }
}

static json_t *loop_show_commands(const struct setting *row, const void *field)
{
    const struct config_commands *commands = field;
    json_t *shown = commands->count ? json_array() : NULL;
    for (size_t i = 0; i < commands->count; i++)
        json_array_append_new(shown, command_type.show(row, &commands->items[i].words));
    return shown;
}

static json_t *loop_schema_commands(const struct setting *row)
{
    return json_pack("{s:s,s:o}", "type", "array", "items", command_type.schema(row));
}

const struct type loops_commands = {
    .name = "list of commands",
    .read = loop_read_commands,
    .show = loop_show_commands,
    .schema = loop_schema_commands,
};

/* --- around one loop ------------------------------------------------------------------------------ */

void loops_begin(struct load *load, void *item, const struct yaml_node *name)
{
    struct config_loop *loop = item;
    loop->name = load_text(load, name->text);
    loop->directory = load_text(load, slice_of_text(load_directory(load, loop->item.place)));
}

/* Exactly one of the two is written. */
static bool loop_has_one(struct load *load, const struct config_loop *loop, const char *one,
                         const char *other)
{
    bool has = config_is_set(&loop->item, one), has_other = config_is_set(&loop->item, other);
    if (has != has_other)
        return true;
    if (has || !load_item_failed(load))
        errors_add(load->errors, has ? config_place_of(&loop->item, other) : loop->item.place,
                   "%s: a loop has %s or %s, this one has %s", load->path, one, other,
                   has ? "both" : "neither");
    return false;
}

void loops_finish(struct load *load, void *item)
{
    struct config_loop *loop = item;
    bool http = config_is_set(&loop->item, "http");
    loop_has_one(load, loop, "command", "http");
    loop_has_one(load, loop, "every", "at");
    if (http && !load_item_failed(load) && (!loop->http.to || !loop->http.path))
        errors_add(load->errors, config_place_of(&loop->item, "http"),
                   "%s.http: it needs to and path, such as {to: api, path: /tick}", load->path);
    if (loop->jitter && config_is_set(&loop->item, "at"))
        errors_add(load->errors, config_place_of(&loop->item, "jitter"),
                   "%s.jitter: it goes with every; at says the minute", load->path);
    if (!loop->timeout_ms)
        loop->timeout_ms = http ? LOOPS_HTTP_MS : LOOPS_COMMAND_MS;
}
