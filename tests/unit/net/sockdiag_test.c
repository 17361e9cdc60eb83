/* Real sockets of this process and of a child, seen through the kernel's eyes. */
#include "../support.h"

#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include "net/listener.h"
#include "net/sockdiag.h"

enum { MOST = 16 };

static uint64_t inode_of(int fd)
{
    struct stat status;
    assert_int_equal(fstat(fd, &status), 0);
    return status.st_ino;
}

static struct address parsed(const char *text)
{
    struct address address;
    assert_true(address_parse(slice_of_text(text), &address, NULL));
    return address;
}

/* The text with the port of `like`. */
static struct address with_port(const char *text, const struct address *like)
{
    struct address address = parsed(text);
    address.v4.sin_port = like->v4.sin_port; /* at the same place as sin6_port */
    return address;
}

static int bound(const char *text, struct address *address)
{
    *address = parsed(text);
    int fd = listener_bind(address);
    assert_true(fd >= 0);
    assert_int_equal(address_of_socket(fd, address), 0);
    return fd;
}

/* Listens where listener_bind() would not: IPv6 that takes IPv4 too, Multipath TCP. */
static int listen_raw(const char *text, int protocol, struct address *address)
{
    int off = 0;
    *address = parsed(text);
    int fd = socket(address->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, protocol);
    assert_true(fd >= 0);
    if (address->any.sa_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    assert_int_equal(bind(fd, &address->any, address->size), 0);
    assert_int_equal(listen(fd, 1), 0);
    assert_int_equal(address_of_socket(fd, address), 0);
    return fd;
}

/* How often the socket with `inode` is among those that would be in the way. */
static int in_the_way(const struct address *wanted, uint64_t inode)
{
    struct sockdiag_listener found[MOST];
    int count = sockdiag_listeners(wanted, found, MOST), times = 0;
    assert_in_range(count, 0, MOST);
    for (int i = 0; i < count; i++) {
        if (found[i].inode == inode) {
            times++;
            assert_int_equal(found[i].uid, getuid());
        }
    }
    return times;
}

static bool among_all(uint64_t inode)
{
    struct sockdiag_listener found[1024];
    int count = sockdiag_tcp_listeners(found, 1024);
    assert_in_range(count, 1, 1024);
    for (int i = 0; i < count; i++)
        if (found[i].inode == inode)
            return true;
    return false;
}

static void a_listener_is_found_and_its_clients_are_not(void **state)
{
    (void)state;
    struct address address, other;
    struct sockdiag_listener found[MOST];
    int listener = bound("127.0.0.1:0", &address);
    int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(client, &address.any, address.size), 0);
    settle_loopback();
    int served = accept(listener, NULL, NULL);
    assert_int_equal(sockdiag_listeners(&address, found, MOST), 1);
    assert_int_equal(found[0].inode, inode_of(listener));
    assert_true(address_equal(&found[0].address, &address));
    assert_int_equal(sockdiag_listeners(&address, found, 0), 0);
    assert_true(among_all(inode_of(listener)));
    assert_false(among_all(inode_of(served)));
    /* The client's own port is in use, but nobody listens on it. */
    assert_int_equal(address_of_socket(client, &other), 0);
    assert_int_equal(sockdiag_listeners(&other, found, MOST), 0);
    close(listener);
    assert_int_equal(sockdiag_listeners(&address, found, MOST), 0);
    close(client), close(served);
}

struct overlap {
    const char *listener;
    bool raw; /* IPv6 that takes IPv4 too */
    const char *wanted;
    int times;
};

/* What bind(2) says to the wanted address while the other one is listened on. */
static int second_bind(const struct overlap *row)
{
    struct address address;
    int fd = row->raw ? listen_raw(row->listener, 0, &address) : bound(row->listener, &address);
    struct address wanted = with_port(row->wanted, &address);
    int times = in_the_way(&wanted, inode_of(fd));
    if (times != row->times)
        fail_msg("%s against %s: %d", row->wanted, row->listener, times);
    int second = listener_bind(&wanted);
    if (second >= 0)
        close(second);
    close(fd);
    return second >= 0 ? 0 : second;
}

static void overlap_is_what_bind_means_by_it(void **state)
{
    (void)state;
    static const struct overlap rows[] = {
        {"127.0.0.1:0", false, "127.0.0.1:0", 1},
        {"127.0.0.1:0", false, "0.0.0.0:0", 1},
        {"127.0.0.1:0", false, "127.0.0.2:0", 0},
        {"127.0.0.1:0", false, "[::]:0", 0},
        {"0.0.0.0:0", false, "127.0.0.1:0", 1},
        {"0.0.0.0:0", false, "[::1]:0", 0},
        {"[::1]:0", false, "[::1]:0", 1},
        {"[::1]:0", false, "[::]:0", 1},
        {"[::1]:0", false, "[::2]:0", 0},
        {"[::1]:0", false, "127.0.0.1:0", 0},
        {"[::1]:0", false, "0.0.0.0:0", 0},
        {"[::]:0", false, "[::1]:0", 1},
        {"[::]:0", false, "127.0.0.1:0", 0},
        {"[::]:0", true, "127.0.0.1:0", 1},
        {"[::]:0", true, "0.0.0.0:0", 1},
        {"[::]:0", true, "[::1]:0", 1},
        {"[::ffff:127.0.0.1]:0", true, "127.0.0.1:0", 1},
        {"[::ffff:127.0.0.1]:0", true, "0.0.0.0:0", 1},
        {"[::ffff:127.0.0.1]:0", true, "127.0.0.2:0", 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        /* The kernel's own opinion. A port that it chose may still be in TIME_WAIT on the other address, from
         * clients of somebody else: then another one. */
        int expected = rows[i].times ? -EADDRINUSE : 0, found = second_bind(&rows[i]);
        for (int again = 0; !expected && found == -EADDRINUSE && again < 100; again++)
            found = second_bind(&rows[i]);
        if (strcmp(rows[i].wanted, "[::2]:0") != 0) /* no such address here */
            assert_int_equal(found, expected);
    }
}

static void a_unix_listener_is_found_by_any_spelling_of_its_path(void **state)
{
    (void)state;
    char folder[] = "/tmp/reeve-sockdiag-XXXXXX", text[128];
    struct address address, same, other;
    assert_non_null(mkdtemp(folder));
    snprintf(text, sizeof text, "unix:%s/socket", folder);
    int listener = bound(text, &address);
    snprintf(text, sizeof text, "unix:%s/./socket", folder);
    same = parsed(text);
    snprintf(text, sizeof text, "unix:%s/other", folder);
    other = parsed(text);
    assert_int_equal(in_the_way(&address, inode_of(listener)), 1);
    assert_int_equal(in_the_way(&same, inode_of(listener)), 1);
    assert_int_equal(in_the_way(&other, inode_of(listener)), 0);
    int neighbour = bound(text, &other);
    assert_int_equal(in_the_way(&address, inode_of(neighbour)), 0);
    assert_int_equal(in_the_way(&other, inode_of(neighbour)), 1);
    unlink(other.local.sun_path);
    close(neighbour);
    unlink(address.local.sun_path);
    int file = open(address.local.sun_path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    assert_int_equal(in_the_way(&address, inode_of(listener)), 0); /* it is not at that path any more */
    close(file), close(listener);
    unlink(address.local.sun_path);
    rmdir(folder);
}

/* Go listens like this by default. */
static void a_multipath_listener_is_found_with_the_inode_that_is_open(void **state)
{
    (void)state;
    int probe = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_MPTCP);
    if (probe < 0) {
        print_message("this kernel has no Multipath TCP\n");
        skip();
    }
    close(probe);
    struct address address;
    int listener = listen_raw("127.0.0.1:0", IPPROTO_MPTCP, &address);
    assert_int_equal(in_the_way(&address, inode_of(listener)), 1);
    close(listener);
    listener = listen_raw("[::]:0", IPPROTO_MPTCP, &address);
    assert_int_equal(in_the_way(&address, inode_of(listener)), 1);
    close(listener);
}

static bool contains(const pid_t *pids, int count, pid_t pid)
{
    for (int i = 0; i < count; i++) {
        if (pids[i] == pid)
            return true;
    }
    return false;
}

static void holders_are_the_processes_that_have_it_open(void **state)
{
    (void)state;
    struct address address;
    pid_t pids[MOST];
    int listener = bound("127.0.0.1:0", &address), gate[2];
    uint64_t inode = inode_of(listener);
    assert_int_equal(pipe2(gate, O_CLOEXEC), 0);
    pid_t child = fork();
    if (child == 0) {
        char byte;
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        close(gate[1]);
        _exit(read(gate[0], &byte, 1) != 0);
    }
    close(gate[0]);
    int count = sockdiag_holders(inode, pids, MOST);
    assert_int_equal(count, 2);
    assert_true(contains(pids, count, getpid()) && contains(pids, count, child));
    assert_int_equal(sockdiag_holders(inode, pids, 1), 1);
    assert_true(sockdiag_holds(child, inode));
    close(listener);
    assert_false(sockdiag_holds(getpid(), inode));
    assert_int_equal(sockdiag_holders(inode, pids, MOST), 1);
    assert_int_equal(pids[0], child);
    assert_int_equal(in_the_way(&address, inode), 1); /* a leaked listener of a child is still in the way */
    close(gate[1]);
    waitpid(child, NULL, 0);
    assert_false(sockdiag_holds(child, inode));
    assert_int_equal(in_the_way(&address, inode), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_listener_is_found_and_its_clients_are_not),
        cmocka_unit_test(overlap_is_what_bind_means_by_it),
        cmocka_unit_test(a_unix_listener_is_found_by_any_spelling_of_its_path),
        cmocka_unit_test(a_multipath_listener_is_found_with_the_inode_that_is_open),
        cmocka_unit_test(holders_are_the_processes_that_have_it_open),
    };
    return run_group(tests);
}
