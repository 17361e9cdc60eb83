#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "wire/logline.h"

#include "tail/logfiles.h"

static int logfiles_compare(const void *a, const void *b)
{
    const int64_t *one = a, *other = b;
    return (*one > *other) - (*one < *other);
}

int64_t *logfiles_numbers(int directory, size_t *count)
{
    *count = 0;
    int fd = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *listing = fd < 0 ? NULL : fdopendir(fd);
    if (!listing) {
        if (fd >= 0)
            close(fd);
        return NULL;
    }
    int64_t *numbers = NULL;
    const struct dirent *entry;
    while ((entry = readdir(listing))) {
        int64_t number = logline_file_number(entry->d_name);
        if (number < 0)
            continue;
        numbers = memory_resize(numbers, (*count + 1) * sizeof *numbers);
        numbers[(*count)++] = number;
    }
    closedir(listing);
    if (numbers)
        qsort(numbers, *count, sizeof *numbers, logfiles_compare);
    return numbers;
}

int logfiles_open(int directory, const char *name)
{
    struct stat about;
    int fd = openat(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return -errno;
    if (fstat(fd, &about) == 0 && S_ISREG(about.st_mode))
        return fd;
    close(fd);
    return -ENOTSUP;
}
