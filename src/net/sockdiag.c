/* Asks the kernel who listens: sock_diag(7) dumps for TCP over IPv4 and IPv6 and for unix sockets, and
 * /proc/PID/fd for who holds them. */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/memory.h"

#include "net/sockdiag.h"

enum { REPLY_SIZE = 32768, LISTEN_STATE = 10 /* TCP_LISTEN of the kernel, for unix sockets too */ };

struct search {
    const struct address *wanted; /* NULL: every TCP address */
    struct stat path;             /* unix: what is at the wanted path now */
    struct sockdiag_listener *found;
    int most;
    int count;
};

typedef void each_fn(struct search *search, const void *reply, size_t size);

static void add(struct search *search, uint64_t inode, uid_t uid, const struct address *address)
{
    if (search->count < search->most)
        search->found[search->count++] =
            (struct sockdiag_listener){.inode = inode, .uid = uid, .address = *address};
}

/* --- netlink -------------------------------------------------------------------------------- */

/* The payload of attribute `type` behind a reply's fixed part of `fixed` bytes; NULL when it is not there or
 * shorter than `least`. */
static const void *attribute(const void *reply, size_t size, size_t fixed, int type, size_t *length)
{
    const char *bytes = reply;
    for (size_t at = NLMSG_ALIGN(fixed); at + NLA_HDRLEN <= size;) {
        struct nlattr header;
        memcpy(&header, bytes + at, sizeof header);
        if (header.nla_len < NLA_HDRLEN || header.nla_len > size - at)
            return NULL;
        if (header.nla_type == type) {
            *length = header.nla_len - (size_t)NLA_HDRLEN;
            return bytes + at + NLA_HDRLEN;
        }
        at += NLA_ALIGN(header.nla_len);
    }
    return NULL;
}

/* One datagram of a dump. 1: more follows; 0: that was all; or -errno. */
static int take_replies(const char *bytes, size_t size, each_fn *each, struct search *search)
{
    for (size_t at = 0; at + NLMSG_HDRLEN <= size;) {
        struct nlmsghdr header;
        memcpy(&header, bytes + at, sizeof header);
        if (header.nlmsg_len < NLMSG_HDRLEN || header.nlmsg_len > size - at)
            return -EBADMSG;
        const char *payload = bytes + at + NLMSG_HDRLEN;
        size_t length = header.nlmsg_len - NLMSG_HDRLEN;
        if (header.nlmsg_type == NLMSG_DONE)
            return 0;
        if (header.nlmsg_type == NLMSG_ERROR) {
            int error = -EBADMSG;
            if (length >= sizeof error)
                memcpy(&error, payload, sizeof error);
            return error;
        }
        if (header.nlmsg_type == SOCK_DIAG_BY_FAMILY)
            each(search, payload, length);
        at += NLMSG_ALIGN(header.nlmsg_len);
    }
    return 1;
}

static int receive_dump(int fd, each_fn *each, struct search *search)
{
    char *bytes = memory_new(REPLY_SIZE);
    int outcome = 1;
    while (outcome > 0) {
        ssize_t size = recv(fd, bytes, REPLY_SIZE, 0);
        if (size > 0)
            outcome = take_replies(bytes, (size_t)size, each, search);
        else if (size == 0 || errno != EINTR)
            outcome = size == 0 ? -EPIPE : -errno;
    }
    free(bytes);
    return outcome;
}

/* `request` begins with its nlmsghdr. 0 or -errno; a kind of socket that this kernel does not know has no
 * listeners. */
static int dump(const void *request, size_t size, each_fn *each, struct search *search)
{
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
    if (fd < 0)
        return -errno;
    int error = send(fd, request, size, 0) < 0 ? -errno : receive_dump(fd, each, search);
    close(fd);
    return error == -ENOENT || error == -EOPNOTSUPP || error == -EPROTONOSUPPORT ? 0 : error;
}

/* --- TCP ------------------------------------------------------------------------------------ */

static bool same_v6(const struct address *a, const struct address *b)
{
    return memcmp(&a->v6.sin6_addr, &b->v6.sin6_addr, sizeof a->v6.sin6_addr) == 0;
}

/* bind(2) of an IPv6 address takes IPv6 only (net/listener.h); another program's IPv6 listener may take IPv4
 * too: at [::] everything, at ::ffff:a.b.c.d that address. */
static bool overlaps(const struct address *wanted, const struct address *listener, bool v6_only)
{
    if (address_port(wanted) != address_port(listener))
        return false;
    bool any = address_is_wildcard(wanted) || address_is_wildcard(listener);
    bool wanted_is_v6 = wanted->any.sa_family == AF_INET6;
    if (listener->any.sa_family == AF_INET)
        return !wanted_is_v6 && (any || wanted->v4.sin_addr.s_addr == listener->v4.sin_addr.s_addr);
    if (wanted_is_v6)
        return any || same_v6(wanted, listener);
    if (v6_only)
        return false;
    if (address_is_wildcard(listener))
        return true;
    const struct in6_addr *v6 = &listener->v6.sin6_addr;
    return IN6_IS_ADDR_V4MAPPED(v6) &&
           (address_is_wildcard(wanted) || memcmp(&v6->s6_addr[12], &wanted->v4.sin_addr.s_addr, 4) == 0);
}

static struct address inet_address(const struct inet_diag_msg *reply)
{
    struct address address = {0};
    if (reply->idiag_family == AF_INET6) {
        address.size = sizeof address.v6;
        address.v6.sin6_family = AF_INET6;
        address.v6.sin6_port = reply->id.idiag_sport;
        memcpy(&address.v6.sin6_addr, reply->id.idiag_src, sizeof address.v6.sin6_addr);
    } else {
        address.size = sizeof address.v4;
        address.v4.sin_family = AF_INET;
        address.v4.sin_port = reply->id.idiag_sport;
        memcpy(&address.v4.sin_addr, reply->id.idiag_src, sizeof address.v4.sin_addr);
    }
    return address;
}

static void each_inet(struct search *search, const void *bytes, size_t size)
{
    struct inet_diag_msg reply;
    if (size < sizeof reply)
        return;
    memcpy(&reply, bytes, sizeof reply);
    if (reply.idiag_state != LISTEN_STATE)
        return;
    size_t length = 0;
    const char *v6_only = attribute(bytes, size, sizeof reply, INET_DIAG_SKV6ONLY, &length);
    struct address address = inet_address(&reply);
    if (!search->wanted || overlaps(search->wanted, &address, v6_only && length > 0 && *v6_only))
        add(search, reply.idiag_inode, reply.idiag_uid, &address);
}

static int dump_inet(int family, struct search *search)
{
    struct {
        struct nlmsghdr header;
        struct inet_diag_req_v2 request;
    } ask = {
        .header = {.nlmsg_len = sizeof ask,
                   .nlmsg_type = SOCK_DIAG_BY_FAMILY,
                   .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
        .request = {.sdiag_family = (uint8_t)family,
                    .sdiag_protocol = IPPROTO_TCP,
                    .idiag_states = 1u << LISTEN_STATE},
    };
    if (search->wanted)
        ask.request.id.idiag_sport = htons(address_port(search->wanted));
    return dump(&ask, sizeof ask, each_inet, search);
}

/* An IPv6 listener may take IPv4 too, so both families are asked whichever is wanted. Multipath TCP needs no
 * asking: the TCP socket beneath shows with the inode of the one that its process has open. */
static int search_inet(struct search *search)
{
    int error = dump_inet(AF_INET, search);
    if (!error)
        error = dump_inet(AF_INET6, search);
    return error ? error : search->count;
}

/* --- unix ----------------------------------------------------------------------------------- */

/* By the socket's inode, since one path has many spellings; by name too where stat(2) names another device
 * than the kernel does (btrfs). The kernel tells 32 bits of both numbers. */
static bool is_at_path(const struct search *search, const struct unix_diag_vfs *vfs, struct slice name)
{
    if (vfs->udiag_vfs_ino != (uint32_t)search->path.st_ino)
        return false;
    bool same_device = vfs->udiag_vfs_dev >> 20 == major(search->path.st_dev) &&
                       (vfs->udiag_vfs_dev & 0xfffff) == minor(search->path.st_dev);
    struct slice wanted = slice_of_text(search->wanted->local.sun_path);
    return same_device || slice_equal(slice_between(name, 0, slice_find(name, 0)), wanted);
}

static void each_unix(struct search *search, const void *bytes, size_t size)
{
    struct unix_diag_msg reply;
    struct unix_diag_vfs vfs;
    uint32_t uid = 0;
    size_t length;
    if (size < sizeof reply)
        return;
    memcpy(&reply, bytes, sizeof reply);
    const void *found = attribute(bytes, size, sizeof reply, UNIX_DIAG_VFS, &length);
    if (!found || length < sizeof vfs)
        return; /* not bound to a path */
    memcpy(&vfs, found, sizeof vfs);
    const void *name = attribute(bytes, size, sizeof reply, UNIX_DIAG_NAME, &length);
    if (!is_at_path(search, &vfs, slice_of(name, name ? length : 0)))
        return;
    found = attribute(bytes, size, sizeof reply, UNIX_DIAG_UID, &length); /* since Linux 5.3 */
    if (found && length >= sizeof uid)
        memcpy(&uid, found, sizeof uid);
    add(search, reply.udiag_ino, uid, search->wanted);
}

static int search_unix(struct search *search)
{
    if (stat(search->wanted->local.sun_path, &search->path) || !S_ISSOCK(search->path.st_mode))
        return 0;
    struct {
        struct nlmsghdr header;
        struct unix_diag_req request;
    } ask = {
        .header = {.nlmsg_len = sizeof ask,
                   .nlmsg_type = SOCK_DIAG_BY_FAMILY,
                   .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
        .request = {.sdiag_family = AF_UNIX,
                    .udiag_states = 1u << LISTEN_STATE,
                    .udiag_show = UDIAG_SHOW_NAME | UDIAG_SHOW_VFS | UDIAG_SHOW_UID},
    };
    int error = dump(&ask, sizeof ask, each_unix, search);
    return error ? error : search->count;
}

int sockdiag_listeners(const struct address *wanted, struct sockdiag_listener *found, int most)
{
    struct search search = {.wanted = wanted, .found = found, .most = most};
    return wanted->any.sa_family == AF_UNIX ? search_unix(&search) : search_inet(&search);
}

int sockdiag_tcp_listeners(struct sockdiag_listener *found, int most)
{
    struct search search = {.found = found, .most = most};
    return search_inet(&search);
}

/* --- who holds it --------------------------------------------------------------------------- */

/* Reads one descriptor folder. A process that ends meanwhile, or that is not ours to look into, holds
 * nothing as far as we can see. */
static bool folder_has(int folder, const char *target)
{
    DIR *entries = fdopendir(folder);
    if (!entries) {
        close(folder);
        return false;
    }
    bool found = false;
    for (const struct dirent *entry; !found && (entry = readdir(entries));) {
        char text[64];
        ssize_t size = readlinkat(dirfd(entries), entry->d_name, text, sizeof text - 1);
        text[size > 0 ? size : 0] = 0;
        found = strcmp(text, target) == 0;
    }
    closedir(entries);
    return found;
}

static bool holds(const char *pid, const char *target)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%.20s/fd", pid);
    int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return folder >= 0 && folder_has(folder, target);
}

static void format_target(char *target, size_t size, uint64_t inode)
{
    snprintf(target, size, "socket:[%llu]", (unsigned long long)inode);
}

int sockdiag_holders(uint64_t inode, pid_t *pids, int most)
{
    char target[64];
    format_target(target, sizeof target, inode);
    DIR *processes = opendir("/proc");
    if (!processes)
        return 0;
    int count = 0;
    for (const struct dirent *entry; count < most && (entry = readdir(processes));) {
        if (isdigit((unsigned char)entry->d_name[0]) && holds(entry->d_name, target))
            pids[count++] = (pid_t)strtol(entry->d_name, NULL, 10);
    }
    closedir(processes);
    return count;
}

bool sockdiag_holds(pid_t pid, uint64_t inode)
{
    char text[32], target[64];
    snprintf(text, sizeof text, "%d", (int)pid);
    format_target(target, sizeof target, inode);
    return holds(text, target);
}
