/* Sealed memfds: what is mapped can never change, and nothing else is mapped. */
#include "../support.h"

#include <sys/mman.h>

#include "link/memfd.h"

static void what_is_sealed_can_be_read_and_not_changed(void **state)
{
    (void)state;
    struct slice bytes = SLICE("hello"), mapped;
    int fd = memfd_seal("reeve-test", bytes);
    assert_true(fd >= 0);
    assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
    assert_int_equal(memfd_map(fd, 5, &mapped), 0);
    assert_true(slice_equal(mapped, bytes));
    assert_int_equal(pwrite(fd, "x", 1, 0), -1);
    assert_int_equal(ftruncate(fd, 1), -1);
    memfd_unmap(&mapped);
    memfd_unmap(&mapped);
    assert_int_equal(memfd_map(fd, 4, &mapped), -EFBIG);
    close(fd);
    fd = memfd_seal("reeve-test", SLICE(""));
    assert_int_equal(memfd_map(fd, 4, &mapped), 0);
    assert_int_equal(mapped.size, 0);
    close(fd);
}

static void what_is_not_sealed_is_refused(void **state)
{
    (void)state;
    struct slice mapped;
    int fd = memfd_create_sealable("reeve-test");
    assert_int_equal(write(fd, "x", 1), 1);
    assert_int_equal(memfd_map(fd, 100, &mapped), -EPERM);
    fcntl(fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL); /* all but WRITE */
    assert_int_equal(memfd_map(fd, 100, &mapped), -EPERM);
    close(fd);
    int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    assert_int_equal(memfd_map(file, SIZE_MAX, &mapped), -EPERM);
    close(file);
    assert_int_equal(memfd_map(-1, 1, &mapped), -EPERM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_sealed_can_be_read_and_not_changed),
        cmocka_unit_test(what_is_not_sealed_is_refused),
    };
    return run_group(tests);
}
