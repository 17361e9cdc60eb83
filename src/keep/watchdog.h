/* The built-in watchdog (design §5): what is to become of a hold that does not answer the monitor. Pure. */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum watchdog_verdict {
    WATCHDOG_WAIT,    /* shown, and left alone */
    WATCHDOG_GIVE_UP, /* the run is killed whole and started again by policy */
};

struct watchdog_view {
    int64_t silent_ms; /* since it was asked */
    char state;        /* of its process, as in /proc/PID/stat (proc(5)); '?': unknown */
};

enum {
    WATCHDOG_STOPPED_MS = 6000, /* one that is stopped does not come back by itself */
    WATCHDOG_SLOW_MS = 30000,   /* one that runs or sleeps may only be slow */
};

/* A hold that waits for a disk ('D') cannot be killed and comes back with it; one that is traced ('t') has
 * somebody who looks at it; one that has gone ('Z', 'X') is reported by other means. */
enum watchdog_verdict watchdog_judge(const struct watchdog_view *view);
/* "has not answered for 8.0 s (stopped)", into text[size]. */
void watchdog_text(const struct watchdog_view *view, char *text, size_t size);
