/* `reeve init`: looks at the directory and writes a reeve.yaml of at most 15 lines that starts. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "base/text.h"

#include "reeve/verbs.h"

enum { INIT_FILE_LARGEST = 1 << 20, INIT_YAML_LIMIT = 1 << 16, INIT_SERVICES = 4, INIT_NAME_SIZE = 64 };

struct init_service {
    char name[INIT_NAME_SIZE];
    char *command; /* the value of `command:`, as YAML */
    char *address; /* instead of a command: kept by somebody else */
};

/* What was found; the first finding of each kind rules. */
struct init_plan {
    const char *because; /* the file that told */
    struct init_service services[INIT_SERVICES];
    int count;
    bool web;          /* the first service serves the whole site */
    const char *files; /* a folder with an index.html */
};

static char *init_read(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct buffer text = BUFFER(INIT_FILE_LARGEST);
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

static bool init_exists(const char *path)
{
    return access(path, R_OK) == 0;
}

static void init_add(struct init_plan *plan, const char *name, char *command)
{
    struct init_service *service = &plan->services[plan->count++];
    snprintf(service->name, sizeof service->name, "%s", name);
    service->command = command;
}

/* --- what can be recognised -------------------------------------------------------------------------------
 */

/* package.json: vite gets its own flags, everything else $PORT. */
static void init_node(struct init_plan *plan)
{
    char *text = init_read("package.json");
    json_t *package = text ? json_loads(text, 0, NULL) : NULL;
    const json_t *scripts = json_object_get(package, "scripts");
    const char *script = json_object_get(scripts, "dev")     ? "dev"
                         : json_object_get(scripts, "start") ? "start"
                                                             : NULL;
    const char *dev = json_string_value(json_object_get(scripts, "dev"));
    if (script && plan->count == 0) {
        bool vite = dev && strstr(dev, "vite");
        init_add(
            plan, "web",
            vite ? memory_format("[npm, run, dev, --, --host, 127.0.0.1, --port, \"${PORT}\", --strictPort]")
                 : memory_format("[npm, run, %s]", script));
        plan->because = "package.json";
        plan->web = true;
    }
    json_decref(package);
    free(text);
}

static void init_django(struct init_plan *plan)
{
    if (plan->count || !init_exists("manage.py"))
        return;
    init_add(plan, "web", memory_text("[python3, manage.py, runserver, --noreload, \"127.0.0.1:${PORT}\"]"));
    plan->because = "manage.py";
    plan->web = true;
}

/* `package`: "" or a folder with a dot behind it, as Python writes it. */
static void init_python_module(struct init_plan *plan, const char *package, const char *module,
                               const char *because)
{
    char path[2 * INIT_NAME_SIZE];
    snprintf(path, sizeof path, "%s%s.py", package, module);
    if (package[0])
        *strchr(path, '.') = '/';
    char *text = plan->count ? NULL : init_read(path);
    if (text && strstr(text, "FastAPI("))
        init_add(plan, "api", memory_format("[uvicorn, \"%s%s:app\", --port, \"${PORT}\"]", package, module));
    else if (text && strstr(text, "Flask("))
        init_add(plan, "api",
                 memory_format("[flask, --app, %s%s, run, --port, \"${PORT}\"]", package, module));
    if (text && plan->count) {
        plan->because = because;
        plan->web = true;
    }
    free(text);
}

/* The package that pyproject.toml names, with a dot behind it. False: none. */
static bool init_python_package(char package[INIT_NAME_SIZE])
{
    char *text = init_read("pyproject.toml");
    struct slice rest = slice_of_text(text), line, name = {0};
    while (name.size == 0 && slice_next(&rest, '\n', &line)) {
        size_t equals = slice_find(line, '=');
        if (slice_equal(slice_trim(slice_between(line, 0, equals)), SLICE("name")))
            name = slice_trim(slice_from(line, equals + 1));
    }
    size_t size = 0;
    for (size_t i = 0; i < name.size && size < INIT_NAME_SIZE - 2; i++) {
        if (isalnum((unsigned char)name.data[i]) || name.data[i] == '_')
            package[size++] = name.data[i];
        else if (name.data[i] == '-')
            package[size++] = '_';
    }
    free(text);
    snprintf(package + size, INIT_NAME_SIZE - size, ".");
    return size > 0;
}

static void init_python(struct init_plan *plan)
{
    static const char *const modules[] = {"main", "app", "server", "__init__"};
    char package[INIT_NAME_SIZE];
    init_django(plan);
    for (size_t i = 0; i < sizeof modules / sizeof modules[0]; i++)
        init_python_module(plan, "", modules[i], "a Python module with an app in it");
    for (size_t i = 0; i < sizeof modules / sizeof modules[0] && init_python_package(package); i++)
        init_python_module(plan, package, modules[i], "pyproject.toml");
}

static bool init_name_is_good(struct slice name)
{
    for (size_t i = 0; i < name.size; i++) {
        char byte = name.data[i];
        if (!((byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9') || (byte == '-' && i > 0)))
            return false;
    }
    return name.size > 0 && name.size < INIT_NAME_SIZE;
}

/* The command as one YAML word for sh -c: double-quoted; `$` is doubled, since reeve reads ${NAME} itself. */
static char *init_shell(struct slice command)
{
    struct buffer quoted = BUFFER(INIT_YAML_LIMIT);
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

/* Procfile: "name: command" lines; `web` gets the routes. */
static void init_procfile(struct init_plan *plan)
{
    char *text = plan->count ? NULL : init_read("Procfile");
    struct slice rest = slice_of_text(text), line;
    while (slice_next(&rest, '\n', &line) && plan->count < INIT_SERVICES) {
        size_t colon = slice_find(line, ':');
        struct slice name = slice_trim(slice_between(line, 0, colon));
        struct slice command = slice_trim(slice_from(line, colon + 1));
        if (!init_name_is_good(name) || command.size == 0)
            continue;
        char *copy = slice_to_text(name);
        init_add(plan, copy, init_shell(command));
        plan->because = "Procfile";
        if (slice_equal(name, SLICE("web")) && !plan->web) {
            struct init_service first = plan->services[0];
            plan->services[0] = plan->services[plan->count - 1];
            plan->services[plan->count - 1] = first;
            plan->web = true;
        }
        free(copy);
    }
    free(text);
}

/* A published port of a compose file, "8080:80" or "127.0.0.1:8080:80": that container is kept by compose. */
static bool init_published(struct slice line, char address[INIT_NAME_SIZE])
{
    struct slice value = slice_trim(line), part, last = {0}, host = {0};
    if (!slice_starts_with(value, SLICE("-")))
        return false;
    value = slice_trim(slice_from(value, 1));
    while (value.size && (value.data[0] == '"' || value.data[0] == '\''))
        value = slice_between(value, 1, value.size - 1);
    for (struct slice rest = value; slice_next(&rest, ':', &part); last = part)
        host = last;
    uint64_t from = 0, to = 0;
    if (!slice_to_u64(host, &from) || !slice_to_u64(last, &to))
        return false;
    snprintf(address, INIT_NAME_SIZE, "127.0.0.1:%llu", (unsigned long long)from);
    return true;
}

static void init_compose(struct init_plan *plan)
{
    static const char *const files[] = {"compose.yaml", "compose.yml", "docker-compose.yml",
                                        "docker-compose.yaml"};
    for (size_t i = 0; i < sizeof files / sizeof files[0] && plan->count == 0; i++) {
        char *text = init_read(files[i]), address[INIT_NAME_SIZE];
        struct slice rest = slice_of_text(text), line;
        while (slice_next(&rest, '\n', &line) && plan->count == 0) {
            if (!init_published(line, address))
                continue;
            init_add(plan, "web", NULL);
            plan->services[0].address = memory_text(address);
            plan->because = files[i];
            plan->web = true;
        }
        free(text);
    }
}

static void init_files(struct init_plan *plan)
{
    static const char *const folders[] = {"dist", "build", "public", "."};
    for (size_t i = 0; i < sizeof folders / sizeof folders[0] && !plan->files; i++) {
        char path[INIT_NAME_SIZE];
        snprintf(path, sizeof path, "%s/index.html", folders[i]);
        if (init_exists(path))
            plan->files = folders[i];
    }
    if (plan->files && !plan->because)
        plan->because = "an index.html";
}

static void init_look(struct init_plan *plan)
{
    init_procfile(plan);
    init_node(plan);
    init_python(plan);
    init_compose(plan);
    init_files(plan);
    if (plan->count == 0 && !plan->files) {
        init_add(plan, "hello", memory_text("[python3, -m, http.server, \"${PORT}\", --bind, 127.0.0.1]"));
        plan->web = true;
    }
}

/* --- the file
 * ------------------------------------------------------------------------------------------------ */

static void init_write_services(struct buffer *yaml, const struct init_plan *plan)
{
    if (plan->count)
        buffer_append_text(yaml, "services:\n");
    for (int i = 0; i < plan->count; i++) {
        const struct init_service *service = &plan->services[i];
        buffer_append_format(yaml, "  %s:\n", service->name);
        if (service->address)
            buffer_append_format(yaml, "    address: \"%s\"\n", service->address);
        else
            buffer_append_format(yaml, "    command: %s\n", service->command);
        /* A command that does not say ${PORT} finds it in its environment; it must be told apart from none.
         */
        if (service->command && i == 0 && plan->web && !strstr(service->command, "{PORT}"))
            buffer_append_text(yaml, "    listen: tcp\n");
    }
}

static void init_write_routes(struct buffer *yaml, const struct init_plan *plan)
{
    bool both = plan->web && plan->files && strcmp(plan->files, ".") != 0;
    buffer_append_text(yaml, "routes:\n");
    if (plan->web)
        buffer_append_format(yaml, "  - {path: %s, to: %s}\n", both ? "/api/*" : "/*",
                             plan->services[0].name);
    if (both || !plan->web)
        buffer_append_format(yaml, "  - {path: /*, files: %s, fallback: index.html}\n", plan->files);
}

static void init_free(struct init_plan *plan)
{
    for (int i = 0; i < plan->count; i++) {
        free(plan->services[i].command);
        free(plan->services[i].address);
    }
}

static int init_save(const struct command *command, struct slice yaml)
{
    int fd = open("reeve.yaml", O_WRONLY | O_CREAT | O_CLOEXEC | (command->force ? O_TRUNC : O_EXCL), 0644);
    if (fd < 0 && errno == EEXIST)
        return command_fail(COMMAND_FAILED, "reeve.yaml is already here; --force overwrites it");
    if (fd < 0)
        return command_fail(COMMAND_FAILED, "reeve.yaml: %s", strerror(errno));
    ssize_t written = write(fd, yaml.data, yaml.size);
    close(fd);
    return written == (ssize_t)yaml.size
               ? COMMAND_DONE
               : command_fail(COMMAND_FAILED, "reeve.yaml: it was not written whole");
}

int init_verb(const struct command *command)
{
    struct init_plan plan = {0};
    init_look(&plan);
    struct buffer yaml = BUFFER(INIT_YAML_LIMIT);
    buffer_append_format(&yaml,
                         "# %s%s; see: reeve check, reeve run\nlisten:\n  - address: \"127.0.0.1:8080\"\n",
                         plan.because ? "made from " : "nothing was recognised here: change the command",
                         plan.because ? plan.because : "");
    init_write_services(&yaml, &plan);
    init_write_routes(&yaml, &plan);
    int code = init_save(command, buffer_slice(&yaml));
    if (code == COMMAND_DONE && command->json)
        command_print_json(json_pack("{s:s, s:s?}", "file", "reeve.yaml", "because", plan.because));
    else if (code == COMMAND_DONE)
        printf("wrote reeve.yaml%s%s:\n\n" SLICE_FORMAT "\nnext: reeve run\n", plan.because ? " from " : "",
               plan.because ? plan.because : "", SLICE_ARGUMENTS(buffer_slice(&yaml)));
    buffer_free(&yaml);
    init_free(&plan);
    return code;
}
