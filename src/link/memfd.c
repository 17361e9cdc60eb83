/* Sealed memory files: the reader maps what it was given knowing that nobody can change it under its hands.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "link/memfd.h"

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif

enum { SEALS = F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL };

/* MFD_NOEXEC_SEAL is refused before Linux 6.3 and demanded by hardened newer ones (vm.memfd_noexec). */
int memfd_create_sealable(const char *name)
{
    int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);
    if (fd < 0 && errno == EINVAL)
        fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    return fd < 0 ? -errno : fd;
}

static int write_all(int fd, struct slice bytes)
{
    while (bytes.size > 0) {
        ssize_t count = write(fd, bytes.data, bytes.size);
        if (count < 0 && errno != EINTR)
            return -errno;
        if (count > 0)
            bytes = slice_from(bytes, (size_t)count);
    }
    return 0;
}

int memfd_seal(const char *name, struct slice bytes)
{
    int fd = memfd_create_sealable(name);
    if (fd < 0)
        return fd;
    int error = write_all(fd, bytes);
    if (!error && fcntl(fd, F_ADD_SEALS, SEALS))
        error = -errno;
    if (!error)
        return fd;
    close(fd);
    return error;
}

int memfd_map(int fd, size_t limit, struct slice *bytes)
{
    *bytes = (struct slice){0};
    int seals = fcntl(fd, F_GET_SEALS);
    if (seals < 0 || (seals & SEALS) != SEALS)
        return -EPERM;
    struct stat status;
    if (fstat(fd, &status))
        return -errno;
    if ((uint64_t)status.st_size > limit)
        return -EFBIG;
    size_t size = (size_t)status.st_size;
    if (size == 0)
        return 0; /* nothing to map, and mmap(2) refuses it */
    void *memory = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
    if (memory == MAP_FAILED)
        return -errno;
    *bytes = slice_of(memory, size);
    return 0;
}

void memfd_unmap(struct slice *bytes)
{
    if (bytes->size > 0)
        munmap((void *)(uintptr_t)bytes->data, bytes->size);
    *bytes = (struct slice){0};
}
