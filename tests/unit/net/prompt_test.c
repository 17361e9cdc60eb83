#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/prompt.h"

/* What a socket has after prompt_set() for such a peer: its congestion control, and whether it waits. */
static bool is_prompt(const char *peer, char control[16])
{
    struct address address;
    int no_delay = 0;
    socklen_t size = sizeof no_delay, control_size = 15;
    assert_true(address_parse(slice_of_text(peer), &address, NULL));
    int fd = socket(address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    prompt_set(fd, &address);
    memset(control, 0, 16);
    getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &no_delay, &size);
    getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, control, &control_size);
    close(fd);
    return no_delay != 0;
}

static void test_peers_of_this_machine_need_no_pace(void **state)
{
    (void)state;
    char control[16];
    assert_true(is_prompt("127.0.0.1:80", control));
    assert_string_equal(control, "reno");
    assert_true(is_prompt("127.9.9.9:80", control));
    assert_string_equal(control, "reno");
    assert_true(is_prompt("[::1]:80", control));
    assert_string_equal(control, "reno");
}

static void test_others_keep_what_the_system_has(void **state)
{
    (void)state;
    char control[16], usual[16] = {0};
    socklen_t size = 15;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, usual, &size), 0);
    close(fd);
    assert_true(is_prompt("192.0.2.1:80", control));
    assert_string_equal(control, usual);
    assert_false(is_prompt("unix:/nowhere", control));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_peers_of_this_machine_need_no_pace),
        cmocka_unit_test(test_others_keep_what_the_system_has),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
