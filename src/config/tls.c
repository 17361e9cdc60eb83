/* The file of `ca` is read here, since who connects cannot read files; whether its certificates are whole
 * says who uses them (net/tls.h). */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "config/tls.h"
#include "config/written.h"

enum { TLS_CA_LIMIT = 1024 * 1024, TLS_PINS_LIMIT = 16 };

/* --- pins --------------------------------------------------------------------------------------------- */

bool tls_read_pin(struct slice text, char *pin)
{
    static const char prefix[] = "sha256:";
    size_t size = sizeof prefix - 1;
    if (!slice_starts_with(text, slice_of_text(prefix)))
        return false;
    memcpy(pin, prefix, size);
    for (size_t i = size; i < text.size; i++) {
        bool between = size > sizeof prefix - 1 && size % 2 == 1 && i + 1 < text.size;
        if (text.data[i] == ':' && between && text.data[i - 1] != ':')
            continue;
        if (!isxdigit((unsigned char)text.data[i]) || size == TLS_PIN_CHARACTERS)
            return false;
        pin[size++] = (char)tolower((unsigned char)text.data[i]);
    }
    pin[size] = '\0';
    return size == TLS_PIN_CHARACTERS;
}

static void tls_take_pin(struct load *load, const struct yaml_node *node, struct config_texts *pins)
{
    struct slice text = load_scalar(load, node, "a pin, such as \"sha256:\" and 64 hex digits");
    char pin[TLS_PIN_CHARACTERS + 1];
    if (!text.data || load->later)
        return;
    if (!tls_read_pin(text, pin))
        LOAD_ERROR(load, node,
                   "expected \"sha256:\" and 64 hex digits, found \"" SLICE_FORMAT
                   "\"; `reeve pin ADDRESS` prints the line to write",
                   SLICE_ARGUMENTS(text));
    else if (pins->count == TLS_PINS_LIMIT)
        LOAD_ERROR(load, node, "more than %d pins", TLS_PINS_LIMIT);
    else
        *(char **)load_append(load, pins, sizeof(char *)) = load_text(load, slice_of_text(pin));
}

static void tls_read_pins(struct load *load, const struct setting *row, const struct yaml_node *node,
                          void *field)
{
    (void)row;
    if (node->kind != YAML_SEQUENCE) {
        tls_take_pin(load, node, field);
        return;
    }
    if (!node->entries)
        LOAD_ERROR(load, node, "expected a pin, found an empty list");
    for (const struct yaml_entry *entry = node->entries; entry; entry = entry->next)
        tls_take_pin(load, entry->value, field);
}

static json_t *tls_show_pins(const struct setting *row, const void *field)
{
    return lists_texts.show(row, field);
}

static json_t *tls_schema_pins(const struct setting *row)
{
    const char *pattern = "sha256:[0-9A-Fa-f]{2}(:?[0-9A-Fa-f]{2}){31}";
    (void)row;
    return json_pack("{s:[o,{s:s,s:i,s:o}]}", "anyOf", types_schema_pattern(pattern), "type", "array",
                     "minItems", 1, "items", types_schema_pattern(pattern));
}

const struct type tls_pins = {
    .name = "pin or list of pins",
    .read = tls_read_pins,
    .show = tls_show_pins,
    .schema = tls_schema_pins,
};

static void tls_read_verify(struct load *load, const struct setting *row, const struct yaml_node *node,
                            void *field)
{
    types_choice.read(load, row, node, field);
}

static json_t *tls_show_verify(const struct setting *row, const void *field)
{
    const enum config_tls_verify *verify = field;
    bool written = *verify == CONFIG_TLS_SYSTEM || *verify == CONFIG_TLS_NONE;
    return written ? types_choice.show(row, field) : NULL;
}

static json_t *tls_schema_verify(const struct setting *row)
{
    return types_choice.schema(row);
}

const struct type tls_verify = {
    .name = "choice",
    .read = tls_read_verify,
    .show = tls_show_verify,
    .schema = tls_schema_verify,
};

/* --- all keys together --------------------------------------------------------------------------------- */

static void tls_read_ca(struct load *load, struct config_service *service)
{
    const struct config_written *written = written_find(&service->item, "tls.ca");
    struct error error = {0};
    size_t size = 0;
    char *text = load_read(load, service->tls.ca, TLS_CA_LIMIT, &size, &error);
    if (!text) {
        errors_add(load->errors, written->place, "%s.tls.ca: %s", load->path, error.text);
        return;
    }
    if (memchr(text, '\0', size) || !strstr(text, "-----BEGIN CERTIFICATE-----"))
        errors_add(load->errors, written->place,
                   "%s.tls.ca: %s holds no certificate in PEM form (-----BEGIN CERTIFICATE-----)", load->path,
                   service->tls.ca);
    service->tls.authorities = load_text(load, slice_of(text, size));
    free(text);
}

static bool tls_is_number(const char *host)
{
    return strchr(host, ':') || types_match("[0-9.]+", slice_of_text(host));
}

/* The name to check: written, or the one name of all addresses; NULL: their IP addresses are checked. */
static void tls_finish_name(struct load *load, struct config_service *service)
{
    const struct config_upstreams *addresses = &service->addresses;
    bool vouched = service->tls.verify == CONFIG_TLS_SYSTEM || service->tls.verify == CONFIG_TLS_CA;
    const char *name = NULL;
    if (service->tls.name)
        return;
    for (size_t i = 0; i < addresses->count; i++) {
        const char *own = tls_is_number(addresses->items[i].host) ? NULL : addresses->items[i].host;
        bool differs = own ? !name || strcmp(own, name) != 0 : name != NULL;
        if (i > 0 && differs && vouched) {
            errors_add(load->errors, addresses->items[i].place,
                       "%s: its addresses have different hosts, so that it is open which name their "
                       "certificates are to be for: say it with tls.name",
                       load->path);
            return;
        }
        name = own;
    }
    service->tls.name = name ? load_text(load, slice_of_text(name)) : NULL;
}

static void tls_finish_verify(struct load *load, struct config_service *service)
{
    struct config_tls *tls = &service->tls;
    const struct config_written *verify = written_find(&service->item, "tls.verify"),
                                *ca = written_find(&service->item, "tls.ca"),
                                *pin = written_find(&service->item, "tls.pin");
    if ((verify != NULL) + (ca != NULL) + (pin != NULL) > 1)
        errors_add(load->errors, verify ? verify->place : ca->place,
                   "%s.tls: only one of pin, ca and verify is possible", load->path);
    if (tls->pins.count)
        tls->verify = CONFIG_TLS_PIN;
    if (tls->ca) {
        tls->verify = CONFIG_TLS_CA;
        tls_read_ca(load, service);
    }
}

void tls_finish(struct load *load, struct config_service *service)
{
    const struct config_upstreams *addresses = &service->addresses;
    const struct config_written *written = service->item.written;
    size_t secured = 0;
    for (size_t i = 0; i < addresses->count; i++)
        secured += addresses->items[i].tls;
    while (written && strncmp(written->key, "tls", 3) != 0)
        written = written->next;
    if (secured > 0 && secured < addresses->count)
        errors_add(load->errors, addresses->items[0].place,
                   "%s: either all of its addresses are https:// or none is", load->path);
    else if (written && !secured && (addresses->count || service->command.count))
        errors_add(load->errors, written->place, "%s.tls: it means nothing without an https:// address",
                   load->path);
    service->tls.used = secured > 0;
    if (!service->tls.used)
        return;
    tls_finish_verify(load, service);
    tls_finish_name(load, service);
}
