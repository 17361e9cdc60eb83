/* Checked here only; what uses them reads the text again. */
#include <arpa/inet.h>
#include <string.h>

#include "config/networks.h"

static const char network_expected[] = "an address or a network, such as 10.0.0.0/8, or unix";

/* NULL: fine; else what is wrong. */
static const char *network_fault(struct slice text)
{
    char address[INET6_ADDRSTRLEN];
    uint8_t bytes[sizeof(struct in6_addr)];
    uint64_t bits = 0;
    size_t slash = slice_find(text, '/');
    int family = slice_find(text, ':') < text.size ? AF_INET6 : AF_INET;
    if (slice_equal(text, SLICE("unix")))
        return NULL;
    if (slash == 0 || slash >= sizeof address)
        return network_expected;
    memcpy(address, text.data, slash);
    address[slash] = '\0';
    if (inet_pton(family, address, bytes) != 1)
        return network_expected;
    if (slash == text.size)
        return NULL;
    bool fits = slice_to_u64(slice_from(text, slash + 1), &bits) && bits <= (family == AF_INET ? 32 : 128);
    return fits ? NULL : family == AF_INET ? "at most 32 bits behind the /" : "at most 128 bits behind the /";
}

static void networks_read(struct load *load, const struct setting *row, const struct yaml_node *node,
                          void *field)
{
    (void)row;
    if (node->kind == YAML_EMPTY)
        return;
    if (node->kind != YAML_SEQUENCE) {
        load_wrong(load, node, "a list, such as [10.0.0.0/8]");
        return;
    }
    for (const struct yaml_entry *entry = node->entries; entry; entry = entry->next) {
        struct slice text = load_scalar(load, entry->value, network_expected);
        const char *fault = text.data ? network_fault(text) : NULL;
        if (fault)
            LOAD_ERROR(load, entry->value, "expected %s, found \"" SLICE_FORMAT "\"", fault,
                       SLICE_ARGUMENTS(text));
        else if (text.data)
            *(char **)load_append(load, field, sizeof(char *)) = load_text(load, text);
    }
}

static json_t *networks_show(const struct setting *row, const void *field)
{
    return lists_texts.show(row, field);
}

static json_t *networks_schema(const struct setting *row)
{
    (void)row;
    return json_pack("{s:s,s:o}", "type", "array", "items",
                     types_schema_pattern("[0-9A-Fa-f:.]+(/[0-9]{1,3})?|unix"));
}

const struct type networks_list = {
    .name = "list of addresses and networks",
    .read = networks_read,
    .show = networks_show,
    .schema = networks_schema,
};
