/* Records and their descriptors, whole or not at all. */
#include "../support.h"

#include "link/record.h"

static void descriptors_arrive_close_on_exec(void **state)
{
    (void)state;
    int pair[2];
    char memory[16];
    make_pair(SOCK_SEQPACKET, pair);
    struct record record = {.bytes = SLICE("two"), .descriptors = {pair[0], pair[1]}, .count = 2}, got;
    assert_int_equal(record_receive(pair[1], memory, sizeof memory, &got), -EAGAIN);
    assert_int_equal(record_send(pair[0], &record), 0);
    assert_int_equal(record_receive(pair[1], memory, sizeof memory, &got), 3);
    assert_true(slice_equal(got.bytes, SLICE("two")));
    assert_int_equal(got.count, 2);
    assert_int_equal(fcntl(got.descriptors[1], F_GETFD), FD_CLOEXEC);
    record_close_descriptors(got.descriptors, got.count);
    assert_int_equal(got.descriptors[0], -1);
    record_close_descriptors(got.descriptors, got.count);
    close(pair[0]);
    assert_int_equal(record_receive(pair[1], memory, sizeof memory, &got), 0);
    assert_int_equal(record_send(pair[1], &record), -EBADF);
    record.count = 0;
    assert_int_equal(record_send(pair[1], &record), -EPIPE);
    close(pair[1]);
}

/* A hostile peer: more descriptors than a record carries, more bytes than fit, descriptors without bytes. */
static void what_does_not_fit_is_refused_and_nothing_leaks(void **state)
{
    (void)state;
    enum { MANY = 40 };
    int pair[2], before = open_descriptors();
    make_pair(SOCK_SEQPACKET, pair);
    union {
        char bytes[CMSG_SPACE(sizeof(int) * MANY)];
        struct cmsghdr aligned;
    } control = {0};
    struct iovec piece = {control.bytes, 1};
    struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1, .msg_control = control.bytes};
    message.msg_controllen = sizeof control.bytes;
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int) * MANY);
    for (int i = 0; i < MANY; i++)
        memcpy(CMSG_DATA(header) + sizeof(int) * (size_t)i, &pair[0], sizeof(int));
    char memory[16];
    struct record got;
    assert_int_equal(sendmsg(pair[0], &message, 0), 1);
    assert_int_equal(record_receive(pair[1], memory, sizeof memory, &got), -EPROTO);
    assert_int_equal(got.count, 0);
    assert_int_equal(send(pair[0], "seventeen bytes..", 17, 0), 17);
    assert_int_equal(record_receive(pair[1], memory, sizeof memory, &got), -EPROTO);
    struct record empty = {.bytes = SLICE(""), .descriptors = {pair[0]}, .count = 1};
    assert_int_equal(record_send(pair[0], &empty), 0);
    assert_int_equal(record_receive(pair[1], memory, sizeof memory, &got), 0);
    close(pair[0]), close(pair[1]);
    assert_int_equal(open_descriptors(), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(descriptors_arrive_close_on_exec),
        cmocka_unit_test(what_does_not_fit_is_refused_and_nothing_leaks),
    };
    return run_group(tests);
}
