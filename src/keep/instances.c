/* Row first, then the deed: a record is written before what it tells of happens, so that a later keeper can
 * go on wherever this one was interrupted. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "base/memory.h"

#include "keep/adoption.h"
#include "keep/directories.h"
#include "keep/instance_allow.h"
#include "keep/instance_item.h"
#include "keep/instance_request.h"
#include "keep/instances.h"
#include "keep/trash.h"

enum {
    INSTANCES_LOOK_MS = 60 * 60 * 1000, /* wall clock moves by jumps: look again after that at most */
};

/* One who waits for a removal. */
struct instances_waiter {
    struct list link;
    void (*done)(void *owner);
    void *owner;
};

struct instances {
    struct targets_settings settings; /* of the targets */
    struct targets *targets;
    int folder, run, log; /* of the state directory */
    struct trash *trash;
    struct instance_item *by_name;
    struct loop_timer retention;
};

static void instances_plan(struct instances *instances);

/* --- small things -----------------------------------------------------------------------------------------
 */

static int64_t instances_now_ms(const struct instances *instances)
{
    const struct clock *clock = loop_clock(instances->settings.loop);
    return clock->wall_ms(clock);
}

/* Takes `evidence`. */
static void instances_journal(const struct instances *instances, const char *target, const char *event,
                              json_t *evidence)
{
    CHECK(evidence);
    instances->settings.events->on_journal(instances->settings.owner, target, event, evidence);
    json_decref(evidence);
}

static struct instance_item *instances_find(const struct instances *instances, const char *name)
{
    struct instance_item *item;
    HASH_FIND_STR(instances->by_name, name, item);
    return item;
}

static const struct config_template *instances_template(const struct config *config, const char *name)
{
    for (size_t i = 0; i < config->templates.count; i++)
        if (strcmp(config->templates.items[i].service.name, name) == 0)
            return &config->templates.items[i];
    return NULL;
}

/* By the name of an instance. */
static const struct config_template *instances_template_of(const struct config *config, const char *name)
{
    char *template = memory_text_of(name, strcspn(name, "/"));
    const struct config_template *found = instances_template(config, template);
    free(template);
    return found;
}

/* STATE/instances/TEMPLATE; free it. */
static char *instances_directory(const struct instances *instances, const struct config_template *template)
{
    return memory_format("%s/instances/%s", instances->settings.state_directory, template->service.name);
}

static struct instance_item *instances_add(struct instances *instances,
                                           const struct config_template *template,
                                           const struct instance_record *record)
{
    char *folder = instances_directory(instances, template);
    struct instance_item *item = instance_item_new(template, folder, record);
    HASH_ADD_KEYPTR(hh, instances->by_name, item->name, strlen(item->name), item);
    free(folder);
    return item;
}

static void instances_forget(struct instances *instances, struct instance_item *item)
{
    HASH_DEL(instances->by_name, item);
    instance_item_free(item);
}

static const struct target_row *instances_begin(struct instances *instances, struct instance_item *item)
{
    const struct targets_instance target = {
        .service = &item->service,
        .instance = &item->instance,
        .up = item->record.up && !item->record.ended_ms,
        .outcome = item->record.ended_ms ? &item->record.outcome : NULL,
    };
    return targets_add(instances->targets, &target);
}

/* --- creating
 * ------------------------------------------------------------------------------------------------ */

static bool instances_is_full(const struct instances *instances, const struct config_template *template)
{
    const struct instance_item *item, *next;
    unsigned count = 0;
    if (HASH_COUNT(instances->by_name) >= INSTANCES_KEPT_MOST)
        return true;
    HASH_ITER(hh, instances->by_name, item, next)
    {
        count += item->template == template && !item->record.ended_ms;
    }
    return count >= template->max_instances;
}

/* One that nobody has yet; free it. */
static char *instances_make_id(const struct instances *instances, const struct config_template *template)
{
    char *id = NULL;
    for (bool taken = true; taken;) {
        free(id);
        id = instance_record_make_id();
        char *name = memory_format("%s/%s", template->service.name, id);
        taken = instances_find(instances, name) != NULL;
        free(name);
    }
    return id;
}

/* What an earlier keeper may have left under this name without a record. 0 or -errno. */
static int instances_clear_way(struct instances *instances, const struct instance_item *item)
{
    int parent = open(item->folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    int error = parent < 0 ? -errno : trash_take(instances->trash, parent, item->record.id);
    if (parent >= 0)
        close(parent);
    return error;
}

static void instances_create_new(struct instances *instances, const struct config_template *template,
                                 const struct instances_request *request, struct instances_answer *answer)
{
    struct instance_record record = {
        .id = memory_text(request->id),
        .owner = memory_text(request->who->user),
        .parameters = request->parameters ? json_deep_copy(request->parameters) : json_object(),
        .created_ms = instances_now_ms(instances),
    };
    struct instance_item *item = instances_add(instances, template, &record);
    int failed = instances_clear_way(instances, item);
    if (!failed)
        failed = instance_record_write(item->folder, &item->record);
    if (failed)
        error_set(&answer->error, "its record cannot be written: %s", strerror(-failed));
    if (failed || !instance_item_make_folder(item, instances->settings.gates_group, &answer->error)) {
        instance_record_remove(item->folder, item->record.id);
        instances_clear_way(instances, item);
        instances_forget(instances, item);
        answer->status = 503;
        return;
    }
    instances_journal(instances, item->name, "instance-created", json_pack("{s:s}", "by", request->by));
    answer->row = instances_begin(instances, item);
    answer->status = 201;
}

static void instances_create_named(struct instances *instances, const struct config_template *template,
                                   const struct instances_request *request, struct instances_answer *answer)
{
    char *name = memory_format("%s/%s", request->template, request->id);
    const struct instance_item *item = instances_find(instances, name);
    free(name);
    const struct instance_request_place place = {
        .template = template, .item = item, .full = !item && instances_is_full(instances, template)};
    if (instance_request_is_granted(instances->settings.config, request, &place, answer))
        instances_create_new(instances, template, request, answer);
    else if (answer->status == 200)
        answer->row = targets_find(instances->targets, item->name);
}

void instances_create(struct instances *instances, const struct instances_request *request,
                      struct instances_answer *answer)
{
    const struct config_template *template =
        instances_template(instances->settings.config, request->template);
    struct instances_request named = *request;
    *answer = (struct instances_answer){0};
    if (targets_are_stopping(instances->targets)) {
        error_set(&answer->error, "reeve is stopping");
        answer->status = 503;
        return;
    }
    if (!instance_request_is_sound(request, template, answer))
        return;
    char *made_up = request->id ? NULL : instances_make_id(instances, template);
    if (made_up)
        named.id = made_up;
    instances_create_named(instances, template, &named, answer);
    free(made_up);
}

bool instances_may_steer(const struct instances *instances, const char *name, const struct principal *who)
{
    const struct instance_item *item = instances_find(instances, name);
    const struct config *config = instances->settings.config;
    if (!item)
        return false;
    /* Not its own: that of one which is going may be of an older configuration. */
    const struct config_template *template = instances_template_of(config, name);
    return template ? instance_allow(config, template, item->record.id, who) : principal_passes(who, NULL, 0);
}

/* --- removing
 * -------------------------------------------------------------------------------------------------- */

static void instances_start_removal(struct instances *instances, struct instance_item *item, const char *why)
{
    item->removing = true;
    item->record.leaving = true;
    instance_item_write(item, instances->settings.log);
    instances_journal(instances, item->name, "instance-removed", json_pack("{s:s}", "by", why));
    targets_remove(instances->targets, item->name);
}

bool instances_remove(struct instances *instances, const char *name, const char *by,
                      void (*done)(void *owner), void *owner)
{
    struct instance_item *item = instances_find(instances, name);
    if (!item)
        return false;
    struct instances_waiter *waiter = MEMORY_NEW(struct instances_waiter);
    *waiter = (struct instances_waiter){.done = done, .owner = owner};
    list_append(&item->waiters, &waiter->link);
    if (!item->removing)
        instances_start_removal(instances, item, by);
    return true;
}

static void instances_waiter_free(struct instances_waiter *waiter)
{
    list_remove(&waiter->link);
    free(waiter);
}

void instances_forget_owner(struct instances *instances, void *owner)
{
    struct instance_item *item, *next;
    HASH_ITER(hh, instances->by_name, item, next)
    {
        LIST_FOR_EACH(link, &item->waiters)
        {
            struct instances_waiter *waiter = LIST_ENTRY(link, struct instances_waiter, link);
            if (waiter->owner == owner)
                instances_waiter_free(waiter);
        }
    }
}

/* Folder, logs, records of runs, and the record of all this last. */
static void instances_take_away(struct instances *instances, const struct instance_item *item)
{
    char logs[RECORD_FILE_SIZE];
    int failed = instances_clear_way(instances, item);
    if (!failed)
        failed = trash_take(instances->trash, instances->log, record_folder(item->name, logs));
    adoption_forget(instances->run, item->name);
    instance_record_remove(item->folder, item->record.id);
    if (failed)
        log_error(instances->settings.log, "files of a removed instance stay", LOG_TEXT("target", item->name),
                  LOG_TEXT("error", strerror(-failed)));
}

void instances_on_gone(struct instances *instances, const struct target_row *row)
{
    struct instance_item *item = instances_find(instances, row->name);
    struct list waiters;
    if (!item)
        return;
    if (item->removing)
        instances_take_away(instances, item);
    list_init(&waiters);
    LIST_FOR_EACH(link, &item->waiters)
    {
        list_remove(link);
        list_append(&waiters, link);
    }
    instances_forget(instances, item);
    while (!list_empty(&waiters)) {
        struct instances_waiter *waiter = LIST_ENTRY(waiters.next, struct instances_waiter, link);
        struct instances_waiter told = *waiter;
        instances_waiter_free(waiter);
        told.done(told.owner);
    }
}

/* --- what happens to them
 * ----------------------------------------------------------------------------------------- */

void instances_on_change(struct instances *instances, const struct target_row *row)
{
    struct instance_item *item = row->instance ? instances_find(instances, row->name) : NULL;
    bool over = row->state == TARGET_ENDED || row->state == TARGET_FAILED;
    if (!item || targets_are_stopping(instances->targets) || item->removing || item->forgotten)
        return;
    struct instance_record *record = &item->record;
    bool same_end =
        over ? record->ended_ms && record->outcome.generation == row->generation : !record->ended_ms;
    if (same_end && record->up == row->wanted)
        return;
    if (!same_end) {
        record->ended_ms = over ? instances_now_ms(instances) : 0;
        record->outcome = *row;
    }
    record->up = row->wanted;
    instance_item_write(item, instances->settings.log);
    instances_plan(instances);
}

static bool instances_expires(const struct instance_item *item)
{
    return item->record.ended_ms && !item->removing && !item->forgotten;
}

static void instances_on_retention(struct loop_timer *timer)
{
    struct instances *instances = LIST_ENTRY(timer, struct instances, retention);
    struct instance_item *item, *next;
    int64_t now_ms = instances_now_ms(instances);
    HASH_ITER(hh, instances->by_name, item, next)
    {
        if (instances_expires(item) && item->record.ended_ms + item->template->retention_ms <= now_ms)
            instances_start_removal(instances, item, "retention");
    }
    instances_plan(instances);
}

/* When the next one is due. */
static void instances_plan(struct instances *instances)
{
    const struct instance_item *item, *next;
    int64_t now_ms = instances_now_ms(instances), delay_ms = INT64_MAX;
    HASH_ITER(hh, instances->by_name, item, next)
    {
        if (!instances_expires(item))
            continue;
        int64_t left_ms = item->record.ended_ms + item->template->retention_ms - now_ms;
        if (left_ms < delay_ms)
            delay_ms = left_ms > 0 ? left_ms : 0;
    }
    if (delay_ms == INT64_MAX || targets_are_stopping(instances->targets))
        loop_timer_stop(&instances->retention);
    else
        loop_timer_start(instances->settings.loop, &instances->retention,
                         delay_ms < INSTANCES_LOOK_MS ? delay_ms : INSTANCES_LOOK_MS, instances_on_retention);
}

/* --- the beginning, and another configuration
 * ------------------------------------------------------------------ */

/* One template's records being read. */
struct instances_reading {
    struct instances *instances;
    const struct config_template *template;
    const char *directory;
};

static void instances_on_record(void *owner, const char *id)
{
    const struct instances_reading *reading = owner;
    struct instances *instances = reading->instances;
    struct instance_record record;
    struct error error = {0};
    if (!instance_record_read(reading->directory, id, &record, &error)) {
        log_warning(instances->settings.log, "an instance's record cannot be understood and was moved aside",
                    LOG_TEXT("template", reading->template->service.name), LOG_TEXT("id", id),
                    LOG_TEXT("error", error.text));
        instances_journal(instances, NULL, "record-moved",
                          json_pack("{s:s, s:s, s:s}", "template", reading->template->service.name, "record",
                                    id, "text", error.text));
        return;
    }
    char *name = memory_format("%s/%s", reading->template->service.name, id);
    bool known = instances_find(instances, name) != NULL;
    free(name);
    if (known) { /* a reload that brought its template back */
        instance_record_clear(&record);
        return;
    }
    struct instance_item *item = instances_add(instances, reading->template, &record);
    if (!record.leaving && !instance_item_make_folder(item, instances->settings.gates_group, &error))
        log_error(instances->settings.log, "an instance has no folder", LOG_TEXT("target", item->name),
                  LOG_TEXT("error", error.text));
    instances_begin(instances, item);
    if (record.leaving) {
        item->removing = true;
        targets_remove(instances->targets, item->name);
    }
}

static bool instances_read(struct instances *instances, const struct config_template *template,
                           struct error *error)
{
    char *directory = instances_directory(instances, template);
    struct instances_reading reading = {instances, template, directory};
    mkdirat(instances->folder, template->service.name, 0711);
    int fd =
        openat(instances->folder, template->service.name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    bool fine = fd >= 0 && fchmod(fd, 0711) == 0;
    if (!fine)
        error_set(error, "cannot make the folder %s: %s", directory, strerror(errno));
    else
        instance_record_each(directory, instances_on_record, &reading);
    if (fd >= 0)
        close(fd);
    free(directory);
    return fine;
}

static bool instances_read_all(struct instances *instances, struct error *error)
{
    const struct config_templates *templates = &instances->settings.config->templates;
    bool fine = true;
    for (size_t i = 0; i < templates->count && fine; i++)
        fine = instances_read(instances, &templates->items[i], error);
    instances_plan(instances);
    return fine;
}

struct instances *instances_new(const struct targets_settings *made, struct targets *targets,
                                struct error *error)
{
    struct instances *instances = MEMORY_NEW(struct instances);
    instances->settings = *made;
    instances->targets = targets;
    instances->folder = directories_open(made->state_directory, "instances");
    instances->run = directories_open(made->state_directory, "run");
    instances->log = directories_open(made->state_directory, "log");
    if (instances->folder >= 0)
        instances->trash = trash_new(made->loop, made->log, instances->folder);
    if (!instances->trash)
        error_set(error, "cannot make %s/instances: %s", made->state_directory, strerror(-instances->folder));
    if (!instances->trash || !instances_read_all(instances, error))
        instances_free(&instances);
    return instances;
}

void instances_reload(struct instances *instances, const struct config *config)
{
    struct instance_item *item, *next;
    struct error error = {0};
    instances->settings.config = config;
    HASH_ITER(hh, instances->by_name, item, next)
    {
        if (item->removing || item->forgotten)
            continue;
        const struct config_template *template = instances_template(config, item->template->service.name);
        if (template) {
            instance_item_set_template(item, template);
        } else {
            item->forgotten = true;
            targets_remove(instances->targets, item->name);
        }
    }
    if (!instances_read_all(instances, &error))
        log_error(instances->settings.log, "instances cannot be read", LOG_TEXT("error", error.text));
}

/* --- telling
 * --------------------------------------------------------------------------------------------------- */

const struct config *instances_config(const struct instances *instances)
{
    return instances->settings.config;
}

const struct targets *instances_targets(const struct instances *instances)
{
    return instances->targets;
}

struct loop *instances_loop(const struct instances *instances)
{
    return instances->settings.loop;
}

bool instances_is_known(const struct instances *instances, const char *name)
{
    return instances_find(instances, name) != NULL;
}

size_t instances_count(const struct instances *instances, const char *template)
{
    const struct instance_item *item, *next;
    struct slice prefix = slice_of_text(template);
    size_t count = 0;
    HASH_ITER(hh, instances->by_name, item, next)
    {
        count += slice_starts_with(slice_of_text(item->name), prefix) && item->name[prefix.size] == '/';
    }
    return count;
}

void instances_free(struct instances **where)
{
    struct instances *instances = *where;
    struct instance_item *item, *next;
    if (!instances)
        return;
    HASH_ITER(hh, instances->by_name, item, next)
    {
        LIST_FOR_EACH(link, &item->waiters)
        {
            instances_waiter_free(LIST_ENTRY(link, struct instances_waiter, link));
        }
        instances_forget(instances, item);
    }
    loop_timer_stop(&instances->retention);
    trash_free(&instances->trash);
    const int fds[] = {instances->folder, instances->run, instances->log};
    for (size_t i = 0; i < sizeof fds / sizeof *fds; i++)
        if (fds[i] >= 0)
            close(fds[i]);
    free(instances);
    *where = NULL;
}
