/* Binding, accepting in batches, pausing, running out of descriptors. */
#include "../support.h"

#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "net/listener.h"

struct accepting {
    struct listener *listener;
    int count;
    bool end_batch;
    bool free;
    bool pause;
    int starved; /* how often */
    int error;
};

static void on_accept(void *owner, int fd, const struct address *peer)
{
    struct accepting *accepting = owner;
    assert_true(address_is_local(peer));
    assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    if (peer->any.sa_family == AF_INET) {
        int no_delay = 0;
        socklen_t size = sizeof no_delay;
        getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &no_delay, &size);
        assert_int_equal(no_delay, 1);
    }
    close(fd);
    accepting->count++;
    if (accepting->end_batch)
        listener_end_batch(accepting->listener);
    if (accepting->pause)
        listener_pause(accepting->listener, true);
    if (accepting->free)
        listener_free(&accepting->listener);
}

static void on_starved(void *owner, int error)
{
    struct accepting *accepting = owner;
    accepting->starved++;
    accepting->error = error;
}

static int bound(const char *text, struct address *address)
{
    assert_true(address_parse(slice_of_text(text), address, NULL));
    int fd = listener_bind(address);
    assert_true(fd >= 0);
    assert_int_equal(address_of_socket(fd, address), 0);
    return fd;
}

static void connect_many(const struct address *address, int count, int *clients)
{
    for (int i = 0; i < count; i++) {
        clients[i] = socket(address->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(connect(clients[i], &address->any, address->size), 0);
    }
    settle_loopback();
}

static void close_many(int *clients, int count)
{
    for (int i = 0; i < count; i++)
        close(clients[i]);
}

enum { CLIENTS = 150 };

static void accepts_all_in_bounded_batches_and_pauses(void **state)
{
    (void)state;
    struct loop *loop = loop_new(&clock_system);
    struct address address;
    struct accepting accepting = {0};
    int clients[CLIENTS];
    accepting.listener =
        listener_new(loop, bound("127.0.0.1:0", &address), on_accept, on_starved, &accepting);
    assert_int_equal(fcntl(listener_fd(accepting.listener), F_GETFD), FD_CLOEXEC);
    connect_many(&address, CLIENTS, clients);
    turn_all(loop);
    assert_int_equal(accepting.count, 0); /* starts paused */
    listener_pause(accepting.listener, false);
    listener_pause(accepting.listener, false);
    for (int before = 0; accepting.count < CLIENTS; before = accepting.count) {
        loop_step(loop, 0);
        assert_in_range(accepting.count - before, 1, 64);
    }
    close_many(clients, CLIENTS);
    accepting.end_batch = true;
    connect_many(&address, 3, clients);
    for (int i = 1; i <= 3; i++) {
        loop_step(loop, 0);
        assert_int_equal(accepting.count, CLIENTS + i);
    }
    close_many(clients, 3);
    accepting.pause = true;
    connect_many(&address, 2, clients);
    turn_all(loop);
    assert_int_equal(accepting.count, CLIENTS + 4);
    accepting.free = true;
    listener_pause(accepting.listener, false);
    turn_all(loop);
    assert_int_equal(accepting.count, CLIENTS + 5);
    assert_null(accepting.listener);
    close_many(clients, 2);
    loop_free(&loop);
}

static void without_descriptors_it_pauses_and_goes_on(void **state)
{
    (void)state;
    struct fake_clock clock = FAKE_CLOCK(1000);
    struct loop *loop = loop_new(&clock.clock);
    struct address address;
    struct accepting accepting = {0};
    int client;
    accepting.listener =
        listener_new(loop, bound("127.0.0.1:0", &address), on_accept, on_starved, &accepting);
    listener_pause(accepting.listener, false);
    connect_many(&address, 1, &client);
    struct rlimit old, none;
    getrlimit(RLIMIT_NOFILE, &old);
    none = (struct rlimit){.rlim_cur = 3, .rlim_max = old.rlim_max};
    setrlimit(RLIMIT_NOFILE, &none);
    turn_all(loop);
    setrlimit(RLIMIT_NOFILE, &old);
    assert_int_equal(accepting.starved, 1);
    assert_int_equal(accepting.error, EMFILE);
    turn_all(loop);
    assert_int_equal(accepting.count, 0);
    listener_pause(accepting.listener, true);
    listener_pause(accepting.listener, false); /* does not shorten it */
    turn_all(loop);
    assert_int_equal(accepting.count, 0);
    clock.now_us += 100000;
    turn_all(loop);
    assert_int_equal(accepting.count, 1);
    close(client);
    listener_free(&accepting.listener);
    loop_free(&loop);
}

static void a_port_in_use_is_told_and_v6_leaves_v4_alone(void **state)
{
    (void)state;
    struct address address, any;
    int six = -1;
    for (int tries = 0; six < 0; tries++) { /* clients of somebody else may have used a port there */
        int fd = bound("127.0.0.1:0", &address);
        assert_int_equal(listener_bind(&address), -EADDRINUSE);
        assert_true(address_parse(SLICE("[::]:0"), &any, NULL));
        any.v6.sin6_port = address.v4.sin_port;
        six = listener_bind(&any);
        close(fd);
        assert_true(tries < 100);
    }
    close(six);
    int again = listener_bind(&address);
    assert_true(again >= 0);
    close(again);
}

static void a_stale_unix_socket_is_replaced_and_nothing_else(void **state)
{
    (void)state;
    char folder[] = "/tmp/reeve-listener-XXXXXX", path[64];
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "unix:%s/socket", folder);
    struct address address, ignored;
    int fd = bound(path, &address);
    assert_int_equal(listener_bind(&address), -EADDRINUSE); /* alive */
    close(fd);
    fd = bound(path, &ignored); /* stale */
    close(fd);
    unlink(address.local.sun_path);
    int file = open(address.local.sun_path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    close(file);
    assert_int_equal(listener_bind(&address), -EADDRINUSE);
    assert_int_equal(access(address.local.sun_path, F_OK), 0);
    unlink(address.local.sun_path);
    rmdir(folder);
}

static void what_epoll_cannot_watch_is_refused(void **state)
{
    (void)state;
    struct loop *loop = loop_new(&clock_system);
    int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    assert_null(listener_new(loop, file, on_accept, on_starved, NULL));
    assert_int_equal(errno, EPERM);
    loop_free(&loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepts_all_in_bounded_batches_and_pauses),
        cmocka_unit_test(without_descriptors_it_pauses_and_goes_on),
        cmocka_unit_test(a_port_in_use_is_told_and_v6_leaves_v4_alone),
        cmocka_unit_test(a_stale_unix_socket_is_replaced_and_nothing_else),
        cmocka_unit_test(what_epoll_cannot_watch_is_refused),
    };
    return run_group(tests);
}
