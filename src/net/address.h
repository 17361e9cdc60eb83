/* Socket addresses as users write them: "host:port" | "[v6]:port" | "unix:/path" (contract §1); and host
 * names with a port, which become socket addresses when they are looked up (net/resolver.h). */
#pragma once

#include <sys/socket.h>
#include <sys/un.h>
#include <netinet/in.h>

#include "base/error.h"
#include "base/slice.h"

enum {
    ADDRESS_HOST_SIZE = 104, /* longer names are refused by the configuration */
    ADDRESS_NAME = 0x7e00,   /* the family of a name: none of the kernel's */
};

struct address_name {
    sa_family_t family;
    in_port_t port;
    char host[ADDRESS_HOST_SIZE]; /* lower case */
};

struct address {
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
        struct sockaddr_un local;
        struct address_name named;
    };
    socklen_t size;
};

enum { ADDRESS_TEXT_SIZE = 128 };

/* Numeric hosts, "localhost" (127.0.0.1) and absolute unix paths; no look-up, no scope identifiers. Port 0 is
 * accepted (the kernel picks). False with the text of what is wrong. */
bool address_parse(struct slice text, struct address *address, struct error *error);
/* The same, and host names: of upstreams. */
bool address_parse_upstream(struct slice text, struct address *address, struct error *error);
bool address_is_name(const struct address *address);
/* The port of `from`. */
void address_set_port(struct address *address, const struct address *from);
/* The spelling that address_parse() reads, into text[ADDRESS_TEXT_SIZE]; returns text. A unix peer without a
 * path is "unix". */
char *address_format(const struct address *address, char *text);
/* Without port and brackets, an IPv4 address mapped into IPv6 as IPv4; for X-Forwarded-For. Returns text. A
 * unix peer is "unix". */
char *address_format_host(const struct address *address, char *text);
bool address_equal(const struct address *a, const struct address *b);
/* Loopback IP, or a unix socket. */
bool address_is_local(const struct address *address);
/* 0.0.0.0 or [::]. */
bool address_is_wildcard(const struct address *address);
/* In host byte order; 0 for unix. */
uint16_t address_port(const struct address *address);
/* Where socket `fd` is bound (getsockname(2)). 0 or -errno. */
int address_of_socket(int fd, struct address *address);
