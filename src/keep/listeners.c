#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/memory.h"
#include "base/text.h"
#include "net/listener.h"
#include "net/sockdiag.h"

#include "keep/console.h"
#include "keep/listeners.h"

enum { LISTENERS_FAILED = 1, LISTENERS_PORT_HELD = 4, LISTENERS_RETRY_MS = 50, LISTENERS_FIRST_PASSED = 3 };

/* Puts the place of the nth before the text. Returns false. */
static bool listeners_wrong(const struct config *config, size_t nth, struct error *error)
{
    char text[256];
    const struct config_place place = nth < config->listeners.count
                                          ? config->listeners.items[nth].item.place
                                          : config_place_of(&config->item, "console.listen");
    return error_prefix(error, "%s", config_place_text(&place, text, sizeof text));
}

bool listeners_new(struct listeners *listeners, const struct config *config, struct error *error)
{
    size_t count = config->listeners.count;
    bool fixed = config_is_set(&config->item, "console.listen");
    *listeners = (struct listeners){
        .addresses = MEMORY_ARRAY(struct address, count + 1),
        .descriptors = MEMORY_ARRAY(int, count + 1),
        .count = count + fixed,
        .console = fixed ? count : LISTENERS_NONE,
        .fixed = fixed,
    };
    for (size_t i = 0; i <= count; i++)
        listeners->descriptors[i] = -1;
    for (size_t i = 0; i < listeners->count; i++) {
        const char *text = i < count ? config->listeners.items[i].address : config->console.listen;
        if (address_parse(slice_of_text(text), &listeners->addresses[i], error))
            continue;
        listeners_free(listeners);
        return listeners_wrong(config, i, error);
    }
    return true;
}

void listeners_add_console(struct listeners *listeners, const struct address *address, int fd)
{
    CHECK(listeners->console == LISTENERS_NONE);
    listeners->console = listeners->count++;
    listeners->addresses[listeners->console] = *address;
    listeners->descriptors[listeners->console] = fd;
}

void listeners_take(struct listeners *listeners, int fd)
{
    struct address bound = {.size = sizeof bound.local};
    int listening = 0;
    socklen_t size = sizeof listening;
    if (getsockname(fd, &bound.any, &bound.size) == 0 &&
        getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) == 0 && listening) {
        for (size_t i = 0; i < listeners->count; i++) {
            if (listeners->descriptors[i] >= 0 || !address_equal(&listeners->addresses[i], &bound))
                continue;
            listeners->descriptors[i] = fd;
            return;
        }
        if (listeners->console == LISTENERS_NONE && console_fits(listeners, &bound)) {
            listeners_add_console(listeners, &bound, fd);
            return;
        }
    }
    close(fd);
}

void listeners_take_passed(struct listeners *listeners)
{
    const char *pid = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS");
    uint64_t passed = 0, for_pid = 0;
    if (pid && count && slice_to_u64(slice_of_text(pid), &for_pid) && for_pid == (uint64_t)getpid() &&
        slice_to_u64(slice_of_text(count), &passed))
        for (int fd = LISTENERS_FIRST_PASSED; fd < LISTENERS_FIRST_PASSED + (int)passed; fd++) {
            fcntl(fd, F_SETFD, FD_CLOEXEC);
            fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
            listeners_take(listeners, fd);
        }
    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_FDNAMES");
}

/* --- a port that is held ------------------------------------------------------------------------- */

struct listeners_attempt {
    const struct listeners_settings *settings;
    const struct address *address;
    int64_t deadline_ms;
    bool told;
    struct holder holders[HOLDER_MOST];
    int holder_count;
};

static int64_t listeners_now_ms(void)
{
    return clock_system.monotonic_us(&clock_system) / 1000;
}

static json_t *listeners_evidence(const struct holder *holder, const struct address *address)
{
    char text[ADDRESS_TEXT_SIZE];
    return json_pack("{s:s, s:i, s:I, s:i, s:s, s:I}", "address", address_format(address, text), "pid",
                     (int)holder->identity.pid, "start_time", (json_int_t)holder->identity.start_time, "uid",
                     (int)holder->user, "command", holder->command, "socket_inode",
                     (json_int_t)holder->inode);
}

static void listeners_report_signal(void *owner, const struct holder *holder, int signo)
{
    const struct listeners_attempt *attempt = owner;
    json_t *evidence = listeners_evidence(holder, attempt->address);
    json_object_set_new(evidence, "signal", json_integer(signo));
    attempt->settings->journal(attempt->settings->owner, "port-takeover", evidence);
    json_decref(evidence);
}

static bool listeners_may_evict(const struct listeners_attempt *attempt, const struct holder *holder)
{
    enum config_takeover takeover = attempt->settings->config->takeover;
    if (takeover == CONFIG_TAKEOVER_NEVER || holder->identity.pid == 0)
        return false;
    return takeover == CONFIG_TAKEOVER_ANY ||
           attempt->settings->ours(attempt->settings->owner, &holder->identity);
}

/* True when somebody was told to go (or has gone), so that binding is worth another try at once. */
static bool listeners_evict(struct listeners_attempt *attempt)
{
    bool evicted = false;
    attempt->holder_count = holder_find(attempt->address, attempt->holders);
    for (int i = 0; i < attempt->holder_count; i++) {
        int64_t left = attempt->deadline_ms - listeners_now_ms();
        if (left > 0 && listeners_may_evict(attempt, &attempt->holders[i]))
            evicted |= holder_evict(&attempt->holders[i], left, listeners_report_signal, attempt) == 0;
    }
    return evicted;
}

static int listeners_refuse(struct listeners_attempt *attempt, struct error *error)
{
    holder_describe(attempt->holders, attempt->holder_count, attempt->address, error);
    json_t *evidence =
        attempt->holder_count ? listeners_evidence(&attempt->holders[0], attempt->address) : json_object();
    attempt->settings->journal(attempt->settings->owner, "port-refused", evidence);
    json_decref(evidence);
    struct error found = *error;
    error_set(error,
              "%s. Not one of reeve's own, so it was left alone; end it, listen elsewhere, or allow it with "
              "`takeover: any`",
              found.text);
    return LISTENERS_PORT_HELD;
}

static const char *listeners_advice(const struct address *address, int error)
{
    if (address->any.sa_family == AF_UNIX)
        return "";
    if (error == -EACCES)
        return "; ports below 1024 are for root and for CAP_NET_BIND_SERVICE: take a higher one";
    if (error == -EADDRNOTAVAIL)
        return "; this machine has no such address: `ip address` shows those it has";
    return "";
}

/* Once per listener: the wait would be a mystery. */
static void listeners_tell_wait(struct listeners_attempt *attempt)
{
    struct error found = {0};
    int64_t left = attempt->deadline_ms - listeners_now_ms();
    if (attempt->told || left <= 0)
        return;
    attempt->told = true;
    holder_describe(attempt->holders, attempt->holder_count, attempt->address, &found);
    log_warning(attempt->settings->log, "waiting for a port", LOG_TEXT("because", found.text),
                LOG_NUMBER("at_most_ms", left));
}

static int listeners_open_one(struct listeners_attempt *attempt, struct error *error)
{
    bool wait = attempt->settings->config->takeover != CONFIG_TAKEOVER_NEVER;
    for (;;) {
        int fd = listener_bind(attempt->address);
        if (fd >= 0)
            return fd;
        char text[ADDRESS_TEXT_SIZE];
        if (fd != -EADDRINUSE) {
            error_set(error, "cannot listen on %s: %s%s", address_format(attempt->address, text),
                      strerror(-fd), listeners_advice(attempt->address, fd));
            return -LISTENERS_FAILED;
        }
        bool again = listeners_evict(attempt);
        if (!wait || listeners_now_ms() >= attempt->deadline_ms)
            return -listeners_refuse(attempt, error);
        listeners_tell_wait(attempt);
        /* A holder that is about to leave (boot races) is waited for; poll(2) is only the pause. */
        if (!again)
            poll(NULL, 0, LISTENERS_RETRY_MS);
    }
}

int listeners_open(struct listeners *listeners, const struct listeners_settings *settings,
                   struct error *error)
{
    struct listeners_attempt attempt = {
        .settings = settings,
        .deadline_ms = listeners_now_ms() + settings->config->takeover_timeout_ms,
    };
    for (size_t i = 0; i < listeners->count; i++) {
        if (listeners->descriptors[i] >= 0)
            continue;
        attempt.address = &listeners->addresses[i];
        int fd = listeners_open_one(&attempt, error);
        if (fd < 0) {
            listeners_wrong(settings->config, i, error);
            return -fd;
        }
        listeners->descriptors[i] = fd;
    }
    console_open(listeners, settings->log);
    return 0;
}

/* --- the end -------------------------------------------------------------------------------------- */

/* What is at the path of a unix socket, when it is the one that `fd` is bound to. */
static bool listeners_file(const struct address *address, int fd, struct stat *file)
{
    struct sockdiag_listener found;
    struct stat about;
    return address->any.sa_family == AF_UNIX && fstat(fd, &about) == 0 &&
           lstat(address->local.sun_path, file) == 0 && S_ISSOCK(file->st_mode) &&
           sockdiag_listeners(address, &found, 1) == 1 && found.inode == about.st_ino;
}

/* The kernel says whether others listen there: a connection to find out would start what systemd starts. */
static void listeners_remove_file(const struct address *address, const struct stat *file)
{
    struct sockdiag_listener found;
    struct stat now;
    if (sockdiag_listeners(address, &found, 1) == 0 && lstat(address->local.sun_path, &now) == 0 &&
        now.st_dev == file->st_dev && now.st_ino == file->st_ino)
        unlink(address->local.sun_path);
}

void listeners_end(struct listeners *listeners)
{
    for (size_t i = 0; i < listeners->count; i++) {
        struct stat file;
        if (listeners->descriptors[i] < 0)
            continue;
        bool ours = listeners_file(&listeners->addresses[i], listeners->descriptors[i], &file);
        close(listeners->descriptors[i]);
        listeners->descriptors[i] = -1;
        if (ours)
            listeners_remove_file(&listeners->addresses[i], &file);
    }
    listeners_free(listeners);
}

void listeners_free(struct listeners *listeners)
{
    for (size_t i = 0; i < listeners->count; i++)
        if (listeners->descriptors[i] >= 0)
            close(listeners->descriptors[i]);
    free(listeners->addresses);
    free(listeners->descriptors);
    *listeners = (struct listeners){0};
}
