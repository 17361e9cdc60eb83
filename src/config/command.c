/* `command`: a list of words, or one text split into words. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "config/hints.h"
#include "config/load.h"
#include "config/services.h"
#include "config/words.h"

struct command_reader {
    struct load *load;
    const struct yaml_node *node;
    struct config_texts *words;
    bool failed;
};

static void command_add(struct command_reader *reader, const struct yaml_node *node)
{
    struct slice word = load_template(reader->load, node, "a word of the command");
    if (!word.data)
        reader->failed = true;
    else
        *(char **)load_append(reader->load, reader->words, sizeof(char *)) = load_text(reader->load, word);
}

static void command_take_word(void *owner, struct slice word)
{
    struct command_reader *reader = owner;
    struct yaml_node part = *reader->node;
    part.text = slice_of(load_text(reader->load, word), word.size);
    command_add(reader, &part);
}

/* "NAME=value program": a shell would set a variable. */
static bool command_sets_variable(const char *word)
{
    size_t size = 0;
    while (isalnum((unsigned char)word[size]) || word[size] == '_')
        size++;
    return size > 0 && !isdigit((unsigned char)word[0]) && word[size] == '=';
}

static void command_split(struct command_reader *reader)
{
    struct load *load = reader->load;
    struct error error = {0};
    if (!words_split(reader->node->text, command_take_word, reader, &error)) {
        LOAD_ERROR(load, reader->node, "%s", error.text);
        reader->failed = true;
    } else if (reader->words->count && command_sets_variable(reader->words->items[0])) {
        LOAD_ERROR(load, reader->node,
                   "\"%s\" would set a variable in a shell; here variables are set with env",
                   reader->words->items[0]);
        reader->failed = true;
    }
}

/* "$PORT" as a whole word of a list is hardly meant as that text. */
static void command_check_word(struct load *load, const struct yaml_node *node)
{
    struct slice name = slice_from(node->text, 1);
    if (node->kind == YAML_SCALAR && node->text.size && node->text.data[0] == '$' &&
        types_match("[A-Za-z_][A-Za-z0-9_]*", name))
        LOAD_ERROR(load, node,
                   "$" SLICE_FORMAT " is for a shell; write \"${" SLICE_FORMAT "}\", or \"$$" SLICE_FORMAT
                   "\" for the text",
                   SLICE_ARGUMENTS(name), SLICE_ARGUMENTS(name), SLICE_ARGUMENTS(name));
}

static void command_read_list(struct command_reader *reader)
{
    for (const struct yaml_entry *entry = reader->node->entries; entry; entry = entry->next) {
        command_check_word(reader->load, entry->value);
        command_add(reader, entry->value);
    }
}

/* A relative program starts at the working directory; without a slash it is looked up in PATH. */
static void command_place_program(struct command_reader *reader)
{
    char **program = &reader->words->items[0];
    bool relative = (*program)[0] != '/' && strchr(*program, '/') && (*program)[0] != '$';
    if (relative)
        *program = load_absolute(reader->load, services_directory(reader->load, reader->node->place),
                                 slice_of_text(*program));
}

static void command_read(struct load *load, const struct setting *row, const struct yaml_node *node,
                         void *field)
{
    static const char expected[] = "a list of words, such as [./server, --port, \"${PORT}\"], or one text";
    (void)row;
    struct command_reader reader = {.load = load, .node = node, .words = field};
    if (node->kind == YAML_SEQUENCE)
        command_read_list(&reader);
    else if (node->kind == YAML_SCALAR)
        command_split(&reader);
    else
        load_wrong(load, node, expected);
    if (node->kind == YAML_EMPTY || node->kind == YAML_MAPPING || reader.failed)
        return;
    if (reader.words->count == 0 || reader.words->items[0][0] == '\0')
        LOAD_ERROR(load, node, "the command is empty");
    else
        command_place_program(&reader);
}

static json_t *command_show(const struct setting *row, const void *field)
{
    (void)row;
    const struct config_texts *words = field;
    json_t *shown = words->count ? json_array() : NULL;
    for (size_t i = 0; i < words->count; i++) {
        json_array_append_new(shown, types_show_template(words->items[i]));
    }
    return shown;
}

static json_t *command_schema(const struct setting *row)
{
    (void)row;
    return json_pack("{s:[{s:s,s:i},{s:s,s:i,s:{s:[s,s,s]}}]}", "anyOf", "type", "string", "minLength", 1,
                     "type", "array", "minItems", 1, "items", "type", "string", "number", "boolean");
}

const struct type command_type = {
    .name = "list of words, or text",
    .read = command_read,
    .show = command_show,
    .schema = command_schema,
    .last = true,
};
