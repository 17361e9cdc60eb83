/* An IPv4 address that came over an IPv6 listener (::ffff:10.0.0.7) is the IPv4 address. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

#include "admit/trusted.h"

enum { NETWORK_TEXT = 64 };

struct network {
    int family; /* AF_INET, AF_INET6 or AF_UNIX */
    unsigned bits;
    uint8_t address[16];
};

struct trusted {
    struct network *networks;
    size_t count;
};

static bool network_read(const char *text, struct network *network)
{
    char address[NETWORK_TEXT];
    const char *slash = strchr(text, '/');
    size_t size = slash ? (size_t)(slash - text) : strlen(text);
    if (strcmp(text, "unix") == 0) {
        network->family = AF_UNIX;
        return true;
    }
    if (size == 0 || size >= sizeof address)
        return false;
    memcpy(address, text, size);
    address[size] = '\0';
    network->family = strchr(address, ':') ? AF_INET6 : AF_INET;
    unsigned most = network->family == AF_INET6 ? 128 : 32;
    uint64_t bits = most;
    if (inet_pton(network->family, address, network->address) != 1)
        return false;
    if (slash && (!slice_to_u64(slice_of_text(slash + 1), &bits) || bits > most))
        return false;
    network->bits = (unsigned)bits;
    return true;
}

struct trusted *trusted_new(const char *const *networks, struct error *error)
{
    struct trusted *trusted = MEMORY_NEW(struct trusted);
    size_t count = 0;
    while (networks[count])
        count++;
    trusted->networks = MEMORY_ARRAY(struct network, count + 1);
    for (size_t i = 0; i < count; i++) {
        if (!network_read(networks[i], &trusted->networks[i])) {
            error_set(error, "\"%s\" is no address and no network such as 10.0.0.0/8", networks[i]);
            trusted_free(&trusted);
            return NULL;
        }
        trusted->count++;
    }
    return trusted;
}

static bool same_bits(const uint8_t *a, const uint8_t *b, unsigned bits)
{
    unsigned whole = bits / 8, rest = bits % 8;
    if (memcmp(a, b, whole) != 0)
        return false;
    return rest == 0 || ((a[whole] ^ b[whole]) >> (8 - rest)) == 0;
}

bool trusted_has(const struct trusted *trusted, const struct address *peer)
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    const uint8_t *bytes = (const uint8_t *)&peer->v4.sin_addr;
    int family = peer->any.sa_family;
    if (family == AF_INET6) {
        bytes = peer->v6.sin6_addr.s6_addr;
        if (memcmp(bytes, mapped, sizeof mapped) == 0) {
            family = AF_INET;
            bytes += sizeof mapped;
        }
    }
    for (size_t i = 0; i < trusted->count; i++) {
        const struct network *network = &trusted->networks[i];
        if (network->family == family &&
            (family == AF_UNIX || same_bits(network->address, bytes, network->bits)))
            return true;
    }
    return false;
}

static struct slice last_element(const struct fields *fields, enum field_id id)
{
    struct slice value, element, last = {0};
    size_t place = 0;
    while (fields_each(fields, id, &place, &value))
        while (fields_list_next(&value, &element))
            last = element;
    return last;
}

bool trusted_says_secure(const struct fields *fields)
{
    struct slice proto = last_element(fields, FIELD_X_FORWARDED_PROTO), part;
    if (proto.data)
        return slice_equal_ignore_case(proto, SLICE("https")) || slice_equal_ignore_case(proto, SLICE("wss"));
    struct slice element = last_element(fields, FIELD_FORWARDED);
    while (element.data && slice_next(&element, ';', &part)) {
        part = slice_trim(part);
        if (slice_equal_ignore_case(part, SLICE("proto=https")) ||
            slice_equal_ignore_case(part, SLICE("proto=\"https\"")))
            return true;
    }
    return false;
}

/* --- who the client is ----------------------------------------------------------------------------- */

/* "192.0.2.7", "192.0.2.7:99", "2001:db8::7", "[2001:db8::7]:99" */
static bool read_address(struct slice text, struct address *address)
{
    char with_port[ADDRESS_TEXT_SIZE];
    size_t colon = slice_find(text, ':');
    bool bracketed = text.size > 0 && text.data[0] == '[';
    bool bare = !bracketed && colon < text.size &&
                slice_find(slice_from(text, colon + 1), ':') < text.size - colon - 1;
    if (bracketed)
        text = slice_between(text, 0, slice_find(text, ']') + 1);
    else if (!bare)
        text = slice_between(text, 0, colon);
    if (text.size == 0 || text.size + 8 > sizeof with_port)
        return false;
    snprintf(with_port, sizeof with_port, bare ? "[" SLICE_FORMAT "]:0" : SLICE_FORMAT ":0",
             SLICE_ARGUMENTS(text));
    return address_parse(slice_of_text(with_port), address, NULL) && address->any.sa_family != AF_UNIX;
}

/* The address in one element of Forwarded (RFC 7239 §6). */
static struct slice forwarded_for(struct slice element)
{
    struct slice part, name = SLICE("for=");
    while (slice_next(&element, ';', &part)) {
        part = slice_trim(part);
        if (!slice_equal_ignore_case(slice_between(part, 0, name.size), name))
            continue;
        part = slice_from(part, name.size);
        bool quoted = part.size >= 2 && part.data[0] == '"' && part.data[part.size - 1] == '"';
        return quoted ? slice_between(part, 1, part.size - 1) : part;
    }
    return (struct slice){0};
}

/* From left to right, so that the last stranger stays; what cannot be read hides who was before it. */
struct chain {
    struct address stranger, proxy;
    bool has_stranger, has_proxy;
};

static void chain_add(struct chain *chain, const struct trusted *trusted, struct slice text)
{
    struct address address;
    if (!read_address(text, &address)) {
        chain->has_stranger = chain->has_proxy = false;
    } else if (!trusted_has(trusted, &address)) {
        chain->stranger = address;
        chain->has_stranger = true;
    } else if (!chain->has_proxy) {
        chain->proxy = address;
        chain->has_proxy = true;
    }
}

bool trusted_client(const struct trusted *trusted, const struct fields *fields, struct address *client)
{
    enum field_id id = fields_has(fields, FIELD_X_FORWARDED_FOR) ? FIELD_X_FORWARDED_FOR : FIELD_FORWARDED;
    struct chain chain = {0};
    struct slice value, element;
    size_t place = 0;
    while (fields_each(fields, id, &place, &value))
        while (fields_list_next(&value, &element))
            chain_add(&chain, trusted, id == FIELD_FORWARDED ? forwarded_for(element) : element);
    *client = chain.has_stranger ? chain.stranger : chain.proxy;
    return chain.has_stranger || chain.has_proxy;
}

void trusted_free(struct trusted **trusted)
{
    if (!*trusted)
        return;
    free((*trusted)->networks);
    free(*trusted);
    *trusted = NULL;
}
