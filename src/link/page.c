/* The shared page as a memfd: sealed against resizing, so that no reader can be made to fault. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "link/memfd.h"
#include "link/page.h"

enum { SEALS = F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL };

int page_create(const char *name)
{
    int fd = memfd_create_sealable(name);
    if (fd < 0)
        return fd;
    /* Whoever has a read-only descriptor could open it again for writing, were the mode not the owner's. */
    if (fchmod(fd, 0600) == 0 && ftruncate(fd, PAGE_SIZE_BYTES) == 0 && fcntl(fd, F_ADD_SEALS, SEALS) == 0)
        return fd;
    int error = -errno;
    close(fd);
    return error;
}

int page_readonly(int fd)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    int copy = open(path, O_RDONLY | O_CLOEXEC);
    return copy < 0 ? -errno : copy;
}

struct page *page_map(int fd, int writable)
{
    struct stat status;
    int seals = fcntl(fd, F_GET_SEALS);
    if (seals < 0 || (seals & SEALS) != SEALS || fstat(fd, &status) || status.st_size != PAGE_SIZE_BYTES) {
        errno = EINVAL;
        return NULL;
    }
    int protection = writable ? PROT_READ | PROT_WRITE : PROT_READ;
    void *memory = mmap(NULL, PAGE_SIZE_BYTES, protection, MAP_SHARED, fd, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

void page_unmap(struct page **page)
{
    if (*page)
        munmap(*page, PAGE_SIZE_BYTES);
    *page = NULL;
}
