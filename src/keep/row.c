/* Addresses are written as net/address reads them. */
#include <stdio.h>
#include <string.h>

#include "base/check.h"

#include "keep/record.h"
#include "keep/row.h"
#include "keep/trust.h"

/* A request waits a little longer than the readiness time-out, so that the keeper's verdict, which knows the
 * cause, comes before its own. */
enum { ROW_VERDICT_MS = 2000 };

static void row_add_upstream(struct target_row *row, const struct config_upstream *upstream)
{
    char *text = row->addresses[row->address_count++];
    if (!upstream->host)
        snprintf(text, TARGET_ADDRESS_SIZE, "unix:%s", upstream->path);
    else if (strchr(upstream->host, ':'))
        snprintf(text, TARGET_ADDRESS_SIZE, "[%s]:%u", upstream->host, upstream->port);
    else
        snprintf(text, TARGET_ADDRESS_SIZE, "%s:%u", upstream->host, upstream->port);
}

void row_set_service(struct target_row *row, const struct config_service *service)
{
    bool kept = service->addresses.count == 0;
    row->terminal.there = service->terminal.wanted;
    row->demand = kept && service->start == CONFIG_START_DEMAND;
    row->hold_ms = service->ready.timeout_ms + ROW_VERDICT_MS;
    row->url[0] = '\0';
    if (service->url && strlen(service->url) < sizeof row->url)
        snprintf(row->url, sizeof row->url, "%s", service->url);
    if (kept)
        return;
    trust_name(service, row->tls);
    row->address_count = 0;
    for (size_t i = 0; i < service->addresses.count && i < TARGET_MOST_ADDRESSES; i++)
        row_add_upstream(row, &service->addresses.items[i]);
}

void row_init(struct target_row *row, const struct config_service *service, const struct instance *instance,
              int64_t wall_ms)
{
    bool kept = service->addresses.count == 0;
    *row = (struct target_row){
        .wanted = !kept,
        .state = kept ? TARGET_DOWN : TARGET_READY,
        .ready = !kept,
        .instance = instance != NULL,
        .since_ms = wall_ms,
        .ready_after_ms = -1,
    };
    snprintf(row->name, sizeof row->name, "%s", service->name);
    snprintf(row->owner, sizeof row->owner, "%s", instance && instance->owner ? instance->owner : "");
    row_set_service(row, service);
}

void row_restore(struct target_row *row, const struct target_row *outcome)
{
    row->state = outcome->state;
    row->cause = outcome->cause;
    row->since_ms = outcome->since_ms;
    row->restarts = outcome->restarts;
    row->generation = outcome->generation;
    row->started_ms = outcome->started_ms;
    row->ready_after_ms = outcome->ready_after_ms;
}

void row_set_address(struct target_row *row, const char *address)
{
    snprintf(row->addresses[0], TARGET_ADDRESS_SIZE, "%s", address);
    row->address_count = address[0] ? 1 : 0;
}

void row_set_run(struct target_row *row, const struct record *record)
{
    row->generation = record->generation;
    row->restarts = record->restarts;
    row->pid = record->main.pid;
    row->started_ms = record->started_wall_ms;
}

void row_clear_run(struct target_row *row)
{
    row->pid = 0;
    row->terminal = (struct target_terminal){.there = row->terminal.there};
}

json_t *row_describe(const struct target_row *row, const struct clock *clock)
{
    return target_row_encode(row, false, clock->boottime_ms(clock), clock->wall_ms(clock));
}

json_t *row_evidence(const struct target_row *row, int64_t boottime_ms)
{
    int64_t delay_ms = row->next_attempt_ms ? row->next_attempt_ms - boottime_ms : 0;
    json_t *evidence = json_pack("{s:I, s:i, s:s, s:s, s:I, s:I}", "generation", (json_int_t)row->generation,
                                 "pid", (int)row->pid, "address", row->address_count ? row->addresses[0] : "",
                                 "text", row->cause.text, "ready_after_ms", (json_int_t)row->ready_after_ms,
                                 "delay_ms", (json_int_t)delay_ms);
    CHECK(evidence);
    return evidence;
}

struct row_fixed row_fixed(const struct config_service *service)
{
    struct row_fixed fixed = {.socket = service->listen.path};
    if (service->listen.port)
        snprintf(fixed.port, sizeof fixed.port, "%u", service->listen.port);
    return fixed;
}

const char *row_lookup(const struct target_row *row, const struct row_fixed *fixed, struct slice name)
{
    static const char prefix[] = "unix:";
    struct slice rest = slice_from(name, sizeof "services." - 1);
    size_t dot = slice_find(rest, '.');
    if (!slice_starts_with(name, SLICE("services.")) ||
        !slice_equal(slice_between(rest, 0, dot), slice_of_text(row->name)))
        return NULL;
    const char *address = row->address_count ? row->addresses[0] : NULL;
    if (slice_equal(slice_from(rest, dot), SLICE(".socket")))
        return fixed->socket || !address ? fixed->socket : address + sizeof prefix - 1;
    return fixed->port[0] ? fixed->port : address ? strrchr(address, ':') + 1 : NULL;
}
