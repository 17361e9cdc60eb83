/* Socket addresses and their one spelling. No look-up: a name that resolves differently tomorrow has no
 * place where a port is taken or a peer is judged. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "net/address.h"

static const char expected[] = "expected host:port, [v6]:port or unix:/path";

static bool parse_unix(struct slice path, struct address *address, struct error *error)
{
    if (path.size == 0 || path.data[0] != '/')
        return error_set(error, "unix:" SLICE_FORMAT ": the path of a unix socket starts with /",
                         SLICE_ARGUMENTS(path));
    if (path.size >= sizeof address->local.sun_path)
        return error_set(error, "unix:" SLICE_FORMAT ": the path is %zu bytes long, at most %zu are possible",
                         SLICE_ARGUMENTS(path), path.size, sizeof address->local.sun_path - 1);
    if (memchr(path.data, 0, path.size))
        return error_set(error, "a path cannot contain a NUL byte");
    address->local.sun_family = AF_UNIX;
    memcpy(address->local.sun_path, path.data, path.size);
    address->size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + path.size + 1);
    return true;
}

static bool parse_port(struct slice text, in_port_t *port)
{
    uint64_t number;
    if (text.size > 5 || !slice_to_u64(text, &number) || number > 65535)
        return false;
    *port = htons((uint16_t)number);
    return true;
}

/* inet_pton(3) wants a C string; no numeric host is longer than INET6_ADDRSTRLEN. */
static bool parse_host(struct slice host, int family, void *binary)
{
    char text[INET6_ADDRSTRLEN];
    if (host.size >= sizeof text || memchr(host.data, 0, host.size))
        return false;
    memcpy(text, host.data, host.size);
    text[host.size] = 0;
    return inet_pton(family, text, binary) == 1;
}

static bool parse_v6(struct slice text, struct address *address, struct error *error)
{
    size_t close = slice_find(text, ']');
    if (close + 1 >= text.size || text.data[close + 1] != ':')
        return error_set(error, SLICE_FORMAT ": no port after ]; %s", SLICE_ARGUMENTS(text), expected);
    address->v6.sin6_family = AF_INET6;
    address->size = sizeof address->v6;
    if (!parse_host(slice_between(text, 1, close), AF_INET6, &address->v6.sin6_addr))
        return error_set(error, SLICE_FORMAT ": not an IPv6 address between [ and ]", SLICE_ARGUMENTS(text));
    if (!parse_port(slice_from(text, close + 2), &address->v6.sin6_port))
        return error_set(error, SLICE_FORMAT ": the port is a number from 0 to 65535", SLICE_ARGUMENTS(text));
    return true;
}

static bool parse_v4(struct slice text, struct address *address, struct error *error)
{
    size_t colon = slice_find(text, ':');
    struct slice host = slice_between(text, 0, colon), port = slice_from(text, colon + 1);
    if (colon == text.size)
        return error_set(error, SLICE_FORMAT ": no port; %s", SLICE_ARGUMENTS(text), expected);
    if (slice_find(port, ':') != port.size)
        return error_set(error, SLICE_FORMAT ": an IPv6 address stands in brackets: [::1]:8080",
                         SLICE_ARGUMENTS(text));
    if (host.size == 0)
        return error_set(error, SLICE_FORMAT ": no host; 0.0.0.0:" SLICE_FORMAT " means every IPv4 address",
                         SLICE_ARGUMENTS(text), SLICE_ARGUMENTS(port));
    if (slice_equal_ignore_case(host, SLICE("localhost")))
        host = SLICE("127.0.0.1");
    address->v4.sin_family = AF_INET;
    address->size = sizeof address->v4;
    if (!parse_host(host, AF_INET, &address->v4.sin_addr))
        return error_set(error, SLICE_FORMAT ": the host is a numeric address or localhost",
                         SLICE_ARGUMENTS(text));
    if (!parse_port(port, &address->v4.sin_port))
        return error_set(error, SLICE_FORMAT ": the port is a number from 0 to 65535", SLICE_ARGUMENTS(text));
    return true;
}

bool address_parse(struct slice text, struct address *address, struct error *error)
{
    *address = (struct address){0};
    if (text.size == 0)
        return error_set(error, "empty address; %s", expected);
    if (slice_starts_with(text, SLICE("unix:")))
        return parse_unix(slice_from(text, 5), address, error);
    if (text.data[0] == '[')
        return parse_v6(text, address, error);
    return parse_v4(text, address, error);
}

static bool is_host(struct slice host)
{
    bool letters = false;
    for (size_t i = 0; i < host.size; i++) {
        char c = host.data[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'), digit = c >= '0' && c <= '9';
        if (!letter && !digit && c != '-' && c != '.' && c != '_')
            return false;
        letters |= letter;
    }
    return letters && host.size < ADDRESS_HOST_SIZE;
}

bool address_parse_upstream(struct slice text, struct address *address, struct error *error)
{
    if (address_parse(text, address, error))
        return true;
    size_t colon = slice_find(text, ':');
    struct slice host = slice_between(text, 0, colon);
    in_port_t port;
    if (!is_host(host) || colon == text.size || !parse_port(slice_from(text, colon + 1), &port))
        return false;
    *address =
        (struct address){.named = {.family = ADDRESS_NAME, .port = port}, .size = sizeof address->named};
    for (size_t i = 0; i < host.size; i++)
        address->named.host[i] =
            (char)(host.data[i] | (host.data[i] >= 'A' && host.data[i] <= 'Z' ? 0x20 : 0));
    return true;
}

bool address_is_name(const struct address *address)
{
    return address->any.sa_family == ADDRESS_NAME;
}

/* As inet_ntop(3), which goes through printf; every proxied request and every line of the access log has
 * one. */
static char *format_v4(const void *address, char *text)
{
    const uint8_t *octets = address;
    char *at = text;
    for (int i = 0; i < 4; i++) {
        if (octets[i] >= 100)
            *at++ = (char)('0' + octets[i] / 100);
        if (octets[i] >= 10)
            *at++ = (char)('0' + octets[i] / 10 % 10);
        *at++ = (char)('0' + octets[i] % 10);
        *at++ = '.';
    }
    at[-1] = '\0';
    return text;
}

char *address_format(const struct address *address, char *text)
{
    char host[INET6_ADDRSTRLEN];
    switch (address->any.sa_family) {
    case AF_INET:
        snprintf(text, ADDRESS_TEXT_SIZE, "%s:%u", format_v4(&address->v4.sin_addr, host),
                 ntohs(address->v4.sin_port));
        break;
    case AF_INET6:
        inet_ntop(AF_INET6, &address->v6.sin6_addr, host, sizeof host);
        snprintf(text, ADDRESS_TEXT_SIZE, "[%s]:%u", host, ntohs(address->v6.sin6_port));
        break;
    case ADDRESS_NAME:
        snprintf(text, ADDRESS_TEXT_SIZE, "%s:%u", address->named.host, ntohs(address->named.port));
        break;
    default:
        /* A peer that has not bound its end has no path; the field may lack its final NUL. */
        if (address->size <= offsetof(struct sockaddr_un, sun_path) || !address->local.sun_path[0])
            snprintf(text, ADDRESS_TEXT_SIZE, "unix");
        else
            snprintf(text, ADDRESS_TEXT_SIZE, "unix:%.*s", (int)sizeof address->local.sun_path,
                     address->local.sun_path);
    }
    return text;
}

char *address_format_host(const struct address *address, char *text)
{
    const struct in6_addr *v6 = &address->v6.sin6_addr;
    if (address->any.sa_family == AF_INET)
        format_v4(&address->v4.sin_addr, text);
    else if (address->any.sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(v6))
        format_v4(&v6->s6_addr[12], text);
    else if (address->any.sa_family == AF_INET6)
        inet_ntop(AF_INET6, v6, text, ADDRESS_TEXT_SIZE);
    else if (address_is_name(address))
        snprintf(text, ADDRESS_TEXT_SIZE, "%s", address->named.host);
    else
        snprintf(text, ADDRESS_TEXT_SIZE, "unix");
    return text;
}

bool address_equal(const struct address *a, const struct address *b)
{
    if (a->any.sa_family != b->any.sa_family)
        return false;
    switch (a->any.sa_family) {
    case AF_INET:
        return a->v4.sin_port == b->v4.sin_port && a->v4.sin_addr.s_addr == b->v4.sin_addr.s_addr;
    case AF_INET6:
        return a->v6.sin6_port == b->v6.sin6_port && a->v6.sin6_scope_id == b->v6.sin6_scope_id &&
               memcmp(&a->v6.sin6_addr, &b->v6.sin6_addr, sizeof a->v6.sin6_addr) == 0;
    case ADDRESS_NAME:
        return a->named.port == b->named.port && strcmp(a->named.host, b->named.host) == 0;
    default:
        return strncmp(a->local.sun_path, b->local.sun_path, sizeof a->local.sun_path) == 0;
    }
}

bool address_is_local(const struct address *address)
{
    const struct in6_addr *v6 = &address->v6.sin6_addr;
    switch (address->any.sa_family) {
    case AF_INET:
        return ntohl(address->v4.sin_addr.s_addr) >> 24 == 127;
    case AF_INET6:
        return IN6_IS_ADDR_LOOPBACK(v6) || (IN6_IS_ADDR_V4MAPPED(v6) && v6->s6_addr[12] == 127);
    case ADDRESS_NAME:
        return false;
    default:
        return true;
    }
}

bool address_is_wildcard(const struct address *address)
{
    switch (address->any.sa_family) {
    case AF_INET:
        return address->v4.sin_addr.s_addr == htonl(INADDR_ANY);
    case AF_INET6:
        return IN6_IS_ADDR_UNSPECIFIED(&address->v6.sin6_addr);
    default:
        return false;
    }
}

uint16_t address_port(const struct address *address)
{
    switch (address->any.sa_family) {
    case AF_INET:
        return ntohs(address->v4.sin_port);
    case AF_INET6:
        return ntohs(address->v6.sin6_port);
    case ADDRESS_NAME:
        return ntohs(address->named.port);
    default:
        return 0;
    }
}

void address_set_port(struct address *address, const struct address *from)
{
    in_port_t port = htons(address_port(from));
    if (address->any.sa_family == AF_INET)
        address->v4.sin_port = port;
    else if (address->any.sa_family == AF_INET6)
        address->v6.sin6_port = port;
}

int address_of_socket(int fd, struct address *address)
{
    *address = (struct address){.size = sizeof address->local};
    return getsockname(fd, &address->any, &address->size) ? -errno : 0;
}
