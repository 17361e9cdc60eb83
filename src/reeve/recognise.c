#include <ctype.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "base/text.h"
#include "config/yaml.h"

#include "reeve/recognise.h"

enum { RECOGNISE_FILE_LARGEST = 1 << 20, RECOGNISE_YAML_LIMIT = 1 << 16, RECOGNISE_PATH_SIZE = 256 };

static char *recognise_read(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct buffer text = BUFFER(RECOGNISE_FILE_LARGEST);
    char *place;
    ssize_t size = fd < 0 ? 0 : 1;
    while (size > 0 && (place = buffer_reserve(&text, 4096))) {
        size = read(fd, place, 4096);
        if (size > 0)
            buffer_added(&text, (size_t)size);
    }
    if (fd < 0)
        return NULL;
    close(fd);
    char *copy = memory_text_of(text.data, buffer_size(&text));
    buffer_free(&text);
    return copy;
}

/* The first one answers requests. */
static struct recognised_service *recognise_add(struct recognised *found, const char *name,
                                                const char *because)
{
    struct recognised_service *service = &found->services[found->count++];
    snprintf(service->name, sizeof service->name, "%s", name);
    found->because = because;
    found->web = true;
    return service;
}

/* --- package.json ------------------------------------------------------------------------------------------
 */

/* vite gets its own flags, everything else $PORT. */
static void recognise_node(struct recognised *found)
{
    char *text = found->count ? NULL : recognise_read("package.json");
    json_t *package = text ? json_loads(text, 0, NULL) : NULL;
    const json_t *scripts = json_object_get(package, "scripts");
    const char *script = json_object_get(scripts, "dev") ? "dev" : "start";
    const char *line = json_string_value(json_object_get(scripts, script));
    if (line) {
        struct recognised_service *web = recognise_add(found, "web", "package.json");
        web->command = strstr(line, "vite")
                           ? memory_format("[npm, run, %s, --, --host, 127.0.0.1, --port, \"${PORT}\", "
                                           "--strictPort]",
                                           script)
                           : memory_format("[npm, run, %s]", script);
        found->pages = true;
    }
    json_decref(package);
    free(text);
}

/* --- Python ------------------------------------------------------------------------------------------------
 */

/* A tool of the project's own environment, where there is one. */
static const char *recognise_tool(const char *name, char path[RECOGNISE_PATH_SIZE])
{
    static const char *const folders[] = {".venv/bin", "venv/bin", "env/bin"};
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
        snprintf(path, RECOGNISE_PATH_SIZE, "%s/%s", folders[i], name);
        if (access(path, X_OK) == 0)
            return path;
    }
    return name;
}

static void recognise_django(struct recognised *found)
{
    char tool[RECOGNISE_PATH_SIZE];
    if (found->count || access("manage.py", R_OK) != 0)
        return;
    recognise_add(found, "web", "manage.py")->command = memory_format(
        "[%s, manage.py, runserver, --noreload, \"127.0.0.1:${PORT}\"]", recognise_tool("python3", tool));
    found->pages = true;
}

/* The variable in "NAME = FastAPI(...)"; "app" when it cannot be told. */
static struct slice recognise_variable(const char *text, const char *call)
{
    const char *end = call;
    while (end > text && end[-1] == ' ')
        end--;
    if (end == text || end[-1] != '=')
        return SLICE("app");
    end--;
    while (end > text && end[-1] == ' ')
        end--;
    const char *start = end;
    while (start > text && (isalnum((unsigned char)start[-1]) || start[-1] == '_'))
        start--;
    return start < end ? slice_of(start, (size_t)(end - start)) : SLICE("app");
}

/* `package`: "" or a folder with a dot behind it, as Python writes it. */
static void recognise_module(struct recognised *found, const char *package, const char *module,
                             const char *because)
{
    char path[RECOGNISE_PATH_SIZE], tool[RECOGNISE_PATH_SIZE];
    snprintf(path, sizeof path, "%s%s.py", package, module);
    if (package[0])
        *strchr(path, '.') = '/';
    char *text = found->count ? NULL : recognise_read(path);
    const char *fastapi = text ? strstr(text, "FastAPI(") : NULL;
    if (fastapi)
        recognise_add(found, "api", because)->command = memory_format(
            "[%s, \"%s%s:" SLICE_FORMAT "\", --port, \"${PORT}\"]", recognise_tool("uvicorn", tool), package,
            module, SLICE_ARGUMENTS(recognise_variable(text, fastapi)));
    else if (text && strstr(text, "Flask("))
        recognise_add(found, "api", because)->command = memory_format(
            "[%s, --app, %s%s, run, --port, \"${PORT}\"]", recognise_tool("flask", tool), package, module);
    free(text);
}

/* The package that pyproject.toml names, with a dot behind it. False: none. */
static bool recognise_package(char package[RECOGNISE_NAME_SIZE])
{
    char *text = recognise_read("pyproject.toml");
    struct slice rest = slice_of_text(text), line, name = {0};
    while (name.size == 0 && slice_next(&rest, '\n', &line)) {
        size_t equals = slice_find(line, '=');
        if (slice_equal(slice_trim(slice_between(line, 0, equals)), SLICE("name")))
            name = slice_trim(slice_from(line, equals + 1));
    }
    size_t size = 0;
    for (size_t i = 0; i < name.size && size < RECOGNISE_NAME_SIZE - 2; i++) {
        if (isalnum((unsigned char)name.data[i]) || name.data[i] == '_')
            package[size++] = name.data[i];
        else if (name.data[i] == '-')
            package[size++] = '_';
    }
    free(text);
    snprintf(package + size, RECOGNISE_NAME_SIZE - size, ".");
    return size > 0;
}

static void recognise_python(struct recognised *found)
{
    static const char *const modules[] = {"main", "app", "server", "__init__"};
    char package[RECOGNISE_NAME_SIZE];
    recognise_django(found);
    for (size_t i = 0; i < sizeof modules / sizeof modules[0]; i++)
        recognise_module(found, "", modules[i], "a Python module with an app in it");
    for (size_t i = 0; i < sizeof modules / sizeof modules[0]; i++)
        recognise_module(found, "app.", modules[i], "the Python package app");
    for (size_t i = 0; i < sizeof modules / sizeof modules[0] && recognise_package(package); i++)
        recognise_module(found, package, modules[i], "pyproject.toml");
}

/* --- Procfile ----------------------------------------------------------------------------------------------
 */

/* A service's name, from "Web_1" or "web". False: nothing is left of it. */
static bool recognise_name(struct slice from, char name[RECOGNISE_NAME_SIZE])
{
    size_t size = 0;
    for (size_t i = 0; i < from.size && size < RECOGNISE_NAME_SIZE - 1; i++) {
        unsigned char byte = (unsigned char)from.data[i];
        if (isalnum(byte))
            name[size++] = (char)tolower(byte);
        else if (size > 0)
            name[size++] = '-';
    }
    name[size] = '\0';
    return size > 0 && from.data[0] != '#';
}

/* The command as one YAML word for sh -c: double-quoted; `$` is doubled, since reeve reads ${NAME} itself. */
static char *recognise_shell(struct slice command)
{
    struct buffer quoted = BUFFER(RECOGNISE_YAML_LIMIT);
    for (size_t i = 0; i < command.size; i++) {
        if (command.data[i] == '"' || command.data[i] == '\\')
            buffer_append_text(&quoted, "\\");
        if (command.data[i] == '$')
            buffer_append_text(&quoted, "$");
        buffer_append(&quoted, slice_of(&command.data[i], 1));
    }
    char *value = memory_format("[sh, -c, \"" SLICE_FORMAT "\"]", SLICE_ARGUMENTS(buffer_slice(&quoted)));
    buffer_free(&quoted);
    return value;
}

static void recognise_put_first(struct recognised *found)
{
    struct recognised_service first = found->services[0];
    found->services[0] = found->services[found->count - 1];
    found->services[found->count - 1] = first;
}

static bool recognise_has(const struct recognised *found, const char *name)
{
    for (int i = 0; i < found->count; i++)
        if (strcmp(found->services[i].name, name) == 0)
            return true;
    return false;
}

/* "name: command" lines. `web` gets the routes; `release` is no process to keep. */
static void recognise_procfile(struct recognised *found)
{
    char *text = found->count ? NULL : recognise_read("Procfile"), name[RECOGNISE_NAME_SIZE];
    struct slice rest = slice_of_text(text), line;
    while (slice_next(&rest, '\n', &line)) {
        size_t colon = slice_find(line, ':');
        struct slice command = slice_trim(slice_from(line, colon + 1));
        if (!recognise_name(slice_trim(slice_between(line, 0, colon)), name) || command.size == 0 ||
            strcmp(name, "release") == 0 || recognise_has(found, name))
            continue;
        bool web = strcmp(name, "web") == 0;
        if (found->count == RECOGNISE_SERVICES && !web)
            continue;
        if (found->count == RECOGNISE_SERVICES)
            free(found->services[--found->count].command);
        recognise_add(found, name, "Procfile")->command = recognise_shell(command);
        if (web)
            recognise_put_first(found);
    }
    if (text && found->count)
        found->web = found->pages = recognise_has(found, "web");
    free(text);
}

/* --- a compose file ----------------------------------------------------------------------------------------
 */

/* The host's port of "8080:80", "127.0.0.1:8080:80/tcp" or {published: 8080}; 0: none, or one of a database.
 */
static unsigned recognise_published(const struct yaml_node *port)
{
    static const unsigned databases[] = {1433, 3306, 5432, 5672, 6379, 9042, 11211, 27017};
    struct slice from = {0}, to = {0}, part;
    uint64_t published = 0, inside = 0;
    if (port->kind == YAML_MAPPING) {
        const struct yaml_entry *entries[] = {yaml_find(port, SLICE("published")),
                                              yaml_find(port, SLICE("target"))};
        from = entries[0] ? entries[0]->value->text : from;
        to = entries[1] ? entries[1]->value->text : to;
    }
    for (struct slice rest = port->text; slice_next(&rest, ':', &part); to = part)
        from = to;
    to = slice_between(to, 0, slice_find(to, '/'));
    if (!slice_to_u64(from, &published) || !slice_to_u64(to, &inside) || published > 65535)
        return 0;
    for (size_t i = 0; i < sizeof databases / sizeof databases[0]; i++)
        if (inside == databases[i])
            return 0;
    return (unsigned)published;
}

static unsigned recognise_first_port(const struct yaml_node *services, struct slice *name)
{
    unsigned port = 0;
    const struct yaml_entry *service = services->kind == YAML_MAPPING ? services->entries : NULL;
    for (; service && !port; service = service->next) {
        const struct yaml_entry *ports =
            service->value->kind == YAML_MAPPING ? yaml_find(service->value, SLICE("ports")) : NULL;
        const struct yaml_entry *item =
            ports && ports->value->kind == YAML_SEQUENCE ? ports->value->entries : NULL;
        for (; item && !port; item = item->next)
            port = recognise_published(item->value);
        *name = service->key->text;
    }
    return port;
}

/* Its containers are compose's to keep: the first published port that may speak HTTP gets the routes. */
static void recognise_compose(struct recognised *found)
{
    static const char *const files[] = {"compose.yaml", "compose.yml", "docker-compose.yml",
                                        "docker-compose.yaml"};
    for (size_t i = 0; i < sizeof files / sizeof files[0] && found->count == 0; i++) {
        char *text = recognise_read(files[i]), name[RECOGNISE_NAME_SIZE];
        struct arena memory = ARENA((size_t)RECOGNISE_FILE_LARGEST * 16);
        struct config_errors errors = {0};
        struct slice service = {0};
        const struct yaml_node *root =
            text ? yaml_parse(&memory, files[i], slice_of_text(text), &errors) : NULL;
        const struct yaml_entry *services =
            root && root->kind == YAML_MAPPING ? yaml_find(root, SLICE("services")) : NULL;
        unsigned port = services ? recognise_first_port(services->value, &service) : 0;
        if (port && recognise_name(service, name)) {
            recognise_add(found, name, files[i])->address = memory_format("127.0.0.1:%u", port);
            found->pages = true;
        }
        config_errors_free(&errors);
        arena_free(&memory);
        free(text);
    }
}

/* --- all of it ---------------------------------------------------------------------------------------------
 */

static void recognise_files(struct recognised *found)
{
    static const struct {
        const char *folder, *because;
    } places[] = {{"dist", "dist/index.html"},
                  {"build", "build/index.html"},
                  {"public", "public/index.html"},
                  {".", "index.html"}};
    for (size_t i = 0; i < sizeof places / sizeof places[0] && !found->files; i++) {
        char path[RECOGNISE_PATH_SIZE];
        snprintf(path, sizeof path, "%s/index.html", places[i].folder);
        if (access(path, R_OK) != 0 || (found->count && strcmp(places[i].folder, ".") == 0))
            continue;
        found->files = places[i].folder;
        if (!found->because)
            found->because = places[i].because;
    }
}

void recognise(struct recognised *found)
{
    *found = (struct recognised){0};
    recognise_procfile(found);
    recognise_node(found);
    recognise_python(found);
    recognise_compose(found);
    recognise_files(found);
    if (found->count || found->files)
        return;
    recognise_add(found, "hello", NULL)->command =
        memory_text("[python3, -m, http.server, \"${PORT}\", --bind, 127.0.0.1]");
    found->pages = true;
}

void recognise_free(struct recognised *found)
{
    for (int i = 0; i < found->count; i++) {
        free(found->services[i].command);
        free(found->services[i].address);
    }
    *found = (struct recognised){0};
}
