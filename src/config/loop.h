/* Loops and hooks: what reeve itself runs, each time to its end (see config/config.h). */
#pragma once

#include "config/cron.h"
#include "config/place.h"

/* One command of a list; its words are as those of a service. */
struct config_command {
    struct config_place place;
    char *directory; /* working directory: that of the file it is written in */
    struct config_texts words;
};

struct config_commands {
    struct config_command *items;
    size_t count;
};

/* In order; each is over before the next begins. */
struct config_hooks {
    struct config_commands startup;
    struct config_commands shutdown;
};

enum config_overlap {
    CONFIG_OVERLAP_SKIP, /* due while the last run is not over: left out */
};

struct config_loop_http {
    char *to; /* name of a service with a listener or an address */
    char *path;
    char *method;
};

/* Has `command` or `http`, and `every` or `at`; exactly one of each pair. */
struct config_loop {
    struct config_item item;
    char *name;
    int64_t every_ms; /* from the end of a run to the next; 0: `at` says when */
    char *at;
    struct cron cron;
    char *directory;             /* working directory of the command */
    struct config_texts command; /* none: http */
    struct config_loop_http http;
    int64_t timeout_ms; /* a longer run has failed and is ended */
    enum config_overlap overlap;
    unsigned jitter; /* percent of `every`, either way */
    bool vital;      /* while it fails, the service manager's watchdog is not told that all is well */
};

struct config_loops {
    struct config_loop *items;
    size_t count;
};
