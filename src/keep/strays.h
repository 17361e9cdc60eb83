/* Runs that no target owns any more: of services that left the configuration, or older than the current one.
 * They are ended as any other, only nobody waits for them. */
#pragma once

#include "keep/run.h"

struct strays;

struct strays_settings {
    struct run_settings run; /* its events and owner are ours to set */
    /* A stray has gone. */
    void (*on_gone)(void *owner);
    void (*on_journal)(void *owner, const char *target, const char *event, const json_t *evidence);
    void *owner;
};

struct strays *strays_new(const struct strays_settings *settings);
void strays_end(struct strays *strays, const struct record *record);
size_t strays_count(const struct strays *strays);
/* A job of an earlier keeper (keep/job.h) is still being ended: its successor would run beside it. */
bool strays_have_job(const struct strays *strays);
/* Without grace from here on. */
void strays_hurry(struct strays *strays);
void strays_free(struct strays **strays);
