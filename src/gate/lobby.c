/* A client that leaves is forgotten at once. */
#include <stdlib.h>

#include "base/check.h"
#include "base/list.h"
#include "base/memory.h"

#include "gate/lobby.h"

struct guest {
    struct list link;
    struct lobby *lobby;
    struct exchange *exchange;
};

struct lobby {
    struct list guests;
    size_t count;
    void (*on_leave)(void *owner, struct exchange *exchange);
    void *owner;
};

struct lobby *lobby_new(void (*on_leave)(void *owner, struct exchange *exchange), void *owner)
{
    struct lobby *lobby = MEMORY_NEW(struct lobby);
    list_init(&lobby->guests);
    lobby->on_leave = on_leave;
    lobby->owner = owner;
    return lobby;
}

static struct exchange *leave(struct guest *guest)
{
    list_remove(&guest->link);
    guest->lobby->count--;
    return guest->exchange; /* the guest's memory is the exchange's */
}

static void on_gone(void *owner)
{
    leave(owner);
}

bool lobby_enter(struct lobby *lobby, struct exchange *exchange)
{
    static const struct exchange_events events = {.on_gone = on_gone};
    struct guest *guest =
        lobby->count < LOBBY_MOST ? arena_new(exchange_arena(exchange), sizeof *guest) : NULL;
    if (!guest)
        return false;
    *guest = (struct guest){.lobby = lobby, .exchange = exchange};
    list_append(&lobby->guests, &guest->link);
    lobby->count++;
    exchange_set_events(exchange, &events, guest);
    return true;
}

void lobby_open(struct lobby *lobby)
{
    while (!list_empty(&lobby->guests)) {
        struct exchange *exchange = leave(LIST_ENTRY(lobby->guests.next, struct guest, link));
        exchange_set_events(exchange, NULL, NULL);
        lobby->on_leave(lobby->owner, exchange);
    }
}

void lobby_free(struct lobby **lobby)
{
    if (!*lobby)
        return;
    CHECK(list_empty(&(*lobby)->guests));
    free(*lobby);
    *lobby = NULL;
}
