/* Values of their own kind in services, and what is left to settle once all keys of one are read. */
#include <ctype.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

#include "config/addresses.h"
#include "config/hints.h"
#include "config/services.h"
#include "config/tls.h"
#include "config/written.h"

static const char *const service_listen_words[] = {"none", "tcp", "unix", "passed"};

enum { SERVICE_LISTEN_WORDS = sizeof service_listen_words / sizeof service_listen_words[0] };

static void service_read_listen_place(struct load *load, const struct yaml_node *node, struct slice text,
                                      struct config_service_listen *listen)
{
    static const char expected[] = "one of tcp, tcp:PORT, unix, unix:/path, passed, none";
    struct slice after = slice_from(text, slice_find(text, ':') + 1);
    bool word = slice_find(text, ':') == text.size;
    const char *meant = word ? hints_nearest(text, service_listen_words, SERVICE_LISTEN_WORDS) : NULL;
    uint16_t port = 0;
    if (slice_starts_with(text, SLICE("tcp:")) && addresses_port(after, &listen->port)) {
        listen->kind = CONFIG_LISTEN_TCP;
    } else if (slice_starts_with(text, SLICE("unix:")) && after.size) {
        listen->kind = CONFIG_LISTEN_UNIX;
        listen->path = load_absolute(load, load_directory(load, node->place), after);
        addresses_check_socket(load, node, listen->path);
    } else if (addresses_port(text, &port) || addresses_port(after, &port)) {
        LOAD_ERROR(load, node, "expected %s, found \"" SLICE_FORMAT "\"; write \"tcp:%u\"", expected,
                   SLICE_ARGUMENTS(text), port);
    } else if (meant) {
        LOAD_ERROR(load, node, "expected %s, found \"" SLICE_FORMAT "\"; did you mean \"%s\"?", expected,
                   SLICE_ARGUMENTS(text), meant);
    } else {
        load_wrong(load, node, expected);
    }
}

static void service_read_listen(struct load *load, const struct setting *row, const struct yaml_node *node,
                                void *field)
{
    (void)row;
    struct config_service_listen *listen = field;
    struct slice text =
        load_scalar(load, node, "where it listens: tcp, tcp:PORT, unix, unix:/path, passed or none");
    if (!text.data || load->later)
        return;
    for (size_t i = 0; i < SERVICE_LISTEN_WORDS; i++)
        if (slice_equal(text, slice_of_text(service_listen_words[i]))) {
            listen->kind = (enum config_listen)i;
            return;
        }
    service_read_listen_place(load, node, text, listen);
}

_Static_assert((int)SERVICE_LISTEN_WORDS == CONFIG_LISTEN_PASSED + 1, "a word for each kind");

static json_t *service_show_listen(const struct setting *row, const void *field)
{
    (void)row;
    const struct config_service_listen *listen = field;
    if (listen->port)
        return json_sprintf("tcp:%u", listen->port);
    if (!listen->path)
        return json_string(service_listen_words[listen->kind]);
    char *text = memory_format("unix:%s", listen->path);
    json_t *shown = types_show_text(text);
    free(text);
    return shown;
}

static json_t *service_schema_listen(const struct setting *row)
{
    (void)row;
    return types_schema_pattern("tcp(:[0-9]{1,5})?|unix(:.+)?|passed|none");
}

const struct type services_listen = {
    .name = "where",
    .read = service_read_listen,
    .show = service_show_listen,
    .schema = service_schema_listen,
};

static void service_read_signal(struct load *load, const struct setting *row, const struct yaml_node *node,
                                void *field)
{
    (void)row;
    struct slice text = load_scalar(load, node, "a signal, such as TERM");
    struct slice name = slice_starts_with(text, SLICE("SIG")) ? slice_from(text, 3) : text;
    if (!text.data)
        return;
    for (int number = 1; number < SIGRTMIN && number < 32; number++) {
        const char *known = sigabbrev_np(number);
        if (known && slice_equal(name, slice_of_text(known)))
            *(int *)field = number;
    }
    if (*(int *)field == 0)
        load_wrong(load, node, "a signal, such as TERM, INT, QUIT, HUP or USR1");
}

static json_t *service_show_signal(const struct setting *row, const void *field)
{
    (void)row;
    return json_string(sigabbrev_np(*(const int *)field));
}

static json_t *service_schema_signal(const struct setting *row)
{
    (void)row;
    return types_schema_pattern("(SIG)?[A-Z][A-Z0-9]{1,5}");
}

const struct type services_signal = {
    .name = "signal",
    .read = service_read_signal,
    .show = service_show_signal,
    .schema = service_schema_signal,
};

void services_begin(struct load *load, void *item, const struct yaml_node *name)
{
    struct config_service *service = item;
    service->name = load_text(load, name->text);
    load->service = service;
    load->env_file = (struct config_variables){0};
    load->uses_port = load->uses_socket = false;
}

static struct config_variable *service_variable(struct config_variables *variables, const char *name)
{
    for (size_t i = 0; i < variables->count; i++)
        if (strcmp(variables->items[i].name, name) == 0)
            return &variables->items[i];
    return NULL;
}

enum { SERVICE_VARIABLES_MOST = 2000 };

/* env_file first, then env over it: what is nearer to the reader wins. */
static void service_merge_variables(struct load *load, struct config_service *service)
{
    struct config_variables merged = {0};
    const struct config_variables *const sources[] = {&load->env_file, &service->variables};
    if (load->env_file.count + service->variables.count > SERVICE_VARIABLES_MOST) {
        errors_add(load->errors, service->item.place, "%s: more than %d variables", load->path,
                   SERVICE_VARIABLES_MOST);
        return;
    }
    for (size_t i = 0; i < load->env_file.count; i++) {
        char **value = &load->env_file.items[i].value;
        *value = load_literal(load, slice_of_text(*value));
    }
    for (size_t s = 0; s < 2; s++)
        for (size_t i = 0; i < sources[s]->count; i++) {
            struct config_variable *earlier = service_variable(&merged, sources[s]->items[i].name);
            if (!earlier)
                earlier = load_append(load, &merged, sizeof *earlier);
            *earlier = sources[s]->items[i];
        }
    service->variables = merged;
}

static void service_finish_listen(struct load *load, struct config_service *service)
{
    if (written_find(&service->item, "listen"))
        return;
    if (load->uses_port && load->uses_socket)
        errors_add(load->errors, service->item.place,
                   "%s: it uses both ${PORT} and ${SOCKET}; say which is its address with listen: tcp or "
                   "listen: unix",
                   load->path);
    service->listen.kind = load->uses_port     ? CONFIG_LISTEN_TCP
                           : load->uses_socket ? CONFIG_LISTEN_UNIX
                                               : CONFIG_LISTEN_NONE;
}

static void service_finish_ready(struct load *load, struct config_service *service)
{
    struct config_service_ready *ready = &service->ready;
    bool listens = service->listen.kind != CONFIG_LISTEN_NONE;
    const struct config_written *written = written_find(&service->item, "ready");
    if (ready->tcp + ready->none + (ready->path != NULL) > 1)
        errors_add(load->errors, written->place, "%s.ready: only one of tcp, http and none is possible",
                   load->path);
    else if ((ready->tcp || ready->path) && !listens)
        errors_add(load->errors, written->place,
                   "%s.ready: %s needs a listener, and this service has none (listen: tcp, or ${PORT} in its "
                   "command)",
                   load->path, ready->path ? "http" : "tcp");
    if (ready->path)
        ready->kind = CONFIG_READY_HTTP;
    else if (ready->none || !listens)
        ready->kind = CONFIG_READY_NONE;
    else
        ready->kind = CONFIG_READY_LISTEN;
    ready->tcp = ready->kind == CONFIG_READY_LISTEN;
    ready->none = ready->kind == CONFIG_READY_NONE;
}

bool services_applies(const void *item, const struct setting *child)
{
    const struct config_service *service = item;
    if (child->needs && !config_is_set(&service->item, child->needs))
        return false;
    if (slice_starts_with(slice_of_text(child->path), SLICE("services.*.tls")))
        return service->tls.used;
    return !config_is_set(&service->item, "address") || child->for_address;
}

/* Who leaves a terminal ends its program: starting it again at once is for who says so. */
static void service_finish_terminal(struct config_service *service)
{
    service->terminal.wanted = config_is_set(&service->item, "terminal");
    if (service->terminal.wanted && !config_is_set(&service->item, "restart"))
        service->restart = CONFIG_RESTART_NEVER;
}

static void service_finish_address(struct load *load, struct config_service *service)
{
    service->ready.kind = CONFIG_READY_NONE;
    service->ready.none = true;
    for (const struct config_written *written = service->item.written; written; written = written->next) {
        char *path = memory_format("services.*.%s", written->key);
        if (!setting_find(slice_of_text(path))->for_address)
            errors_add(load->errors, written->place,
                       "%s.%s: it means nothing for a service with an address, which is "
                       "kept by somebody else",
                       load->path, written->key);
        free(path);
    }
}

const char *services_directory(const struct load *load, struct config_place place)
{
    bool own = load->service && load->service->directory;
    return own ? load->service->directory : load_directory(load, place);
}

void services_finish(struct load *load, void *item)
{
    struct config_service *service = item;
    bool command = written_find(&service->item, "command"), address = written_find(&service->item, "address");
    if (!service->directory)
        service->directory = load_text(load, slice_of_text(load_directory(load, service->item.place)));
    service->prefix = load_text(load, SLICE(""));
    service_merge_variables(load, service);
    tls_finish(load, service);
    if (command == address && (command || !load_item_failed(load)))
        errors_add(load->errors, service->item.place,
                   "%s: a service has a command or an address, this one has %s", load->path,
                   command ? "both" : "neither");
    else if (address && !command)
        service_finish_address(load, service);
    else {
        service_finish_listen(load, service);
        service_finish_ready(load, service);
        service_finish_terminal(service);
    }
    load->service = NULL;
}
