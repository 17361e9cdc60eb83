/* All opening is openat2(2): the kernel keeps the path inside, whatever is renamed meanwhile. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tail/place.h"

enum {
    ATTEMPTS = 8,             /* EAGAIN: something above was renamed while the kernel walked */
    IS_HIDDEN = EKEYREJECTED, /* the kernel never has it for a file */
};

/* O_NONBLOCK: a FIFO must not wait for its other end. */
static int open_beneath(int root, const char *path, uint64_t flags)
{
    struct open_how how = {.flags = flags | O_NONBLOCK | O_CLOEXEC | O_NOCTTY,
                           .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS};
    if (flags & O_PATH) /* knows only few others */
        how.flags = flags | O_CLOEXEC;
    long fd = -EAGAIN;
    for (int i = 0; i < ATTEMPTS && fd == -EAGAIN; i++) {
        fd = syscall(SYS_openat2, root, path, &how, sizeof how);
        if (fd < 0)
            fd = -errno;
    }
    return (int)fd;
}

/* open(2) has ENXIO for a socket itself; the others never come from it without O_WRONLY. */
static int not_regular(unsigned mode)
{
    return S_ISDIR(mode) ? -EISDIR : S_ISFIFO(mode) ? -ESPIPE : S_ISSOCK(mode) ? -ENXIO : -ENOTSUP;
}

int place_identify(int fd, struct place_file *file)
{
    struct statx about;
    if (statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS | STATX_BTIME, &about) < 0)
        return -errno;
    if (!S_ISREG(about.stx_mode))
        return not_regular(about.stx_mode);
    *file = (struct place_file){.device = makedev(about.stx_dev_major, about.stx_dev_minor),
                                .id = {.inode = about.stx_ino},
                                .size = (int64_t)about.stx_size,
                                .modified_ns =
                                    about.stx_mtime.tv_sec * INT64_C(1000000000) + about.stx_mtime.tv_nsec};
    if (about.stx_mask & STATX_BTIME) {
        file->id.born_s = about.stx_btime.tv_sec;
        file->id.born_ns = about.stx_btime.tv_nsec;
    }
    return 0;
}

static int open_file(int root, const char *path, uint64_t flags, struct place_file *file)
{
    int fd = open_beneath(root, path, flags);
    int error = fd < 0 ? fd : place_identify(fd, file);
    if (error && fd >= 0)
        close(fd);
    return error ? error : fd;
}

static int open_place(const struct place *place, uint64_t flags, struct place_file *file)
{
    if (hidden_has(place->hidden, slice_of_text(place->path)))
        return -IS_HIDDEN;
    return open_file(place->root, place->path, flags, file);
}

int place_open(const struct place *place, struct place_file *file)
{
    return open_place(place, O_RDONLY, file);
}

int place_open_beside(int directory, const char *name, struct place_file *file)
{
    return open_file(directory, name, O_RDONLY, file);
}

int place_look(const struct place *place, struct place_file *file)
{
    int fd = open_place(place, O_PATH, file);
    if (fd < 0)
        return fd;
    close(fd);
    return 0;
}

bool place_same(const struct place_file *a, const struct place_file *b)
{
    return a->device == b->device && a->id.inode == b->id.inode && a->id.born_s == b->id.born_s &&
           a->id.born_ns == b->id.born_ns;
}

/* The path up to its last slash before `end`, or "."; false when it is too long. */
static bool directory_of(const char *path, size_t end, char *directory)
{
    const char *slash = memrchr(path, '/', end);
    size_t size = slash ? (size_t)(slash - path) : 0;
    if (size >= PATH_MAX)
        return false;
    memcpy(directory, path, size);
    directory[size] = '\0';
    if (size == 0)
        memcpy(directory, ".", 2);
    return true;
}

int place_open_nearest(const struct place *place, bool *whole)
{
    char directory[PATH_MAX];
    size_t end = strlen(place->path);
    int fd = -ENAMETOOLONG;
    for (*whole = true; directory_of(place->path, end, directory); *whole = false) {
        fd = open_beneath(place->root, directory, O_PATH | O_DIRECTORY);
        if (fd >= 0 || strcmp(directory, ".") == 0)
            break;
        end = strlen(directory);
    }
    return fd;
}

int place_open_folder(const struct place *place)
{
    char directory[PATH_MAX];
    if (!directory_of(place->path, strlen(place->path), directory))
        return -ENAMETOOLONG;
    return open_beneath(place->root, directory, O_RDONLY | O_DIRECTORY);
}

bool place_is_refusal(int error)
{
    switch (-error) {
    case EACCES:
    case EPERM:
    case ELOOP:
    case EISDIR:
    case ESPIPE:
    case ENXIO:
    case ENOTSUP:
    case IS_HIDDEN:
        return true;
    default:
        return false;
    }
}

const char *place_refusal_text(int error)
{
    switch (error) {
    case ELOOP:
        return "the file, or a folder above it, is a symbolic link, and none is followed: name the file "
               "itself";
    case EISDIR:
        return "a folder is in the place of the file: name a file";
    case ESPIPE:
        return "a FIFO is in the place of the file, and only an ordinary file is read: let the program "
               "append "
               "to one";
    case ENXIO:
        return "a socket is in the place of the file, and only an ordinary file is read: let the program "
               "append to one";
    case ENOTSUP:
        return "a device is in the place of the file, and only an ordinary file is read: let the program "
               "append to one";
    case IS_HIDDEN:
        return "the file is reeve's own (configuration, variables, secrets, users, state, access log), and "
               "none "
               "of these is read: let the program append to one in a folder of its own";
    default:
        return strerror(error);
    }
}

const char *place_name(const struct place *place)
{
    const char *slash = strrchr(place->path, '/');
    return slash ? slash + 1 : place->path;
}
