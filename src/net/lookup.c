/* c-ares has the sockets, the loop watches them. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <ares.h>

#include "base/check.h"
#include "base/list.h"
#include "base/memory.h"

#include "net/lookup.h"

enum { TRY_MS = 1500, TRIES = 2, TROUBLE_SIZE = 512 };

static const char resolv_conf[] = "/etc/resolv.conf";

struct lookup {
    struct loop *loop;
    char *servers;
    ares_channel channel; /* NULL: none could be made */
    struct list sockets;
    struct loop_timer timer;
    size_t asked;         /* questions under way */
    struct timespec read; /* when the file had changed last that the channel was made from */
    bool ending;
};

struct lookup_socket {
    struct list link;
    struct loop_fd watch;
    struct lookup *lookup;
};

struct lookup_question {
    struct lookup *lookup;
    char *name;
    lookup_fn *on_answer;
    void *owner;
};

/* --- sockets and time --------------------------------------------------------------------------------- */

static void on_due(struct loop_timer *timer);

static void arm(struct lookup *lookup)
{
    struct timeval left;
    loop_timer_stop(&lookup->timer);
    if (lookup->asked > 0 && lookup->channel && ares_timeout(lookup->channel, NULL, &left))
        loop_timer_start(lookup->loop, &lookup->timer, left.tv_sec * 1000 + left.tv_usec / 1000 + 1, on_due);
}

static void process(struct lookup *lookup, ares_socket_t readable, ares_socket_t writable)
{
    ares_process_fd(lookup->channel, readable, writable);
    arm(lookup);
}

static void on_due(struct loop_timer *timer)
{
    process(LIST_ENTRY(timer, struct lookup, timer), ARES_SOCKET_BAD, ARES_SOCKET_BAD);
}

static void on_ready(struct loop_fd *watch, uint32_t events)
{
    const struct lookup_socket *socket = LIST_ENTRY(watch, struct lookup_socket, watch);
    int fd = watch->fd;
    bool out = events & (EPOLLOUT | EPOLLERR | EPOLLHUP), in = events & (EPOLLIN | EPOLLERR | EPOLLHUP);
    process(socket->lookup, in ? fd : ARES_SOCKET_BAD, out ? fd : ARES_SOCKET_BAD);
}

static struct lookup_socket *find_socket(struct lookup *lookup, int fd)
{
    LIST_FOR_EACH(link, &lookup->sockets)
    {
        struct lookup_socket *socket = LIST_ENTRY(link, struct lookup_socket, link);
        if (socket->watch.fd == fd)
            return socket;
    }
    return NULL;
}

/* ARES_OPT_SOCK_STATE_CB of ares_init_options(3): neither wanted means that it is closed right after. */
static void on_socket(void *owner, ares_socket_t fd, int readable, int writable)
{
    struct lookup *lookup = owner;
    struct lookup_socket *socket = find_socket(lookup, fd);
    uint32_t events = LOOP_LEVEL | (readable ? EPOLLIN : 0u) | (writable ? EPOLLOUT : 0u);
    if (!readable && !writable) {
        if (!socket)
            return;
        loop_fd_stop(&socket->watch);
        list_remove(&socket->link);
        loop_free_later(lookup->loop, socket, free);
    } else if (socket) {
        loop_fd_change(&socket->watch, events);
    } else {
        socket = MEMORY_NEW(struct lookup_socket);
        socket->lookup = lookup;
        list_append(&lookup->sockets, &socket->link);
        loop_fd_start(lookup->loop, &socket->watch, fd, events, on_ready); /* else time runs out */
    }
}

/* --- who is asked -------------------------------------------------------------------------------------- */

char *lookup_servers(const struct lookup *lookup, char *text)
{
    struct ares_addr_port_node *servers = NULL;
    size_t size = 0;
    snprintf(text, ADDRESS_TEXT_SIZE, "no name server");
    if (!lookup->channel || ares_get_servers_ports(lookup->channel, &servers) != ARES_SUCCESS)
        return text;
    for (const struct ares_addr_port_node *at = servers; at && size < ADDRESS_TEXT_SIZE / 2; at = at->next) {
        struct address address = {0};
        char host[ADDRESS_TEXT_SIZE];
        address.any.sa_family = (sa_family_t)at->family;
        if (at->family == AF_INET)
            address.v4.sin_addr = at->addr.addr4;
        else
            memcpy(&address.v6.sin6_addr, &at->addr.addr6, sizeof address.v6.sin6_addr);
        size += (size_t)snprintf(text + size, ADDRESS_TEXT_SIZE - size, "%s%s", size ? ", " : "",
                                 address_format_host(&address, host));
    }
    if (servers)
        ares_free_data(servers);
    return text;
}

static void open_channel(struct lookup *lookup)
{
    struct ares_options options = {.timeout = TRY_MS, .tries = TRIES, .sock_state_cb = on_socket};
    options.sock_state_cb_data = lookup;
    struct stat about;
    if (stat(resolv_conf, &about) == 0)
        lookup->read = about.st_mtim;
    if (ares_init_options(&lookup->channel, &options,
                          ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB) != ARES_SUCCESS)
        lookup->channel = NULL;
    else if (lookup->servers)
        CHECK(ares_set_servers_ports_csv(lookup->channel, lookup->servers) == ARES_SUCCESS);
}

static void close_channel(struct lookup *lookup)
{
    if (lookup->channel)
        ares_destroy(lookup->channel);
    lookup->channel = NULL;
}

/* A laptop has moved to another network, or the file has come at last. */
static void refresh_channel(struct lookup *lookup)
{
    struct stat about;
    bool changed =
        !lookup->servers && stat(resolv_conf, &about) == 0 &&
        (about.st_mtim.tv_sec != lookup->read.tv_sec || about.st_mtim.tv_nsec != lookup->read.tv_nsec);
    if (lookup->asked > 0 || (lookup->channel && !changed))
        return;
    close_channel(lookup);
    open_channel(lookup);
}

/* --- answers ---------------------------------------------------------------------------------------------
 */

static const char *words(int status)
{
    switch (status) {
    case ARES_ENOTFOUND:
        return "NXDOMAIN";
    case ARES_ENODATA:
        return "neither A nor AAAA";
    case ARES_ETIMEOUT:
        return "no answer";
    case ARES_ECONNREFUSED: /* also where each of them has said SERVFAIL, NOTIMP or REFUSED */
        return "no usable answer";
    default:
        return ares_strerror(status);
    }
}

static void put_trouble(const struct lookup_question *question, int status, char *text)
{
    char servers[ADDRESS_TEXT_SIZE];
    bool none = status == ARES_ENOTFOUND || status == ARES_ENODATA;
    bool blind = !question->lookup->servers && access(resolv_conf, R_OK) < 0;
    int error = errno;
    snprintf(text, TROUBLE_SIZE, "%s %s (%s from resolver %s%s%s%s%s)", question->name,
             none ? "has no address" : "could not be looked up", words(status),
             lookup_servers(question->lookup, servers), blind ? "; " : "", blind ? resolv_conf : "",
             blind ? " cannot be read: " : "", blind ? strerror(error) : "");
}

static void take_addresses(const struct ares_addrinfo *found, struct lookup_answer *answer)
{
    answer->ttl_s = INT32_MAX;
    for (const struct ares_addrinfo_node *node = found->nodes; node; node = node->ai_next) {
        if (node->ai_ttl < answer->ttl_s)
            answer->ttl_s = node->ai_ttl;
        if (answer->count == RESOLVER_ADDRESSES_MOST || node->ai_addrlen > sizeof answer->addresses[0].local)
            continue;
        struct address *address = &answer->addresses[answer->count++];
        memcpy(&address->any, node->ai_addr, node->ai_addrlen);
        address->size = node->ai_addrlen;
    }
}

static void on_answer(void *owner, int status, int timeouts, struct ares_addrinfo *found)
{
    struct lookup_question *question = owner;
    struct lookup_answer answer = {.verdict = LOOKUP_FAILED};
    char trouble[TROUBLE_SIZE];
    (void)timeouts;
    if (status == ARES_SUCCESS)
        take_addresses(found, &answer);
    if (answer.count > 0) {
        answer.verdict = LOOKUP_FOUND;
    } else {
        if (status == ARES_SUCCESS)
            status = ARES_ENODATA;
        answer.verdict = status == ARES_ENOTFOUND || status == ARES_ENODATA ? LOOKUP_NONE : LOOKUP_FAILED;
        put_trouble(question, status, trouble);
        answer.trouble = trouble;
    }
    if (found)
        ares_freeaddrinfo(found);
    question->lookup->asked--;
    if (!question->lookup->ending)
        question->on_answer(question->owner, &answer);
    free(question->name);
    free(question);
}

/* "localhost" and whatever is below it. */
static bool is_localhost(const char *name)
{
    static const char localhost[] = "localhost";
    size_t size = strlen(name), own = sizeof localhost - 1;
    return size >= own && strcmp(name + size - own, localhost) == 0 &&
           (size == own || name[size - own - 1] == '.');
}

static void answer_localhost(lookup_fn *on_done, void *owner)
{
    struct lookup_answer answer = {.verdict = LOOKUP_FOUND, .count = 2, .ttl_s = INT32_MAX};
    CHECK(address_parse(SLICE("127.0.0.1:0"), &answer.addresses[0], NULL) &&
          address_parse(SLICE("[::1]:0"), &answer.addresses[1], NULL));
    on_done(owner, &answer);
}

void lookup_ask(struct lookup *lookup, const char *name, lookup_fn *on_done, void *owner)
{
    const struct ares_addrinfo_hints hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    if (is_localhost(name)) {
        answer_localhost(on_done, owner);
        return;
    }
    struct lookup_question *question = MEMORY_NEW(struct lookup_question);
    *question = (struct lookup_question){lookup, memory_text(name), on_done, owner};
    refresh_channel(lookup);
    lookup->asked++;
    if (lookup->channel)
        ares_getaddrinfo(lookup->channel, name, NULL, &hints, on_answer, question);
    else
        on_answer(question, ARES_ENOTINITIALIZED, 0, NULL);
    arm(lookup);
}

/* --- life ------------------------------------------------------------------------------------------------
 */

struct lookup *lookup_new(struct loop *loop, const char *servers)
{
    struct lookup *lookup = MEMORY_NEW(struct lookup);
    lookup->loop = loop;
    lookup->servers = memory_text(servers);
    list_init(&lookup->sockets);
    ares_library_init(ARES_LIB_INIT_ALL);
    return lookup;
}

void lookup_free(struct lookup **where)
{
    struct lookup *lookup = *where;
    *where = NULL;
    if (!lookup)
        return;
    lookup->ending = true;
    close_channel(lookup);
    CHECK(list_empty(&lookup->sockets) && lookup->asked == 0);
    loop_timer_stop(&lookup->timer);
    ares_library_cleanup();
    free(lookup->servers);
    free(lookup);
}
