/* Socket addresses as users write them: "host:port" | "[v6]:port" | "unix:/path" (contract §1). */
#pragma once

#include <sys/socket.h>
#include <sys/un.h>
#include <netinet/in.h>

#include "base/error.h"
#include "base/slice.h"

struct address {
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
        struct sockaddr_un local;
    };
    socklen_t size;
};

enum { ADDRESS_TEXT_SIZE = 128 };

/* Numeric hosts, "localhost" (127.0.0.1) and unix paths; no look-up. False with the text of what is wrong. */
bool address_parse(struct slice text, struct address *address, struct error *error);
/* The spelling that address_parse() reads, into text[ADDRESS_TEXT_SIZE]; returns text. */
char *address_format(const struct address *address, char *text);
/* Without the port; for X-Forwarded-For. Returns text. An unix peer is "unix". */
char *address_format_host(const struct address *address, char *text);
bool address_equal(const struct address *a, const struct address *b);
/* Loopback IP, or a unix socket. */
bool address_is_local(const struct address *address);
