#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"

#include "route/destination.h"

void destination_init(struct destination *destination, struct upstream_pool *pool,
                      const struct policies *policies)
{
    *destination = (struct destination){.pool = pool, .policies = policies, .socket = -1};
}

void destination_clear(struct destination *destination)
{
    if (destination->socket >= 0)
        close(destination->socket);
    destination->socket = -1;
    tls_policy_release(&destination->tls);
}

void destination_forget(struct destination *destination)
{
    for (int i = 0; i < destination->count; i++)
        upstream_pool_forget(destination->pool, &destination->addresses[i]);
}

void destination_set_none(struct destination *destination)
{
    destination_forget(destination);
    destination->count = 0;
}

void destination_set_socket(struct destination *destination, int socket)
{
    if (destination->socket < 0 && socket < 0)
        return;
    destination_forget(destination); /* the number in /proc/self/fd may soon mean another target's */
    if (destination->socket >= 0)
        close(destination->socket);
    destination->socket = socket;
}

/* False: the row's policy is not known. The object stays while its name does, whatever else is committed. */
static bool set_policy(struct destination *destination, const char *name)
{
    const struct policies *policies = destination->policies;
    if (strcmp(destination->tls_name, name) == 0 && (destination->tls || !name[0]))
        return true;
    destination_forget(destination);
    tls_policy_release(&destination->tls);
    destination->trust++;
    snprintf(destination->tls_name, sizeof destination->tls_name, "%s", name);
    struct tls_policy *found = name[0] && policies ? policies_find(policies, name) : NULL;
    if (found)
        destination->tls = tls_policy_share(found);
    return found || !name[0];
}

/* Reached through the descriptor: its path is closed to us. */
static void set_socket_address(struct destination *destination)
{
    char path[64];
    snprintf(path, sizeof path, "unix:/proc/self/fd/%d", destination->socket);
    if (destination->socket >= 0 && address_parse(slice_of_text(path), &destination->addresses[0], NULL))
        destination->count = 1;
}

static void set_addresses(struct destination *destination, const struct target_row *row)
{
    for (int i = 0; i < row->address_count; i++) {
        struct address *address = &destination->addresses[destination->count];
        if (address_parse_upstream(slice_of_text(row->addresses[i]), address, NULL))
            destination->count++;
    }
}

void destination_set(struct destination *destination, const struct target_row *row)
{
    bool known = set_policy(destination, row->tls);
    destination->count = 0;
    if (!known)
        return;
    if (row->socket)
        set_socket_address(destination);
    else
        set_addresses(destination, row);
}

struct address destination_next(struct destination *destination)
{
    CHECK(destination->count > 0);
    return destination->addresses[destination->next++ % (unsigned)destination->count];
}

bool destination_has(const struct destination *destination, const struct address *address)
{
    bool found = false;
    for (int i = 0; i < destination->count; i++)
        found |= address_equal(&destination->addresses[i], address);
    return found;
}
