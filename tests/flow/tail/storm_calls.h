/* System calls that the writer may come between. Births and changes of files have the script's time. */
#pragma once

#include <dirent.h>
#include <dlfcn.h>
#include <stdarg.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>

#include "storm.h"

/* Called before each of them (storm_moves.h). */
static void storm_between(const char *call);

static void *storm_real(const char *name, const char *large)
{
    void *found = dlsym(RTLD_NEXT, large);
    return found ? found : dlsym(RTLD_NEXT, name);
}

ssize_t pread(int fd, void *bytes, size_t size, off_t offset)
{
    static ssize_t (*real)(int, void *, size_t, off_t);
    if (!real)
        real = (ssize_t(*)(int, void *, size_t, off_t))storm_real("pread", "pread64");
    storm_between("pread");
    return real(fd, bytes, size, offset);
}

int fstat(int fd, struct stat *about)
{
    static int (*real)(int, struct stat *);
    if (!real)
        real = (int (*)(int, struct stat *))storm_real("fstat", "fstat64");
    storm_between("fstat");
    return real(fd, about);
}

struct dirent *readdir(DIR *listing)
{
    static struct dirent *(*real)(DIR *);
    if (!real)
        real = (struct dirent * (*)(DIR *)) storm_real("readdir", "readdir64");
    storm_between("readdir");
    return real(listing);
}

int inotify_add_watch(int fd, const char *path, uint32_t mask)
{
    static int (*real)(int, const char *, uint32_t);
    if (!real)
        real = (int (*)(int, const char *, uint32_t))storm_real("inotify_add_watch", "inotify_add_watch");
    storm_between("watch");
    int number = real(fd, path, mask);
    storm_between("watched");
    return number;
}

long syscall(long number, ...)
{
    static long (*real)(long, ...);
    va_list list;
    long a[6];
    if (!real)
        real = (long (*)(long, ...))storm_real("syscall", "syscall");
    va_start(list, number);
    for (int i = 0; i < 6; i++)
        a[i] = va_arg(list, long);
    va_end(list);
    if (number == SYS_openat2)
        storm_between("open");
    return real(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

static int storm_inode(ino_t inode)
{
    for (int i = storm.inode_count; i-- > 0;)
        if (storm.inodes[i] == inode)
            return i;
    return -1;
}

int statx(int folder, const char *path, int flags, unsigned mask, struct statx *about)
{
    static int (*real)(int, const char *, int, unsigned, struct statx *);
    if (!real)
        real = (int (*)(int, const char *, int, unsigned, struct statx *))storm_real("statx", "statx");
    storm_between("statx");
    int result = real(folder, path, flags, mask, about);
    int i = result ? -1 : storm_inode(about->stx_ino);
    if (i >= 0) {
        about->stx_mask |= STATX_BTIME;
        about->stx_btime.tv_sec = storm.born[i] / 1000000000;
        about->stx_btime.tv_nsec = (uint32_t)(storm.born[i] % 1000000000);
        about->stx_mtime.tv_sec = storm.changed[i] / 1000000000;
        about->stx_mtime.tv_nsec = (uint32_t)(storm.changed[i] % 1000000000);
    }
    return result;
}
