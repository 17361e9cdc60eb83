#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "net/address.h"

#include "keep/reach.h"
#include "keep/row.h"

enum {
    REACH_TIMEOUT_MS = 2000,
    REACH_SURE = 2, /* failures in a row that count: a gate may have died over one */
};

struct reach_item {
    struct reach *reach;
    const char *service;
    char address[TARGET_ADDRESS_SIZE];
    unsigned failures;
    struct loop_timer next;
};

struct reach {
    struct reach_settings settings;
    struct reach_item *items;
    size_t count;
};

static void reach_on_next(struct loop_timer *timer);

static void reach_on_answer(void *owner, uint32_t tag, bool ok, const char *text)
{
    struct reach_item *item = owner;
    const struct reach_settings *settings = &item->reach->settings;
    (void)tag;
    item->failures = ok ? 0 : item->failures < REACH_SURE ? item->failures + 1 : REACH_SURE;
    loop_timer_start(settings->loop, &item->next, ok ? REACH_WELL_MS : REACH_RETRY_MS, reach_on_next);
    if (ok || item->failures == REACH_SURE)
        settings->on_result(settings->owner, item->service, item->address, ok ? NULL : text);
}

static void reach_on_next(struct loop_timer *timer)
{
    struct reach_item *item = LIST_ENTRY(timer, struct reach_item, next);
    const struct reach_settings *settings = &item->reach->settings;
    const struct prober_question question = {
        .target = item->service,
        .address = item->address,
        .socket = -1,
        .timeout_ms = REACH_TIMEOUT_MS,
        .on_done = reach_on_answer,
        .owner = item,
    };
    settings->on_ask(settings->owner, &question);
}

/* What is not numeric nobody here can connect to. */
static void reach_add(struct reach *reach, const struct config_service *service)
{
    struct target_row row;
    struct address parsed;
    row_init(&row, service, 0, 0);
    for (int i = 0; i < row.address_count; i++) {
        if (!address_parse(slice_of_text(row.addresses[i]), &parsed, NULL))
            continue;
        struct reach_item *item = &reach->items[reach->count++];
        item->reach = reach;
        item->service = service->name;
        snprintf(item->address, sizeof item->address, "%s", row.addresses[i]);
    }
}

struct reach *reach_new(const struct reach_settings *settings)
{
    struct reach *reach = MEMORY_NEW(struct reach);
    const struct config_services *services = &settings->config->services;
    reach->settings = *settings;
    reach->items = MEMORY_ARRAY(struct reach_item, services->count * TARGET_MOST_ADDRESSES + 1);
    for (size_t i = 0; i < services->count; i++)
        if (services->items[i].addresses.count)
            reach_add(reach, &services->items[i]);
    return reach;
}

void reach_start(struct reach *reach)
{
    for (size_t i = 0; i < reach->count; i++)
        loop_timer_start(reach->settings.loop, &reach->items[i].next, 0, reach_on_next);
}

void reach_free(struct reach **where)
{
    struct reach *reach = *where;
    if (!reach)
        return;
    for (size_t i = 0; i < reach->count; i++)
        loop_timer_stop(&reach->items[i].next);
    free(reach->items);
    loop_free_later(reach->settings.loop, reach, free);
    *where = NULL;
}
