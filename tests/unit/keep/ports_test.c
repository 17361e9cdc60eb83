#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "keep/ports.h"

/* Binds a port on `host` and leaves room for a range after it: where the kernel takes none for clients, which
 * could have it a moment later. */
static int bound(const char *host, uint16_t *port)
{
    for (int i = 0; i < 100; i++) {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_true(fd >= 0);
        *port = (uint16_t)(3000 + (getpid() + i) * 4 % 6000);
        struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(*port)};
        inet_pton(AF_INET, host, &address.sin_addr);
        if (bind(fd, (struct sockaddr *)&address, sizeof address) == 0 && listen(fd, 1) == 0 &&
            ports_bindable((uint16_t)(*port + 1)) && ports_bindable((uint16_t)(*port + 2)))
            return fd;
        close(fd);
    }
    fail_msg("no three ports in a row");
    return -1;
}

static void test_a_port_in_use_is_skipped(void **state)
{
    (void)state;
    static const char *const hosts[] = {"127.0.0.1", "0.0.0.0"};
    for (int i = 0; i < 2; i++) {
        uint16_t port;
        int fd = bound(hosts[i], &port);
        struct ports *ports = ports_new(port, (uint16_t)(port + 1), 0);
        assert_int_equal(ports_take(ports), port + 1);
        assert_int_equal(ports_take(ports), 0);
        close(fd);
        assert_int_equal(ports_take(ports), port);
        ports_free(&ports);
    }
}

static void test_ports_go_round(void **state)
{
    (void)state;
    uint16_t port;
    close(bound("127.0.0.1", &port));
    struct ports *ports = ports_new(port, (uint16_t)(port + 2), 0);
    assert_int_equal(ports_take(ports), port);
    ports_release(ports, port);
    assert_int_equal(ports_take(ports), port + 1);
    assert_int_equal(ports_take(ports), port + 2);
    assert_int_equal(ports_take(ports), port);
    assert_int_equal(ports_take(ports), 0);
    ports_free(&ports);
}

static void test_a_reserved_port_is_not_given(void **state)
{
    (void)state;
    uint16_t port;
    close(bound("127.0.0.1", &port));
    struct ports *ports = ports_new(port, (uint16_t)(port + 1), 0);
    ports_reserve(ports, port);
    ports_reserve(ports, 65535);
    assert_int_equal(ports_take(ports), port + 1);
    assert_int_equal(ports_take(ports), 0);
    ports_release(ports, port);
    assert_int_equal(ports_take(ports), port);
    ports_free(&ports);
}

static void test_the_highest_port(void **state)
{
    (void)state;
    struct ports *ports = ports_new(65535, 65535, 0);
    uint16_t port = ports_take(ports);
    assert_true(port == 65535 || port == 0);
    assert_int_equal(ports_take(ports), 0);
    ports_free(&ports);
}

static void test_each_keeper_begins_elsewhere(void **state)
{
    (void)state;
    struct ports *first = ports_new(20000, 29999, 10000 * 7 + 5), *second = ports_new(20000, 29999, 4321);
    uint16_t a = ports_take(first), b = ports_take(second);
    assert_true(a >= 20005 && a < 20100); /* the next free one, should somebody hold it */
    assert_true(b >= 24321 && b < 24400);
    ports_free(&first);
    ports_free(&second);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_keeper_begins_elsewhere),
        cmocka_unit_test(test_a_port_in_use_is_skipped),
        cmocka_unit_test(test_ports_go_round),
        cmocka_unit_test(test_a_reserved_port_is_not_given),
        cmocka_unit_test(test_the_highest_port),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
