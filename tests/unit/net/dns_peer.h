/* A name server of the tests' own on loopback: it answers what the test says, when the test lets it. */
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include "../support.h"

#include "net/address.h"

enum { DNS_OK = 0, DNS_SERVFAIL = 2, DNS_NXDOMAIN = 3, DNS_TYPE_A = 1, DNS_SIZE = 512, DNS_ADDRESSES = 4 };

struct dns_peer {
    int fd;
    char servers[64];           /* for settings: "127.0.0.1:PORT" */
    const char *host;           /* that it knows; every other one is NXDOMAIN */
    uint32_t v4[DNS_ADDRESSES]; /* in host byte order */
    size_t count;
    uint32_t ttl;
    int code;  /* of answers for `host` */
    bool mute; /* questions are read and not answered */
    int asked; /* questions for the A records of `host`; one that is repeated counts once */
    int last_id;
};

static inline struct dns_peer dns_peer_make(const char *host)
{
    struct dns_peer peer = {.host = host, .ttl = 60};
    struct sockaddr_in own = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof own;
    peer.fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_true(peer.fd >= 0);
    assert_int_equal(bind(peer.fd, (struct sockaddr *)&own, size), 0);
    assert_int_equal(getsockname(peer.fd, (struct sockaddr *)&own, &size), 0);
    snprintf(peer.servers, sizeof peer.servers, "127.0.0.1:%u", ntohs(own.sin_port));
    return peer;
}

static inline void dns_put(uint8_t **at, uint32_t value, int bytes)
{
    for (int i = bytes - 1; i >= 0; i--)
        *(*at)++ = (uint8_t)(value >> (8 * i));
}

/* The question's name into `host`; returns the offset behind it. */
static inline size_t dns_name(const uint8_t *query, size_t size, char *host)
{
    size_t at = 12, out = 0;
    while (at < size && query[at] && at + query[at] + 1u < size && out < 250) {
        if (out)
            host[out++] = '.';
        memcpy(host + out, query + at + 1, query[at]);
        out += query[at];
        at += query[at] + 1u;
    }
    host[out] = '\0';
    return at + 1;
}

/* Reads and answers what has come. */
static inline void dns_turn(struct dns_peer *peer)
{
    uint8_t query[DNS_SIZE], answer[2 * DNS_SIZE];
    struct sockaddr_in from;
    socklen_t from_size = sizeof from;
    ssize_t got;
    while ((got = recvfrom(peer->fd, query, sizeof query, 0, (struct sockaddr *)&from, &from_size)) > 12) {
        char host[256];
        size_t end = dns_name(query, (size_t)got, host) + 4;
        bool known = strcmp(host, peer->host) == 0, a = query[end - 3] == DNS_TYPE_A;
        int code = known ? peer->code : DNS_NXDOMAIN;
        size_t count = known && a && code == DNS_OK ? peer->count : 0;
        int id = query[0] << 8 | query[1];
        peer->asked += known && a && (peer->asked == 0 || id != peer->last_id);
        if (known && a)
            peer->last_id = id;
        if (peer->mute)
            continue;
        uint8_t *at = answer;
        memcpy(answer, query, end);
        at += 2;
        dns_put(&at, 0x8180u | (unsigned)code, 2);
        dns_put(&at, 1, 2);
        dns_put(&at, (uint32_t)count, 2);
        dns_put(&at, 0, 4);
        at = answer + end;
        for (size_t i = 0; i < count; i++) {
            dns_put(&at, 0xc00c, 2);
            dns_put(&at, DNS_TYPE_A, 2);
            dns_put(&at, 1, 2);
            dns_put(&at, peer->ttl, 4);
            dns_put(&at, 4, 2);
            dns_put(&at, peer->v4[i], 4);
        }
        sendto(peer->fd, answer, (size_t)(at - answer), 0, (struct sockaddr *)&from, from_size);
    }
}
