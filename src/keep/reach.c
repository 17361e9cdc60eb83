#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/list.h"
#include "base/memory.h"

#include "keep/reach.h"
#include "keep/row.h"

enum {
    REACH_TIMEOUT_MS = 2000,
    REACH_SURE = 2, /* failures in a row that count: a gate may have died over one */
};

struct reach_item {
    struct list link;
    struct reach *reach;
    char service[TARGET_NAME_SIZE];
    char address[TARGET_ADDRESS_SIZE];
    char tls[TARGET_TLS_SIZE];
    unsigned failures;
    char *reason; /* as it was told; NULL: it is well */
    int64_t reason_ms;
    bool asked;   /* an answer will come */
    bool leaving; /* no longer configured */
    bool kept;    /* by the reload under way */
    struct loop_timer next;
};

struct reach {
    struct reach_settings settings;
    struct list items;
    bool started;
};

static void reach_on_next(struct loop_timer *timer);

static void reach_free_item(void *object)
{
    struct reach_item *item = object;
    free(item->reason);
    free(item);
}

static void reach_drop(struct reach_item *item)
{
    list_remove(&item->link);
    loop_timer_stop(&item->next);
    loop_free_later(item->reach->settings.loop, item, reach_free_item);
}

/* `text` NULL: it is well. */
static void reach_tell(struct reach_item *item, const char *text)
{
    const struct reach_settings *settings = &item->reach->settings;
    int64_t now_ms = loop_now_ms(settings->loop);
    bool another = item->reason && text && strcmp(item->reason, text) != 0;
    bool soon = now_ms - item->reason_ms < REACH_WELL_MS;
    settings->on_result(settings->owner, item->service, item->address, text);
    if (another && soon)
        return;
    if (another)
        settings->on_reason(settings->owner, item->service, item->address, text);
    if (another || !item->reason)
        item->reason_ms = now_ms;
    free(item->reason);
    item->reason = memory_text(text);
}

static void reach_on_answer(void *owner, uint32_t tag, bool ok, const char *text)
{
    struct reach_item *item = owner;
    const struct reach_settings *settings = &item->reach->settings;
    (void)tag;
    item->asked = false;
    if (item->leaving) {
        reach_drop(item);
        return;
    }
    item->failures = ok ? 0 : item->failures < REACH_SURE ? item->failures + 1 : REACH_SURE;
    loop_timer_start(settings->loop, &item->next, ok ? REACH_WELL_MS : REACH_RETRY_MS, reach_on_next);
    if (ok || item->failures == REACH_SURE)
        reach_tell(item, ok ? NULL : text);
}

static void reach_on_next(struct loop_timer *timer)
{
    struct reach_item *item = LIST_ENTRY(timer, struct reach_item, next);
    const struct reach_settings *settings = &item->reach->settings;
    const struct prober_question question = {
        .target = item->service,
        .address = item->address,
        .tls = item->tls,
        .socket = -1,
        .timeout_ms = REACH_TIMEOUT_MS,
        .on_done = reach_on_answer,
        .owner = item,
    };
    item->asked = true;
    settings->on_ask(settings->owner, &question);
}

/* Checked in another way, it is another one. */
static struct reach_item *reach_find(const struct reach *reach, const struct target_row *row, int index)
{
    LIST_FOR_EACH(link, &reach->items)
    {
        struct reach_item *item = LIST_ENTRY(link, struct reach_item, link);
        if (!item->leaving && strcmp(item->service, row->name) == 0 && strcmp(item->tls, row->tls) == 0 &&
            strcmp(item->address, row->addresses[index]) == 0)
            return item;
    }
    return NULL;
}

static void reach_keep_or_add(struct reach *reach, const struct target_row *row, int index)
{
    struct reach_item *item = reach_find(reach, row, index);
    if (!item) {
        item = MEMORY_NEW(struct reach_item);
        item->reach = reach;
        snprintf(item->service, sizeof item->service, "%s", row->name);
        snprintf(item->address, sizeof item->address, "%s", row->addresses[index]);
        snprintf(item->tls, sizeof item->tls, "%s", row->tls);
        list_append(&reach->items, &item->link);
        if (reach->started)
            loop_timer_start(reach->settings.loop, &item->next, 0, reach_on_next);
    }
    item->kept = true;
}

static void reach_add(struct reach *reach, const struct config_service *service)
{
    struct target_row row;
    row_init(&row, service, 0, 0);
    for (int i = 0; service->addresses.count && i < row.address_count; i++)
        reach_keep_or_add(reach, &row, i);
}

static void reach_leave(struct reach_item *item)
{
    const struct reach_settings *settings = &item->reach->settings;
    settings->on_result(settings->owner, item->service, item->address, NULL);
    item->leaving = true;
    loop_timer_stop(&item->next);
    if (!item->asked)
        reach_drop(item);
}

void reach_reload(struct reach *reach, const struct config *config)
{
    LIST_FOR_EACH(link, &reach->items)
    {
        LIST_ENTRY(link, struct reach_item, link)->kept = false;
    }
    for (size_t i = 0; i < config->services.count; i++)
        reach_add(reach, &config->services.items[i]);
    LIST_FOR_EACH(link, &reach->items)
    {
        struct reach_item *item = LIST_ENTRY(link, struct reach_item, link);
        if (!item->kept && !item->leaving)
            reach_leave(item);
    }
}

struct reach *reach_new(const struct reach_settings *settings)
{
    struct reach *reach = MEMORY_NEW(struct reach);
    reach->settings = *settings;
    list_init(&reach->items);
    reach_reload(reach, settings->config);
    return reach;
}

void reach_start(struct reach *reach)
{
    reach->started = true;
    LIST_FOR_EACH(link, &reach->items)
    {
        struct reach_item *item = LIST_ENTRY(link, struct reach_item, link);
        loop_timer_start(reach->settings.loop, &item->next, 0, reach_on_next);
    }
}

void reach_free(struct reach **where)
{
    struct reach *reach = *where;
    if (!reach)
        return;
    LIST_FOR_EACH(link, &reach->items)
    reach_drop(LIST_ENTRY(link, struct reach_item, link));
    loop_free_later(reach->settings.loop, reach, free);
    *where = NULL;
}
