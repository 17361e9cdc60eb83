#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/slice.h"

#include "keep/notify.h"

void notify_send(const char *state)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (!path || (path[0] != '/' && path[0] != '@') || strlen(path) >= sizeof address.sun_path)
        return;
    memcpy(address.sun_path, path, strlen(path));
    if (path[0] == '@')
        address.sun_path[0] = '\0';
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
    sendto(fd, state, strlen(state), MSG_NOSIGNAL | MSG_DONTWAIT, (const struct sockaddr *)&address, size);
    close(fd);
}

int64_t notify_watchdog_interval(const char *microseconds, const char *pid, pid_t self)
{
    uint64_t time_us = 0, named = 0;
    if (!microseconds || !slice_to_u64(slice_of_text(microseconds), &time_us))
        return 0;
    if (pid && (!slice_to_u64(slice_of_text(pid), &named) || named != (uint64_t)self))
        return 0;
    uint64_t half_ms = time_us / 2000;
    return half_ms < INT64_MAX / 2000 ? (int64_t)half_ms : 0;
}

static void notify_on_due(struct loop_timer *timer)
{
    struct notify_watchdog *watchdog = LIST_ENTRY(timer, struct notify_watchdog, due);
    if (watchdog->is_well(watchdog->owner))
        notify_send("WATCHDOG=1");
    loop_timer_start(watchdog->loop, timer, watchdog->interval_ms, notify_on_due);
}

void notify_watchdog_start(struct notify_watchdog *watchdog)
{
    watchdog->interval_ms =
        notify_watchdog_interval(getenv("WATCHDOG_USEC"), getenv("WATCHDOG_PID"), getpid());
    if (watchdog->interval_ms)
        notify_on_due(&watchdog->due);
}

void notify_watchdog_stop(struct notify_watchdog *watchdog)
{
    loop_timer_stop(&watchdog->due);
}
