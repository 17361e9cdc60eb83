/* `reeve init`: looks at the directory and writes a reeve.yaml of at most 15 lines that starts. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"

#include "reeve/recognise.h"
#include "reeve/verbs.h"

enum { INIT_YAML_LIMIT = 1 << 19 };

/* A published port of a compose file may be the one that everybody takes. */
static const char *init_port(const struct recognised *found)
{
    const char *address = found->count ? found->services[0].address : NULL;
    return address && strcmp(address, "127.0.0.1:8080") == 0 ? "8090" : "8080";
}

static void init_write_head(struct buffer *yaml, const struct recognised *found)
{
    if (found->because)
        buffer_append_format(yaml, "# made from %s", found->because);
    else
        buffer_append_text(yaml, "# nothing was recognised here: change the command");
    buffer_append_format(yaml, "; see: reeve check, reeve run\nlisten:\n  - address: \"127.0.0.1:%s\"\n",
                         init_port(found));
}

static void init_write_services(struct buffer *yaml, const struct recognised *found)
{
    const struct recognised_service *first = &found->services[0];
    if (found->count == 0)
        return;
    buffer_append_format(yaml, "services:\n  %s:\n", first->name);
    if (first->address)
        buffer_append_format(yaml, "    address: \"%s\"\n", first->address);
    else
        buffer_append_format(yaml, "    command: %s\n", first->command);
    /* A command that does not say ${PORT} finds it in its environment; it must be told apart from none. */
    if (first->command && found->web && !strstr(first->command, "{PORT}"))
        buffer_append_text(yaml, "    listen: tcp\n");
    for (int i = 1; i < found->count; i++)
        buffer_append_format(yaml, "  %s: {command: %s}\n", found->services[i].name,
                             found->services[i].command);
}

static void init_write_routes(struct buffer *yaml, const struct recognised *found)
{
    bool files = found->files && !found->pages;
    if (found->web || files)
        buffer_append_text(yaml, "routes:\n");
    if (found->web)
        buffer_append_format(yaml, "  - {path: %s, to: %s}\n", files ? "/api/*" : "/*",
                             found->services[0].name);
    if (files)
        buffer_append_format(yaml, "  - {path: /*, files: %s, fallback: index.html}\n", found->files);
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
    struct recognised found;
    recognise(&found);
    struct buffer yaml = BUFFER(INIT_YAML_LIMIT);
    init_write_head(&yaml, &found);
    init_write_services(&yaml, &found);
    init_write_routes(&yaml, &found);
    int code = init_save(command, buffer_slice(&yaml));
    if (code == COMMAND_DONE && command->json)
        command_print_json(json_pack("{s:s, s:s?}", "file", "reeve.yaml", "because", found.because));
    else if (code == COMMAND_DONE)
        printf("wrote reeve.yaml%s%s:\n\n" SLICE_FORMAT "\nnext: %s run\n", found.because ? " from " : "",
               found.because ? found.because : "", SLICE_ARGUMENTS(buffer_slice(&yaml)),
               program_invocation_name);
    buffer_free(&yaml);
    recognise_free(&found);
    return code;
}
