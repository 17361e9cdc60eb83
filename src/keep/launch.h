/* One start: folders, port or socket, command, environment and account of a run, then its hold (design §4).
 *
 * Everything that belongs to the run's user is made here and given to that user; the record beside it stays
 * the keeper's. */
#pragma once

#include "keep/run.h"
#include "keep/targets.h"

struct launch_settings {
    const struct targets_settings *targets;
    const struct config_service *service;
    const struct instance *instance; /* NULL: a service */
    const char *name;                /* of the target */
    uint64_t generation;
    uint64_t restarts;
    uint16_t port;     /* it shall listen on 127.0.0.1:port; 0: not TCP */
    int run_directory; /* run/ of the state directory; log/ is opened anew at each start */
    /* services.NAME.port and services.NAME.socket; NULL: not known now. */
    config_lookup_fn *services;
    void *owner;
};

/* NULL with text (and the setting's place): nothing was started. */
struct run *launch_run(const struct launch_settings *settings, const struct run_settings *run,
                       struct error *error);
/* Takes away what launch_run() made for the sockets of a run that is over. */
void launch_clean(const struct targets_settings *targets, const struct record *record);
