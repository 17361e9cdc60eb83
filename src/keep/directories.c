#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/memory.h"

#include "keep/directories.h"

/* The longest name that a socket below the runtime directory gets: "hold-" NAME "." generation ".sock". */
enum { DIRECTORIES_LONGEST_SOCKET = 40 };

/* Where runtime directories of this user are: without the name. */
static char *directories_runtime_base(void)
{
    const char *xdg = getenv("XDG_RUNTIME_DIR");
    if (geteuid() == 0)
        return memory_text("/run/reeve");
    if (xdg && xdg[0] == '/')
        return memory_format("%s/reeve", xdg);
    return memory_format("/tmp/reeve-%u", (unsigned)geteuid());
}

char *directories_runtime(const char *name)
{
    char *base = directories_runtime_base();
    char *runtime = memory_format("%s/%s", base, name);
    free(base);
    return runtime;
}

/* mkdir -p; parents get 0755. */
static int directories_make_path(const char *path, mode_t mode)
{
    char *copy = memory_text(path);
    int error = 0;
    for (char *slash = strchr(copy + 1, '/'); slash && !error; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(copy, 0755) < 0 && errno != EEXIST)
            error = errno;
        *slash = '/';
    }
    free(copy);
    if (!error && mkdir(path, mode) < 0 && errno != EEXIST)
        error = errno;
    return error;
}

static bool directories_check(const char *path, mode_t mode, struct error *error)
{
    struct stat about;
    if (lstat(path, &about) < 0)
        return error_set(error, "%s: %s", path, strerror(errno));
    if (!S_ISDIR(about.st_mode))
        return error_set(error, "%s is not a directory: move it away", path);
    if (about.st_uid != geteuid())
        return error_set(error, "%s belongs to uid %u, not to uid %u who starts reeve: chown it or remove it",
                         path, (unsigned)about.st_uid, (unsigned)geteuid());
    if ((about.st_mode & 07777) != mode && chmod(path, mode) < 0)
        return error_set(error, "%s: chmod: %s", path, strerror(errno));
    return true;
}

static bool directories_make_one(const char *path, mode_t mode, struct error *error)
{
    int failed = directories_make_path(path, mode);
    if (failed)
        return error_set(error, "cannot make the directory %s: %s", path, strerror(failed));
    return directories_check(path, mode, error);
}

bool directories_make_state(const char *state, struct error *error)
{
    char *logs = memory_format("%s/log", state);
    char *runs = memory_format("%s/run", state);
    bool made = directories_make_one(state, 0711, error) && directories_make_one(runs, 0711, error);
    /* What cannot be logged cannot start, and says so (keep/launch): the rest goes on. */
    if (made)
        directories_make_one(logs, 0711, NULL);
    free(logs);
    free(runs);
    return made;
}

static bool directories_make_all(const struct directories *directories, struct error *error)
{
    size_t longest = strlen(directories->runtime) + 1 + DIRECTORIES_LONGEST_SOCKET;
    if (longest >= sizeof((struct sockaddr_un *)0)->sun_path)
        return error_set(error,
                         "%s is too long for sockets (%zu bytes, 107 are possible): give a shorter `name`",
                         directories->runtime, longest);
    return directories_make_state(directories->state, error) &&
           directories_make_one(directories->runtime, 0700, error) &&
           directories_make_one(directories->sockets, 0711, error);
}

bool directories_make(const char *name, const char *state, struct directories *directories,
                      struct error *error)
{
    char *runtime = directories_runtime(name);
    *directories = (struct directories){
        .state = memory_text(state),
        .runtime = runtime,
        .sockets = memory_format("%s:run", runtime),
    };
    /* /tmp/reeve-UID could have been made by somebody else: it must be ours before we build in it. */
    char *base = directories_runtime_base();
    bool ours = strncmp(base, "/tmp/", 5) != 0 || directories_make_one(base, 0700, error);
    free(base);
    if (ours && directories_make_all(directories, error))
        return true;
    directories_free(directories);
    return false;
}

void directories_remove_empty(const struct directories *directories)
{
    /* rmdir(2) refuses what is not empty: sockets of runs that go on stay. */
    rmdir(directories->sockets);
    rmdir(directories->runtime);
}

void directories_free(struct directories *directories)
{
    free(directories->state);
    free(directories->runtime);
    free(directories->sockets);
    *directories = (struct directories){0};
}

enum { DIRECTORIES_BASES_MOST = 3 };

/* Each base once, and only our own: anybody may make /tmp/reeve-UID. */
struct directories_search {
    void (*found)(void *owner, const char *runtime);
    void *owner;
    struct stat seen[DIRECTORIES_BASES_MOST];
    size_t count;
};

static bool directories_is_new(struct directories_search *search, DIR *directory)
{
    struct stat about;
    if (fstat(dirfd(directory), &about) < 0 || about.st_uid != geteuid())
        return false;
    for (size_t i = 0; i < search->count; i++)
        if (search->seen[i].st_dev == about.st_dev && search->seen[i].st_ino == about.st_ino)
            return false;
    search->seen[search->count++] = about;
    return true;
}

/* Takes `base`. */
static void directories_look(struct directories_search *search, char *base)
{
    DIR *directory = opendir(base);
    bool ours = directory && directories_is_new(search, directory);
    for (const struct dirent *entry; ours && (entry = readdir(directory));) {
        if (entry->d_name[0] == '.' || strchr(entry->d_name, ':'))
            continue;
        char *runtime = memory_format("%s/%s", base, entry->d_name);
        search->found(search->owner, runtime);
        free(runtime);
    }
    if (directory)
        closedir(directory);
    free(base);
}

void directories_each(void (*found)(void *owner, const char *runtime), void *owner)
{
    struct directories_search search = {.found = found, .owner = owner};
    unsigned user = (unsigned)geteuid();
    directories_look(&search, directories_runtime_base());
    if (user == 0)
        return;
    directories_look(&search, memory_format("/run/user/%u/reeve", user));
    directories_look(&search, memory_format("/tmp/reeve-%u", user));
}

int directories_open(const char *state, const char *name)
{
    char *path = memory_format("%s/%s", state, name);
    mkdir(path, 0711);
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int result = fd < 0 ? -errno : fd;
    free(path);
    return result;
}
