/* Connections that succeed, are refused, hang, are cancelled, or would reach themselves. */
#include "../support.h"

#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>

#include "net/dialer.h"
#include "net/listener.h"

struct dialed {
    int fd;
    int calls;
    bool done;
};

static void on_done(void *owner, int fd)
{
    struct dialed *dialed = owner;
    dialed->fd = fd;
    dialed->calls++;
    dialed->done = true;
}

static int bound(const char *text, struct address *address)
{
    assert_true(address_parse(slice_of_text(text), address, NULL));
    int fd = listener_bind(address);
    assert_true(fd >= 0);
    assert_int_equal(address_of_socket(fd, address), 0);
    return fd;
}

static void connects_and_never_calls_back_from_inside(void **state)
{
    (void)state;
    struct loop *loop = loop_new(&clock_system);
    static const char *const texts[] = {"127.0.0.1:0", "[::1]:0"};
    for (int i = 0; i < 2; i++) {
        struct address address;
        struct dialed dialed = {0};
        int listener = bound(texts[i], &address);
        assert_non_null(dialer_start(loop, &address, 1000, on_done, &dialed));
        assert_int_equal(dialed.calls, 0);
        turn_until(loop, &dialed.done);
        assert_true(dialed.fd >= 0);
        assert_true(fcntl(dialed.fd, F_GETFL) & O_NONBLOCK);
        assert_true(fcntl(dialed.fd, F_GETFD) & FD_CLOEXEC);
        close(dialed.fd), close(listener);
    }
    loop_free(&loop);
}

static void a_refusal_is_told(void **state)
{
    (void)state;
    struct loop *loop = loop_new(&clock_system);
    struct address address;
    close(bound("127.0.0.1:0", &address));
    struct dialed dialed = {0}, missing = {0};
    dialer_start(loop, &address, 1000, on_done, &dialed);
    turn_until(loop, &dialed.done);
    assert_int_equal(dialed.fd, -ECONNREFUSED);
    assert_true(address_parse(SLICE("unix:/nonexistent/socket"), &address, NULL));
    dialer_start(loop, &address, 1000, on_done, &missing);
    turn_until(loop, &missing.done);
    assert_int_equal(missing.fd, -ENOENT);
    loop_free(&loop);
}

/* A listener with a full queue: a unix connect(2) says EAGAIN, a TCP one gets no answer. */
static void a_full_queue_times_out_or_succeeds_when_there_is_room(void **state)
{
    (void)state;
    struct fake_clock clock = FAKE_CLOCK(1000);
    struct loop *loop = loop_new(&clock.clock);
    char folder[] = "/tmp/reeve-dialer-XXXXXX", path[64];
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "unix:%s/socket", folder);
    struct address address;
    int listener = bound(path, &address);
    assert_int_equal(listen(listener, 0), 0); /* room for one */
    struct dialed first = {0}, late = {0}, lucky = {0}, cancelled = {0};
    dialer_start(loop, &address, 1000, on_done, &first);
    dialer_start(loop, &address, 1000, on_done, &late);
    dialer_start(loop, &address, 5000, on_done, &lucky);
    struct dialer *dialer = dialer_start(loop, &address, 1000, on_done, &cancelled);
    turn_all(loop);
    assert_true(first.fd >= 0 && first.done);
    assert_false(late.done);
    dialer_cancel(&dialer);
    assert_null(dialer);
    dialer_cancel(&dialer);
    clock.now_us += 1000000;
    turn_all(loop);
    assert_int_equal(late.fd, -ETIMEDOUT);
    assert_int_equal(late.calls, 1);
    close(accept(listener, NULL, NULL));
    clock.now_us += 10000;
    turn_all(loop);
    assert_true(lucky.done && lucky.fd >= 0);
    assert_int_equal(cancelled.calls, 0);
    close(first.fd), close(lucky.fd), close(listener);
    unlink(address.local.sun_path);
    rmdir(folder);
    loop_free(&loop);
}

static void a_silent_host_times_out(void **state)
{
    (void)state;
    struct fake_clock clock = FAKE_CLOCK(1000);
    struct loop *loop = loop_new(&clock.clock);
    struct address address;
    int listener = bound("127.0.0.1:0", &address);
    assert_int_equal(listen(listener, 0), 0);
    struct dialed dialed[8] = {0};
    for (int i = 0; i < 8; i++)
        dialer_start(loop, &address, 1000, on_done, &dialed[i]);
    turn_all(loop);
    clock.now_us += 1000000;
    turn_all(loop);
    assert_int_equal(dialed[7].fd, -ETIMEDOUT);
    for (int i = 0; i < 8; i++) {
        assert_int_equal(dialed[i].calls, 1);
        if (dialed[i].fd >= 0)
            close(dialed[i].fd);
    }
    close(listener);
    loop_free(&loop);
}

static void write_text(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}

/* A network of its own with one ephemeral port: connect(2) to it must pick it as source and reach itself. */
static void enter_network_of_one_port(const char *port)
{
    if (unshare(CLONE_NEWNET) && unshare(CLONE_NEWUSER | CLONE_NEWNET)) {
        print_message("no network namespace to be had: %s\n", strerror(errno));
        skip();
    }
    struct ifreq interface = {.ifr_name = "lo"};
    interface.ifr_flags = IFF_UP;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_int_equal(ioctl(fd, SIOCSIFFLAGS, &interface), 0);
    close(fd);
    char range[32];
    snprintf(range, sizeof range, "%s %s", port, port);
    write_text("/proc/sys/net/ipv4/ip_local_port_range", range);
}

/* The last test: the namespace stays. */
static void a_dialer_never_reaches_itself(void **state)
{
    (void)state;
    enter_network_of_one_port("40000");
    struct loop *loop = loop_new(&clock_system);
    struct address address;
    assert_true(address_parse(SLICE("127.0.0.1:40000"), &address, NULL));
    int raw = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(raw, &address.any, address.size), 0); /* there is no listener */
    struct linger now = {.l_onoff = 1}; /* no TIME_WAIT, which would keep the port */
    setsockopt(raw, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close(raw);
    struct dialed dialed = {0};
    dialer_start(loop, &address, 1000, on_done, &dialed);
    turn_until(loop, &dialed.done);
    assert_int_equal(dialed.fd, -ECONNREFUSED);
    loop_free(&loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(connects_and_never_calls_back_from_inside),
        cmocka_unit_test(a_refusal_is_told),
        cmocka_unit_test(a_full_queue_times_out_or_succeeds_when_there_is_room),
        cmocka_unit_test(a_silent_host_times_out),
        cmocka_unit_test(a_dialer_never_reaches_itself),
    };
    return run_group(tests);
}
