/* An address is taken apart here only to be checked: what opens it reads the text again. */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "base/memory.h"

#include "config/addresses.h"

bool addresses_port(struct slice text, uint16_t *port)
{
    uint64_t number = 0;
    if (!slice_to_u64(text, &number) || text.data[0] == '0' || number > UINT16_MAX)
        return false;
    *port = (uint16_t)number;
    return true;
}

bool addresses_check_socket(struct load *load, const struct yaml_node *node, const char *path)
{
    size_t most = sizeof((struct sockaddr_un *)0)->sun_path - 1;
    if (strlen(path) <= most)
        return true;
    LOAD_ERROR(load, node, "the path of a socket has at most %zu bytes, this has %zu: %s", most, strlen(path),
               path);
    return false;
}

static bool address_read_unix(struct load *load, const struct yaml_node *node, struct slice path,
                              struct config_upstream *upstream)
{
    if (path.size == 0) {
        LOAD_ERROR(load, node, "a path is missing after unix:");
        return false;
    }
    upstream->path = load_absolute(load, load_directory(load, node->place), path);
    return addresses_check_socket(load, node, upstream->path);
}

/* What was probably meant by a text that is no address at all. */
static bool address_guess(struct load *load, const struct yaml_node *node, struct slice text)
{
    uint16_t port = 0;
    size_t colon = slice_find(text, ':');
    struct slice after = slice_from(text, colon + 1), host = slice_between(text, 0, colon);
    if (addresses_port(text, &port))
        LOAD_ERROR(load, node,
                   "a host is missing before the port; write \"127.0.0.1:%u\" for this machine only", port);
    else if (addresses_port(after, &port) && (host.size == 0 || slice_equal(host, SLICE("*"))))
        LOAD_ERROR(load, node,
                   "a host is missing; write \"0.0.0.0:%u\" for all addresses of this machine, "
                   "\"127.0.0.1:%u\" for this machine only",
                   port, port);
    else if (slice_find(after, ':') != after.size && text.data[0] != '[')
        LOAD_ERROR(load, node,
                   "an IPv6 address needs brackets before its port: \"[::1]:8080\", found \"" SLICE_FORMAT
                   "\"",
                   SLICE_ARGUMENTS(text));
    else if (colon == text.size && text.size)
        LOAD_ERROR(load, node, "a port is missing; write \"" SLICE_FORMAT ":8080\"", SLICE_ARGUMENTS(text));
    else
        return false;
    return true;
}

static bool address_is_v6(struct slice host)
{
    unsigned char bytes[16];
    char text[64];
    if (host.size < 2 || host.size >= sizeof text || host.data[0] != '[' || host.data[host.size - 1] != ']')
        return false;
    memcpy(text, host.data + 1, host.size - 2);
    text[host.size - 2] = '\0';
    return inet_pton(AF_INET6, text, bytes) == 1;
}

static bool address_is_v4(struct slice host)
{
    unsigned char bytes[4];
    char text[32];
    if (host.size >= sizeof text)
        return false;
    memcpy(text, host.data, host.size);
    text[host.size] = '\0';
    return inet_pton(AF_INET, text, bytes) == 1;
}

static bool address_host_fits(struct slice host, bool names)
{
    if (address_is_v6(host) || address_is_v4(host) || slice_equal(host, SLICE("localhost")))
        return true;
    return names && !types_match("[0-9.]+", host) &&
           types_match("[A-Za-z0-9]([A-Za-z0-9._-]{0,101}[A-Za-z0-9])?", host);
}

bool addresses_read(struct load *load, const struct yaml_node *node, struct slice text, bool names,
                    struct config_upstream *upstream)
{
    if (slice_starts_with(text, SLICE("unix:")))
        return address_read_unix(load, node, slice_from(text, SLICE("unix:").size), upstream);
    size_t end = text.size && text.data[0] == '[' ? slice_find(text, ']') : 0;
    size_t colon = end + slice_find(slice_from(text, end), ':');
    struct slice host = slice_between(text, 0, colon), port = slice_from(text, colon + 1);
    bool fits = colon < text.size && addresses_port(port, &upstream->port);
    if (fits && host.size && address_host_fits(host, names)) {
        bool brackets = host.data[0] == '[';
        upstream->host = load_text(load, slice_between(host, brackets, host.size - brackets));
        return true;
    }
    if (address_guess(load, node, text))
        return false;
    if (fits && !names)
        LOAD_ERROR(load, node, "the host \"" SLICE_FORMAT "\" is neither an IP address nor localhost",
                   SLICE_ARGUMENTS(host));
    else if (fits)
        LOAD_ERROR(load, node, "\"" SLICE_FORMAT "\" is neither an IP address nor a host name",
                   SLICE_ARGUMENTS(host));
    else if (colon < text.size && types_match("[0-9]+", port))
        LOAD_ERROR(load, node, "the port \"" SLICE_FORMAT "\" is not a number from 1 to 65535",
                   SLICE_ARGUMENTS(port));
    else
        load_wrong(load, node, "an address: host:port, [v6]:port or unix:/path");
    return false;
}

/* Fresh memory. */
static char *address_text(const struct config_upstream *upstream)
{
    bool v6 = upstream->host && strchr(upstream->host, ':');
    return upstream->path ? memory_format("unix:%s", upstream->path)
                          : memory_format("%s%s%s%s:%u", upstream->tls ? "https://" : "", v6 ? "[" : "",
                                          upstream->host, v6 ? "]" : "", upstream->port);
}

bool addresses_stay_here(const char *address)
{
    static const char *const here[] = {"unix:", "127.", "localhost:", "[::1]:"};
    for (size_t i = 0; i < sizeof here / sizeof here[0]; i++)
        if (strncmp(address, here[i], strlen(here[i])) == 0)
            return true;
    return false;
}

static void address_read_listener(struct load *load, const struct setting *row, const struct yaml_node *node,
                                  void *field)
{
    (void)row;
    struct config_upstream address = {0};
    struct slice text = load_scalar(load, node, "an address: host:port, [v6]:port or unix:/path");
    if (!text.data || (load->later && slice_find(text, '$') != text.size))
        return;
    size_t scheme = slice_starts_with(text, SLICE("http://"))    ? 7
                    : slice_starts_with(text, SLICE("https://")) ? 8
                                                                 : 0;
    if (scheme)
        LOAD_ERROR(load, node, "an address to listen on is written without http://: \"" SLICE_FORMAT "\"",
                   SLICE_ARGUMENTS(slice_from(text, scheme)));
    else if (addresses_read(load, node, text, false, &address)) {
        char *whole = address_text(&address);
        *(char **)field = load_text(load, slice_of_text(whole));
        free(whole);
    }
}

static json_t *address_show_listener(const struct setting *row, const void *field)
{
    return types_text.show(row, field);
}

static json_t *address_schema(const struct setting *row)
{
    (void)row;
    return types_schema_pattern("(unix:.+|(\\[[0-9A-Fa-f:.]+\\]|[A-Za-z0-9.-]+):[0-9]{1,5})");
}

const struct type addresses_listener = {
    .name = "address",
    .read = address_read_listener,
    .show = address_show_listener,
    .schema = address_schema,
};

struct address_scheme {
    const char *text;
    bool tls;
    const char *port; /* without one */
};

/* The scheme that a text begins with; NULL: none, which is in the clear and needs a port. */
static const struct address_scheme *address_scheme(struct slice text)
{
    static const struct address_scheme schemes[] = {
        {"http://", false, "80"},
        {"https://", true, "443"},
        {"ws://", false, "80"},
        {"wss://", true, "443"},
    };
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++)
        if (slice_starts_with(text, slice_of_text(schemes[i].text)))
            return &schemes[i];
    return NULL;
}

/* What comes behind a scheme, with the scheme's port where none is written. */
static struct slice address_complete(struct load *load, struct slice host, const char *port)
{
    size_t end = host.size && host.data[0] == '[' ? slice_find(host, ']') : 0;
    if (host.size == 0 || slice_find(slice_from(host, end), ':') + end < host.size)
        return host;
    char *whole = memory_format(SLICE_FORMAT ":%s", SLICE_ARGUMENTS(host), port);
    struct slice complete = slice_of_text(load_text(load, slice_of_text(whole)));
    free(whole);
    return complete;
}

static void address_read_upstream(struct load *load, const struct yaml_node *node,
                                  struct config_upstreams *upstreams)
{
    struct config_upstream upstream = {.place = node->place};
    struct slice text = load_scalar(load, node, "an address, such as \"10.0.0.7:9000\"");
    if (!text.data || load->later)
        return;
    const struct address_scheme *scheme = address_scheme(text);
    struct slice rest = scheme ? slice_from(text, strlen(scheme->text)) : text;
    bool local = slice_starts_with(rest, SLICE("unix:"));
    upstream.tls = scheme && scheme->tls;
    if (slice_ends_with(rest, SLICE("/")) && !local)
        rest.size--;
    if (scheme && !local)
        rest = address_complete(load, rest, scheme->port);
    if ((local && upstream.tls) || (!local && slice_find(rest, '/') != rest.size))
        LOAD_ERROR(load, node,
                   "expected host:port, http://host:port, https://host:port or unix:/path without anything "
                   "after it, found \"" SLICE_FORMAT "\"",
                   SLICE_ARGUMENTS(text));
    else if (addresses_read(load, node, rest, true, &upstream))
        *(struct config_upstream *)load_append(load, upstreams, sizeof upstream) = upstream;
}

static void address_read_upstreams(struct load *load, const struct setting *row, const struct yaml_node *node,
                                   void *field)
{
    (void)row;
    if (node->kind != YAML_SEQUENCE) {
        address_read_upstream(load, node, field);
        return;
    }
    if (!node->entries)
        LOAD_ERROR(load, node, "expected an address, found an empty list");
    for (const struct yaml_entry *entry = node->entries; entry; entry = entry->next)
        address_read_upstream(load, entry->value, field);
}

static json_t *address_show_upstreams(const struct setting *row, const void *field)
{
    (void)row;
    const struct config_upstreams *upstreams = field;
    json_t *shown = upstreams->count ? json_array() : NULL;
    for (size_t i = 0; i < upstreams->count; i++) {
        char *text = address_text(&upstreams->items[i]);
        json_array_append_new(shown, types_show_text(text));
        free(text);
    }
    return shown;
}

static json_t *address_schema_upstreams(const struct setting *row)
{
    (void)row;
    const char *pattern = "((https?|wss?)://)?(\\[[0-9A-Fa-f:.]+\\]|[A-Za-z0-9._-]+):[0-9]{1,5}/?|"
                          "(https?|wss?)://(\\[[0-9A-Fa-f:.]+\\]|[A-Za-z0-9._-]+)/?|(http://)?unix:.+";
    return json_pack("{s:[o,{s:s,s:i,s:o}]}", "anyOf", types_schema_pattern(pattern), "type", "array",
                     "minItems", 1, "items", types_schema_pattern(pattern));
}

const struct type addresses_upstreams = {
    .name = "address or list of addresses",
    .read = address_read_upstreams,
    .show = address_show_upstreams,
    .schema = address_schema_upstreams,
};
