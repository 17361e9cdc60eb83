/* Memory, files, places and names of one load. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/memory.h"

#include "config/hints.h"
#include "config/load.h"
#include "config/paths.h"
#include "config/templates.h"
#include "config/written.h"

enum {
    LOAD_SHOWN = 60,                /* characters of a found text in an error */
    LOAD_TEXT_LIMIT = 64 * 1024,    /* of one value, expanded */
    LOAD_EXPANDED_LIMIT = 16 << 20, /* of all values together */
};

bool load_item_failed(const struct load *load)
{
    return load->errors->count + load->errors->dropped > load->item_errors;
}

void *load_new(struct load *load, size_t size)
{
    void *memory = arena_new(load->memory, size);
    CHECK(memory);
    return memory;
}

char *load_text(struct load *load, struct slice text)
{
    char *copy = load_new(load, text.size + 1);
    if (text.size)
        memcpy(copy, text.data, text.size);
    return copy;
}

char *load_literal(struct load *load, struct slice text)
{
    size_t size = 0;
    char *copy = load_new(load, 2 * text.size + 1);
    for (size_t i = 0; i < text.size; i++) {
        copy[size++] = text.data[i];
        if (text.data[i] == '$')
            copy[size++] = '$';
    }
    return copy;
}

/* Every list of the configuration begins like this one. */
struct load_list {
    void *items;
    size_t count;
};

void *load_append(struct load *load, void *list, size_t size)
{
    struct load_list view;
    memcpy(&view, list, sizeof view);
    bool full = (view.count & (view.count - 1)) == 0; /* the capacity is the next power of two */
    if (full) {
        void *grown = load_new(load, size * (view.count ? 2 * view.count : 1));
        if (view.count)
            memcpy(grown, view.items, size * view.count);
        view.items = grown;
    }
    void *item = (char *)view.items + size * view.count++;
    memcpy(list, &view, sizeof view);
    return item;
}

size_t load_enter(struct load *load, struct slice segment)
{
    size_t mark = strlen(load->path);
    bool index = segment.size && segment.data[0] == '[';
    snprintf(load->path + mark, sizeof load->path - mark, "%s" SLICE_FORMAT, mark && !index ? "." : "",
             SLICE_ARGUMENTS(segment));
    return mark;
}

void load_leave(struct load *load, size_t mark)
{
    load->path[mark] = '\0';
}

char *load_read(struct load *load, const char *path, size_t limit, size_t *size, struct error *error)
{
    int status = 0;
    const struct config_environment *environment = load->environment;
    char *text = environment->read ? environment->read(environment->owner, path, limit, size, &status)
                                   : paths_read(path, limit, size, &status);
    if (!text && status == -EFBIG)
        error_set(error, "%s is larger than %zu bytes", path, limit);
    else if (!text)
        error_set(error, "cannot read %s: %s", path, paths_refusal(status));
    return text;
}

void load_note_source(struct load *load, const char *path)
{
    char *copy = load_text(load, slice_of_text(path));
    *(char **)load_append(load, &load->config->sources, sizeof copy) = copy;
}

const char *load_variable(const struct load *load, struct slice name)
{
    return paths_variable(load->environment, name);
}

const char *load_state(struct load *load)
{
    struct config *config = load->config;
    if (config->state || written_find(&config->item, "state"))
        return config->state;
    char *state = paths_state(config->name, load->environment);
    if (state)
        config->state = load_text(load, slice_of_text(state));
    free(state);
    return config->state;
}

static const struct load_file *load_file_of(const struct load *load, struct config_place place)
{
    const struct load_file *file = load->files;
    while (file && file->name != place.file)
        file = file->next;
    return file;
}

const char *load_directory(const struct load *load, struct config_place place)
{
    const struct load_file *file = load_file_of(load, place);
    return file ? file->directory : load->config->directory;
}

struct slice load_source(const struct load *load, struct config_place place)
{
    const struct load_file *file = load_file_of(load, place);
    return file ? file->source : (struct slice){0};
}

char *load_absolute(struct load *load, const char *directory, struct slice path)
{
    char *absolute = paths_join(directory, path);
    char *copy = load_text(load, slice_of_text(absolute));
    free(absolute);
    return copy;
}

void load_wrong(struct load *load, const struct yaml_node *node, const char *expected)
{
    switch (node->kind) {
    case YAML_EMPTY:
        LOAD_ERROR(load, node, "expected %s, found no value", expected);
        break;
    case YAML_SCALAR:
        LOAD_ERROR(load, node, "expected %s, found %s\"%.*s%s\"", expected, node->plain ? "" : "the text ",
                   (int)(node->text.size < LOAD_SHOWN ? node->text.size : LOAD_SHOWN), node->text.data,
                   node->text.size > LOAD_SHOWN ? "..." : "");
        break;
    case YAML_SEQUENCE:
        LOAD_ERROR(load, node, "expected %s, found a list", expected);
        break;
    case YAML_MAPPING:
        LOAD_ERROR(load, node, "expected %s, found a mapping", expected);
        break;
    }
    hints_add_to_last(load->errors, load_source(load, node->place));
}

/* Who asks for names: a value that is fixed at load, or a template. */
struct load_asker {
    struct load *load;
    const struct yaml_node *node;
    bool as_template;
    char text[256];
};

static enum expand_answer load_refuse(struct load_asker *asker, struct slice name, struct slice *value,
                                      const char *reason)
{
    snprintf(asker->text, sizeof asker->text, "${%.*s} %s", (int)(name.size < 100 ? name.size : 100),
             name.data, reason);
    *value = slice_of_text(asker->text);
    return EXPAND_BAD;
}

static enum expand_answer load_answer(const char *text, struct slice *value)
{
    *value = slice_of_text(text);
    return text ? EXPAND_VALUE : EXPAND_UNSET;
}

/* ${PORT} and ${SOCKET} are ours where the service listens so; where `listen` is not written, they are what
 * makes it listen so. */
static bool load_is_own_listener(struct load *load, bool socket)
{
    const struct config_service *service = load->service;
    if (!written_find(&service->item, "listen")) {
        load->uses_port |= !socket;
        load->uses_socket |= socket;
        return true;
    }
    return service->listen.kind == (socket ? CONFIG_LISTEN_UNIX : CONFIG_LISTEN_TCP);
}

/* services.NAME.port and services.NAME.socket */
static enum expand_answer load_find_other(struct load_asker *asker, struct slice name, struct slice *value)
{
    struct slice rest = slice_from(name, SLICE("services.").size);
    size_t dot = slice_find(rest, '.');
    struct slice what = slice_from(rest, dot + 1);
    bool socket = slice_equal(what, SLICE("socket"));
    if (!socket && !slice_equal(what, SLICE("port")))
        return load_refuse(asker, name, value,
                           "is not known; there are ${services.NAME.port} and ${services.NAME.socket}");
    struct load_uses *use = load_new(asker->load, sizeof *use);
    *use = (struct load_uses){.next = asker->load->uses,
                              .place = asker->node->place,
                              .path = load_text(asker->load, slice_of_text(asker->load->path)),
                              .target = load_text(asker->load, slice_between(rest, 0, dot)),
                              .socket = socket};
    asker->load->uses = use;
    return EXPAND_LATE;
}

/* What each instance of a template has for itself. */
static enum expand_answer load_find_of_instance(struct load_asker *asker, struct slice name,
                                                struct slice *value)
{
    bool always;
    if (!templates_find_late(asker->load, name, &always))
        return EXPAND_UNSET;
    if (!asker->as_template)
        return load_refuse(asker, name, value,
                           "is known only when an instance starts: use it in command and env");
    return always ? EXPAND_LATE : EXPAND_MAYBE;
}

/* What only the start of a service knows. EXPAND_UNSET: nothing of that kind. */
static enum expand_answer load_find_late(struct load_asker *asker, struct slice name, struct slice *value)
{
    bool port = slice_equal(name, SLICE("PORT")), socket = slice_equal(name, SLICE("SOCKET"));
    bool other = slice_starts_with(name, SLICE("services."));
    bool own = slice_equal(name, SLICE("user")) || slice_equal(name, SLICE("prefix"));
    bool late = other || (asker->load->service && (own || ((port || socket) && asker->as_template &&
                                                           load_is_own_listener(asker->load, socket))));
    if (!late)
        return EXPAND_UNSET;
    if (!asker->as_template) /* commands of loops and hooks are templates too, but belong to no service */
        return load_refuse(asker, name, value,
                           "is known only when a service starts: use it in command and env");
    return other ? load_find_other(asker, name, value) : EXPAND_LATE;
}

static enum expand_answer load_find_ours(struct load *load, struct slice name, struct slice *value)
{
    if (slice_equal(name, SLICE("name")))
        return load_answer(load->service ? load->service->name : load->config->name, value);
    if (slice_equal(name, SLICE("state")))
        return load_answer(load_state(load), value);
    if (slice_equal(name, SLICE("config_dir")))
        return load_answer(load->config->directory, value);
    if (slice_equal(name, SLICE("instance_dir")) && load->instance_dir)
        return load_answer(load->instance_dir, value);
    return EXPAND_UNSET;
}

static bool load_wants_instance(const struct load *load, struct slice name)
{
    return slice_equal(name, SLICE("instance_dir")) && !load->instance_dir && !load->service;
}

static enum expand_answer load_find(void *owner, struct slice name, struct slice *value)
{
    struct load_asker *asker = owner;
    if (load_wants_instance(asker->load, name))
        return load_refuse(asker, name, value,
                           "is known only in events.file of a route whose events.target is an instance, such "
                           "as \"shell/{id}\"");
    enum expand_answer answer = load_find_of_instance(asker, name, value);
    if (answer == EXPAND_UNSET)
        answer = load_find_late(asker, name, value);
    if (answer == EXPAND_UNSET)
        answer = load_find_ours(asker->load, name, value);
    const struct config_variables *file = &asker->load->env_file;
    for (size_t i = file->count; asker->load->service && answer == EXPAND_UNSET && i-- > 0;)
        if (slice_equal(slice_of_text(file->items[i].name), name))
            answer = load_answer(file->items[i].value, value);
    if (answer == EXPAND_UNSET)
        answer = load_answer(load_variable(asker->load, name), value);
    return answer;
}

static struct slice load_expanded(struct load *load, const struct yaml_node *node, bool as_template)
{
    struct load_asker asker = {.load = load, .node = node, .as_template = as_template};
    struct expand_names names = {.find = load_find, .owner = &asker, .as_template = as_template};
    struct buffer out = BUFFER(LOAD_TEXT_LIMIT);
    struct error error = {0};
    struct slice result = {0};
    if (!expand_text(node->text, &names, &out, &error))
        LOAD_ERROR(load, node, "%s", error.text);
    else if ((load->expanded += buffer_size(&out)) > LOAD_EXPANDED_LIMIT)
        LOAD_ERROR(load, node, "all values together are too long once their ${...} are filled in");
    else
        result = slice_of(load_text(load, buffer_slice(&out)), buffer_size(&out));
    buffer_free(&out);
    return result;
}

static struct slice load_any_scalar(struct load *load, const struct yaml_node *node, const char *expected,
                                    bool as_template)
{
    if (node->kind != YAML_SCALAR) {
        load_wrong(load, node, expected);
        return (struct slice){0};
    }
    if (load->later || !node->place.file)
        return node->text;
    return load_expanded(load, node, as_template);
}

struct slice load_scalar(struct load *load, const struct yaml_node *node, const char *expected)
{
    return load_any_scalar(load, node, expected, false);
}

struct slice load_template(struct load *load, const struct yaml_node *node, const char *expected)
{
    return load_any_scalar(load, node, expected, true);
}
