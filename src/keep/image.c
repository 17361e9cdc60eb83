#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/check.h"
#include "base/memory.h"

#include "keep/image.h"

enum { IMAGE_LOWEST_OWN_FD = 10 };

/* What OpenSSL finds this system's authorities by, and what sanitizers read, goes along as well. */
static char **image_environment(void)
{
    static const char *const passed[] = {"TZ",           "LANG",         "LC_ALL",        "SSL_CERT_FILE",
                                         "SSL_CERT_DIR", "ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS"};
    const size_t count = sizeof passed / sizeof passed[0];
    char **environment = MEMORY_ARRAY(char *, count + 1);
    size_t used = 0;
    for (size_t i = 0; i < count; i++)
        if (getenv(passed[i]))
            environment[used++] = memory_format("%s=%s", passed[i], getenv(passed[i]));
    return environment;
}

static void image_free_environment(char **environment)
{
    for (char **at = environment; *at; at++)
        free(*at);
    free(environment);
}

/* Copies above the numbers that the child's descriptors get, so that dup2(2) there overwrites nothing. 0 or
 * -errno. */
static int image_raise(const struct image *image, int *raised)
{
    for (int i = 0; i < image->count; i++) {
        raised[i] = fcntl(image->descriptors[i], F_DUPFD_CLOEXEC, IMAGE_LOWEST_OWN_FD);
        if (raised[i] < 0)
            return -errno;
    }
    return 0;
}

static pid_t image_execute(const struct image *image, const int *raised)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    CHECK(posix_spawn_file_actions_init(&actions) == 0 && posix_spawnattr_init(&attributes) == 0);
    for (int i = 0; i < image->count; i++)
        posix_spawn_file_actions_adddup2(&actions, raised[i], IMAGE_FIRST_FD + i);
    posix_spawn_file_actions_addclosefrom_np(&actions, IMAGE_FIRST_FD + image->count);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setflags(&attributes,
                             POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    char **environment = image_environment();
    pid_t pid = 0;
    int error = posix_spawn(&pid, "/proc/self/exe", &actions, &attributes,
                            (char *const *)(uintptr_t)image->arguments, environment);
    image_free_environment(environment);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    return error ? -error : pid;
}

pid_t image_start(const struct image *image)
{
    int raised[IMAGE_DESCRIPTORS_MOST] = {-1, -1, -1, -1};
    CHECK(image->count <= IMAGE_DESCRIPTORS_MOST);
    int error = image_raise(image, raised);
    pid_t pid = error ? error : image_execute(image, raised);
    for (int i = 0; i < image->count; i++)
        if (raised[i] >= 0)
            close(raised[i]);
    return pid;
}
