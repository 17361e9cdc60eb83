/* The shared page: one writer, readers that see it and cannot write. */
#include "../support.h"

#include <sys/mman.h>
#include <sys/stat.h>

#include "link/memfd.h"
#include "link/page.h"

static void the_owner_writes_and_the_others_read(void **state)
{
    (void)state;
    int fd = page_create("reeve-test");
    assert_true(fd >= 0);
    int shared = page_readonly(fd);
    assert_true(shared >= 0);
    assert_int_equal(fcntl(shared, F_GETFD), FD_CLOEXEC);
    struct stat about;
    assert_int_equal(fstat(shared, &about), 0);
    assert_int_equal(about.st_mode & 0777, 0600); /* else /proc/self/fd makes a writer of a reader */
    struct page *own = page_map(fd, 1), *seen = page_map(shared, 0);
    assert_non_null(own);
    assert_non_null(seen);
    assert_int_equal(seen->open, 0);
    atomic_store_explicit(&own->open, 7, memory_order_relaxed);
    atomic_store_explicit(&own->targets[PAGE_TARGETS - 1].streams, 9, memory_order_relaxed);
    assert_int_equal(atomic_load_explicit(&seen->open, memory_order_relaxed), 7);
    assert_int_equal(atomic_load_explicit(&seen->targets[PAGE_TARGETS - 1].streams, memory_order_relaxed), 9);
    assert_null(page_map(shared, 1)); /* a reader cannot become a writer */
    assert_int_equal(mprotect(seen, PAGE_SIZE_BYTES, PROT_READ | PROT_WRITE), -1);
    assert_int_equal(ftruncate(fd, 0), -1);
    page_unmap(&own);
    page_unmap(&seen);
    assert_null(seen);
    close(fd), close(shared);
}

static void anything_else_is_refused(void **state)
{
    (void)state;
    int fd = memfd_create_sealable("reeve-test");
    assert_int_equal(ftruncate(fd, PAGE_SIZE_BYTES), 0);
    assert_null(page_map(fd, 0)); /* could be shrunk under us */
    close(fd);
    fd = memfd_seal("reeve-test", SLICE("short"));
    assert_null(page_map(fd, 0));
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_owner_writes_and_the_others_read),
        cmocka_unit_test(anything_else_is_refused),
    };
    return run_group(tests);
}
