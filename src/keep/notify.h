/* Tells the service manager how we are: sd_notify(3)'s protocol, one datagram to $NOTIFY_SOCKET. */
#pragma once

#include "loop/loop.h"

/* "READY=1", "STOPPING=1", ... Does nothing without a service manager. */
void notify_send(const char *state);

/* Its watchdog (WatchdogSec=, in $WATCHDOG_USEC) is told WATCHDOG=1 at half of its time, as long as the loop
 * turns and `is_well` says so. */
struct notify_watchdog {
    struct loop *loop;
    bool (*is_well)(void *owner);
    void *owner;
    int64_t interval_ms; /* 0: nobody asked for it */
    struct loop_timer due;
};

void notify_watchdog_start(struct notify_watchdog *watchdog);
void notify_watchdog_stop(struct notify_watchdog *watchdog);
/* Half of the time that `microseconds` ($WATCHDOG_USEC) says, in milliseconds; 0 when it says nothing, or
 * when `pid` ($WATCHDOG_PID, may be NULL) names another process than `self`. Pure. */
int64_t notify_watchdog_interval(const char *microseconds, const char *pid, pid_t self);
