/* One reload at a time; what is tried for it (configuration, listeners) belongs to `next` until the gates
 * have said yes. Old configurations stay while a target still runs by one. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/list.h"
#include "base/memory.h"
#include "base/utf8.h"

#include "keep/reload.h"
#include "keep/reload_plan.h"

extern char **environ;

enum { RELOAD_LOOK_MS = 1000, RELOAD_OK = 200, RELOAD_BUSY = 409, RELOAD_WRONG = 422 };

struct reload_old {
    struct list link;
    struct config *config;
};

/* What is being tried. */
struct reload_next {
    struct config *config; /* NULL: nothing is */
    struct listeners listeners;
    struct config_changes changes;
    reload_done_fn *done; /* NULL: nobody wants to know */
    void *owner;
    char *by;
    bool dropped; /* the gates would not: targets that were new may still be ending by `config` */
};

struct reload {
    struct reload_settings settings;
    struct config *own; /* whose values rule, when they are not the first */
    struct reload_next next;
    struct list old;
    struct loop_timer look; /* whether the old ones may go */
    bool open;
};

/* --- what is read -----------------------------------------------------------------------------------------
 */

static struct config *reload_read(const struct reload *reload, struct error *error)
{
    const char *file = reload->settings.config->file;
    char directory[PATH_MAX];
    if (strcmp(file, "-") == 0) {
        error_set(error, "the configuration came from standard input, which cannot be read again");
        return NULL;
    }
    if (!getcwd(directory, sizeof directory))
        snprintf(directory, sizeof directory, "/");
    const struct config_environment environment = {
        .variables = (const char *const *)environ,
        .directory = directory,
        .root = geteuid() == 0,
    };
    struct config_errors errors = {0};
    struct config *config = config_load(file, &environment, &errors);
    if (!config) {
        char *text = config_errors_text(&errors);
        error_set(error, "%s", text);
        free(text);
    }
    config_errors_free(&errors);
    return config;
}

static json_t *reload_list(const struct config_changes *changes)
{
    json_t *list = json_array();
    for (size_t i = 0; i < changes->count; i++) {
        const struct config_change *change = &changes->items[i];
        json_array_append_new(list, json_pack("{s:s, s:O*, s:O*}", "path", change->path, "before",
                                              (json_t *)(uintptr_t)change->before, "after",
                                              (json_t *)(uintptr_t)change->after));
    }
    return list;
}

/* --- what is tried ----------------------------------------------------------------------------------------
 */

static void reload_next_free(struct reload_next *next)
{
    changes_free(&next->changes);
    listeners_free(&next->listeners);
    config_free(&next->config);
    free(next->by);
    *next = (struct reload_next){0};
}

/* Sockets that are open stay; ports that are new are bound, and nobody is ended for one. */
static bool reload_open_listeners(struct reload *reload, struct error *error)
{
    const struct listeners *now = reload->settings.listeners;
    struct reload_next *next = &reload->next;
    struct config patient = *next->config;
    struct listeners_settings settings = *reload->settings.listening;
    patient.takeover = CONFIG_TAKEOVER_NEVER;
    settings.config = &patient;
    if (!listeners_new(&next->listeners, next->config, error))
        return false;
    for (size_t i = 0; i < now->count; i++) {
        int fd = now->descriptors[i] < 0 ? -1 : fcntl(now->descriptors[i], F_DUPFD_CLOEXEC, 0);
        if (fd >= 0)
            listeners_take(&next->listeners, fd);
    }
    return listeners_open(&next->listeners, &settings, error) == 0;
}

static struct snapshot *reload_make_snapshot(struct reload *reload, struct error *error)
{
    const struct reload_settings *settings = &reload->settings;
    const struct snapshot *now = gates_snapshot(settings->gates);
    CHECK(now);
    return settings->events->make_snapshot(settings->owner, reload->next.config, &reload->next.listeners,
                                           now->number + 1, error);
}

static struct snapshot *reload_try(struct reload *reload, struct error *error)
{
    struct reload_next *next = &reload->next;
    next->config = reload_read(reload, error);
    if (!next->config)
        return NULL;
    changes_find(reload->settings.config, next->config, &next->changes);
    const struct reload_settings *settings = &reload->settings;
    if (!reload_plan_check(&next->changes, error) ||
        !settings->events->on_check(settings->owner, next->config, &next->changes, error) ||
        !reload_open_listeners(reload, error))
        return NULL;
    return reload_make_snapshot(reload, error);
}

/* --- what ruled --------------------------------------------------------------------------------------------
 */

static void reload_on_look(struct loop_timer *timer)
{
    struct reload *reload = LIST_ENTRY(timer, struct reload, look);
    const struct reload_settings *settings = &reload->settings;
    if (settings->events->is_leaving(settings->owner)) {
        loop_timer_start(settings->loop, timer, RELOAD_LOOK_MS, reload_on_look);
        return;
    }
    LIST_FOR_EACH(link, &reload->old)
    {
        struct reload_old *old = LIST_ENTRY(link, struct reload_old, link);
        list_remove(&old->link);
        config_free(&old->config);
        free(old);
    }
}

/* Kept until nothing that is leaving points into it. */
static void reload_retire(struct reload *reload, struct config **config)
{
    if (!*config)
        return;
    struct reload_old *old = MEMORY_NEW(struct reload_old);
    old->config = *config;
    *config = NULL;
    list_append(&reload->old, &old->link);
    loop_timer_start(reload->settings.loop, &reload->look, RELOAD_LOOK_MS, reload_on_look);
}

/* --- the answer -------------------------------------------------------------------------------------------
 */

static void reload_journal(struct reload *reload, const char *event, const char *text)
{
    json_t *paths = json_array();
    for (size_t i = 0; i < reload->next.changes.count; i++)
        json_array_append_new(paths, json_string(reload->next.changes.items[i].path));
    json_t *evidence = json_pack("{s:s?, s:o}", "by", reload->next.by, "changes", paths);
    if (text)
        json_object_set_new(evidence, "error", json_string(text));
    journal_note(reload->settings.journal, event, evidence);
}

static void reload_finish(struct reload *reload, int status, const char *text)
{
    struct reload_next next = reload->next;
    json_t *list = next.config && status == RELOAD_OK ? reload_list(&next.changes) : NULL;
    reload->next = (struct reload_next){0};
    if (next.done)
        next.done(next.owner, status, list, text);
    json_decref(list);
    if (next.dropped)
        reload_retire(reload, &next.config);
    reload_next_free(&next);
}

static void reload_refuse(struct reload *reload, struct error *error)
{
    log_error(reload->settings.log, "not reloaded: nothing was changed", LOG_TEXT("error", error->text));
    reload_journal(reload, "reload-refused", utf8_clean(error->text));
    reload_finish(reload, RELOAD_WRONG, error->text);
}

/* --- what rules -------------------------------------------------------------------------------------------
 */

static void reload_take(struct reload *reload)
{
    const struct reload_settings *settings = &reload->settings;
    struct reload_next *next = &reload->next;
    listeners_free(settings->listeners);
    *settings->listeners = next->listeners;
    next->listeners = (struct listeners){0};
    reload_retire(reload, &reload->own);
    reload->own = next->config;
    *settings->config = *next->config;
    settings->events->on_taken(settings->owner, settings->config, &next->changes);
    log_info(settings->log, "reloaded", LOG_NUMBER("changes", (int64_t)next->changes.count));
    reload_journal(reload, "reloaded", NULL);
    json_t *list = reload_list(&next->changes);
    if (next->done)
        next->done(next->owner, RELOAD_OK, list, NULL);
    json_decref(list);
    changes_free(&next->changes);
    free(next->by);
    *next = (struct reload_next){0};
}

bool reload_served(struct reload *reload, bool ok, const char *text)
{
    const struct reload_settings *settings = &reload->settings;
    if (!reload->next.config)
        return false;
    if (ok) {
        reload_take(reload);
        return true;
    }
    struct error error = {0};
    error_set(&error, "%s", text);
    settings->events->on_dropped(settings->owner, reload->next.config, &reload->next.changes);
    reload->next.dropped = true;
    reload_refuse(reload, &error);
    return true;
}

/* --- asking -----------------------------------------------------------------------------------------------
 */

void reload_ask(struct reload *reload, bool try_only, const char *by, reload_done_fn *done, void *owner)
{
    const struct reload_settings *settings = &reload->settings;
    struct error error = {0};
    if (!reload->open || reload->next.config || !gates_snapshot(settings->gates)) {
        const char *text = reload->open ? "another change is just being made: try again"
                                        : "reeve reloads only while it serves";
        log_error(settings->log, "not reloaded", LOG_TEXT("error", text));
        if (done)
            done(owner, RELOAD_BUSY, NULL, text);
        return;
    }
    reload->next = (struct reload_next){.done = done, .owner = owner, .by = memory_text(by)};
    struct snapshot *snapshot = reload_try(reload, &error);
    if (!snapshot) {
        reload_refuse(reload, &error);
    } else if (try_only) {
        snapshot_free(&snapshot);
        reload_finish(reload, RELOAD_OK, NULL);
    } else {
        settings->events->on_prepare(settings->owner, reload->next.config, &reload->next.changes);
        gates_serve(settings->gates, snapshot);
    }
}

void reload_set_open(struct reload *reload, bool open)
{
    reload->open = open;
}

void reload_forget(struct reload *reload, const void *owner)
{
    if (owner && reload->next.owner == owner)
        reload->next.done = NULL;
}

/* --- life -------------------------------------------------------------------------------------------------
 */

struct reload *reload_new(const struct reload_settings *settings)
{
    struct reload *reload = MEMORY_NEW(struct reload);
    reload->settings = *settings;
    list_init(&reload->old);
    return reload;
}

void reload_free(struct reload **owned)
{
    struct reload *reload = *owned;
    if (!reload)
        return;
    loop_timer_stop(&reload->look);
    LIST_FOR_EACH(link, &reload->old)
    {
        struct reload_old *old = LIST_ENTRY(link, struct reload_old, link);
        config_free(&old->config);
        free(old);
    }
    reload_next_free(&reload->next);
    config_free(&reload->own);
    free(reload);
    *owned = NULL;
}
