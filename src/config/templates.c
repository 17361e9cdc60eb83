/* An instance is a service of its own: whatever two of them could not share is refused in a template. */
#include <regex.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

#include "config/services.h"
#include "config/templates.h"
#include "config/written.h"

/* What every instance has for itself, beside what every service has. */
static const char *const template_names[] = {"id", "name", "instance_dir"};

enum {
    TEMPLATE_NAMES = sizeof template_names / sizeof template_names[0],
    TEMPLATE_TEXT_MOST = 96 * 1024, /* execve(2): 128 KiB for one text */
};

/* A parameter is a variable of the same name: none of these, which mean something to reeve, to the loader of
 * programs or to every program. */
static const char template_reserved[] =
    "id|name|user|prefix|state|config_dir|instance_dir|PORT|SOCKET|PATH|HOME|USER|LOGNAME|SHELL|LANG|LC_.*|"
    "TZ|TERM|TMPDIR|IFS|ENV|BASH_ENV|REEVE_.*|LD_.*|LISTEN_.*|NOTIFY_SOCKET";

static struct config_parameter *template_parameter(const struct config_template *template, struct slice name)
{
    for (size_t i = 0; i < template->parameters.count; i++)
        if (slice_equal(slice_of_text(template->parameters.items[i].name), name))
            return &template->parameters.items[i];
    return NULL;
}

bool templates_find_late(const struct load *load, struct slice name, bool *always)
{
    *always = false;
    for (size_t i = 0; i < TEMPLATE_NAMES; i++)
        *always = *always || slice_equal(slice_of_text(template_names[i]), name);
    return load->template && (*always || template_parameter(load->template, name));
}

/* --- parameters ------------------------------------------------------------------------------------ */

void templates_parameter_begin(struct load *load, void *item, const struct yaml_node *name)
{
    struct config_parameter *parameter = item;
    parameter->name = load_text(load, name->text);
    if (types_match(template_reserved, name->text))
        LOAD_ERROR(load, name, "a parameter cannot be called so: the name means something already");
}

void templates_parameter_finish(struct load *load, void *item)
{
    struct config_parameter *parameter = item;
    regex_t compiled;
    bool text = config_is_set(&parameter->item, "text");
    if (parameter->pattern && text)
        errors_add(load->errors, parameter->item.place,
                   "%s: a parameter has a pattern or is any text, not both", load->path);
    else if (!parameter->pattern && !text && !load_item_failed(load))
        errors_add(load->errors, parameter->item.place,
                   "%s: say what it may be: pattern, or text with the most bytes", load->path);
    if (parameter->text_bytes > TEMPLATE_TEXT_MOST)
        errors_add(load->errors, config_place_of(&parameter->item, "text"),
                   "%s.text: at most 96k: a variable of the environment holds little more", load->path);
    if (!parameter->pattern)
        return;
    int failed = regcomp(&compiled, parameter->pattern, REG_EXTENDED | REG_NOSUB);
    if (!failed) {
        regfree(&compiled);
        return;
    }
    char reason[128];
    regerror(failed, &compiled, reason, sizeof reason);
    errors_add(load->errors, config_place_of(&parameter->item, "pattern"), "%s.pattern: \"%s\": %s",
               load->path, parameter->pattern, reason);
}

/* --- the template ---------------------------------------------------------------------------------- */

void templates_begin(struct load *load, void *item, const struct yaml_node *name)
{
    services_begin(load, item, name);
    load->template = item;
}

bool templates_applies(const void *item, const struct setting *child)
{
    return strcmp(child->path, "services.*.address") != 0 &&
           !slice_starts_with(slice_of_text(child->path), SLICE("services.*.tls")) &&
           services_applies(item, child);
}

/* One name after another that a template text uses. */
struct template_use {
    struct load *load;
    struct config_template *template;
    const char *key;
    struct config_place place;
};

/* In command and env: what has no default here must be given. */
static void template_use_parameter(void *owner, struct slice name)
{
    const struct template_use *use = owner;
    struct config_parameter *parameter = template_parameter(use->template, name);
    if (!parameter)
        return;
    bool has_default = memcmp(name.data + name.size, ":-", 2) == 0;
    parameter->required = parameter->required || !has_default;
    if (parameter->text_bytes && strcmp(use->key, "command") == 0)
        errors_add(use->load->errors, use->place,
                   "%s.command: ${%s} is any text, which never goes into a command; the program finds it in "
                   "its environment and in ${instance_dir}/parameters.json",
                   use->load->path, parameter->name);
}

/* In user and allow: what a request says must not choose. */
static void template_use_id(void *owner, struct slice name)
{
    const struct template_use *use = owner;
    if (!slice_equal(name, SLICE("id")))
        errors_add(use->load->errors, use->place,
                   "%s.%s: only ${id} is possible here, not ${" SLICE_FORMAT "}", use->load->path, use->key,
                   SLICE_ARGUMENTS(name));
}

static struct template_use template_use(struct load *load, struct config_template *template, const char *key)
{
    return (struct template_use){.load = load,
                                 .template = template,
                                 .key = key,
                                 .place = config_place_of(&template->service.item, key)};
}

static void template_check_names(struct load *load, struct config_template *template)
{
    const struct config_service *service = &template->service;
    struct template_use command = template_use(load, template, "command");
    struct template_use variables = template_use(load, template, "env");
    struct template_use user = template_use(load, template, "user");
    struct template_use allow = template_use(load, template, "allow");
    for (size_t i = 0; i < service->command.count; i++)
        expand_each_name(service->command.items[i], template_use_parameter, &command);
    for (size_t i = 0; i < service->variables.count; i++)
        expand_each_name(service->variables.items[i].value, template_use_parameter, &variables);
    if (service->user)
        expand_each_name(service->user, template_use_id, &user);
    for (size_t i = 0; i < template->allow.count; i++)
        expand_each_name(template->allow.items[i], template_use_id, &allow);
}

/* The default of `allow` would let everybody who may sign in, or anyone at all, be any account. */
static void template_check_account(struct load *load, const struct config_template *template)
{
    const struct config_service *service = &template->service;
    if (service->user && strstr(service->user, "${id") && template->allow.count == 0)
        errors_add(load->errors, config_place_of(&service->item, "user"),
                   "%s.user: whoever creates an instance chooses the account by its id; say who may in "
                   "`allow`, such as [\"user:${id}\"]",
                   load->path);
}

static void template_check_sharing(struct load *load, const struct config_service *service)
{
    if (service->listen.port || service->listen.path)
        errors_add(load->errors, config_place_of(&service->item, "listen"),
                   "%s.listen: instances cannot share one address; write listen: %s", load->path,
                   service->listen.port ? "tcp" : "unix");
    if (config_is_set(&service->item, "address"))
        errors_add(load->errors, config_place_of(&service->item, "address"),
                   "%s.address: a template has a command; an address is a service", load->path);
}

void templates_finish(struct load *load, void *item)
{
    struct config_template *template = item;
    struct config_service *service = &template->service;
    services_finish(load, item);
    template_check_sharing(load, service);
    template_check_names(load, template);
    template_check_account(load, template);
    /* The first request starts it; one that nobody can ask starts when it is created. */
    if (!config_is_set(&service->item, "start"))
        service->start = service->listen.kind == CONFIG_LISTEN_NONE ? CONFIG_START_BOOT : CONFIG_START_DEMAND;
    load->template = NULL;
}

/* --- `user`, of services and templates ---------------------------------------------------------------- */

static void template_read_user(struct load *load, const struct setting *row, const struct yaml_node *node,
                               void *field)
{
    struct slice text = load->template ? load_template(load, node, "the name of an account")
                                       : load_scalar(load, node, "the name of an account");
    if (!text.data)
        return;
    char *pattern = memory_format("%s%s", row->pattern,
                                  load->template ? "|[A-Za-z0-9_.-]*\\$\\{[a-z_]+\\}[A-Za-z0-9_.-]*" : "");
    if (!load->later && !types_match(pattern, text))
        LOAD_ERROR(load, node, "\"" SLICE_FORMAT "\" does not match %s", SLICE_ARGUMENTS(text), row->pattern);
    free(pattern);
    *(char **)field = load_text(load, text);
}

static json_t *template_show_user(const struct setting *row, const void *field)
{
    (void)row;
    return types_show_template(*(char *const *)field);
}

const struct type templates_user = {
    .name = "text",
    .read = template_read_user,
    .show = template_show_user,
    .schema = types_schema_text,
    .last = true, /* parameters are known: they are refused by name */
};
