/* The kernel wakes one of those who listen, and it is mostly the same one. Who has more than its share stops
 * listening and looks again a little later; somebody is always below the mean. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/memory.h"
#include "net/listener.h"

#include "gate/entrance.h"

enum { WELL_AGAIN_MS = 5000 }; /* at the limit it comes and goes with each connection that ends */

struct entry {
    struct entrance *entrance;
    struct listener *listener;
    char address[ADDRESS_TEXT_SIZE];
    unsigned index;
};

struct entrance {
    struct loop *loop;
    const struct pages *pages;
    entrance_fn *on_accept;
    entrance_trouble_fn *on_trouble;
    void *owner;
    struct entry entries[ENTRANCE_MOST];
    size_t count;
    struct loop_timer look_again; /* armed while paused */
    struct loop_timer well_again; /* armed while in trouble */
};

struct entrance *entrance_new(struct loop *loop, const struct pages *pages, entrance_fn *on_accept,
                              entrance_trouble_fn *on_trouble, void *owner)
{
    struct entrance *entrance = MEMORY_NEW(struct entrance);
    entrance->loop = loop;
    entrance->pages = pages;
    entrance->on_accept = on_accept;
    entrance->on_trouble = on_trouble;
    entrance->owner = owner;
    return entrance;
}

static void pause_all(struct entrance *entrance, bool paused)
{
    for (size_t i = 0; i < entrance->count; i++)
        if (entrance->entries[i].listener)
            listener_pause(entrance->entries[i].listener, paused);
}

static void on_look_again(struct loop_timer *timer)
{
    struct entrance *entrance = LIST_ENTRY(timer, struct entrance, look_again);
    if (pages_is_over(entrance->pages, loop_now_ms(entrance->loop)))
        loop_timer_start(entrance->loop, timer, BALANCE_LOOK_AGAIN_MS, on_look_again);
    else
        pause_all(entrance, false);
}

static void on_accept(void *owner, int fd, const struct address *peer)
{
    struct entry *entry = owner;
    struct entrance *entrance = entry->entrance;
    entrance->on_accept(entrance->owner, fd, peer, entry->index);
    if (!entry->listener || !pages_is_over(entrance->pages, loop_now_ms(entrance->loop)))
        return;
    listener_end_batch(entry->listener);
    pause_all(entrance, true);
    loop_timer_start(entrance->loop, &entrance->look_again, BALANCE_LOOK_AGAIN_MS, on_look_again);
}

static void on_well_again(struct loop_timer *timer)
{
    struct entrance *entrance = LIST_ENTRY(timer, struct entrance, well_again);
    entrance->on_trouble(entrance->owner, NULL);
}

static void on_starved(void *owner, int error)
{
    struct entry *entry = owner;
    struct entrance *entrance = entry->entrance;
    bool known = loop_timer_armed(&entrance->well_again);
    loop_timer_start(entrance->loop, &entrance->well_again, WELL_AGAIN_MS, on_well_again);
    if (known)
        return;
    const char *advice = error == EMFILE   ? "; raise the limit of this process (LimitNOFILE=, ulimit -n)"
                         : error == ENFILE ? "; raise that of this machine (fs.file-max)"
                                           : "";
    char *text = memory_format("new connections wait, none can be accepted: %s%s", strerror(error), advice);
    entrance->on_trouble(entrance->owner, text);
    free(text);
}

void entrance_open(struct entrance *entrance, const int *fds, const char *const *addresses, size_t count)
{
    CHECK(count <= ENTRANCE_MOST);
    entrance_close(entrance);
    entrance->count = count;
    for (size_t i = 0; i < count; i++) {
        struct entry *entry = &entrance->entries[i];
        *entry = (struct entry){.entrance = entrance, .index = (unsigned)i};
        size_t size = strnlen(addresses[i], sizeof entry->address - 1);
        memcpy(entry->address, addresses[i], size);
        entry->address[size] = '\0';
        entry->listener = listener_new(entrance->loop, fds[i], on_accept, on_starved, entry);
    }
    pause_all(entrance, false);
}

void entrance_close(struct entrance *entrance)
{
    loop_timer_stop(&entrance->look_again);
    for (size_t i = 0; i < entrance->count; i++)
        listener_free(&entrance->entries[i].listener);
    entrance->count = 0;
}

size_t entrance_listeners(const struct entrance *entrance, int fds[ENTRANCE_MOST], json_t *addresses)
{
    size_t count = 0;
    for (size_t i = 0; i < entrance->count; i++) {
        if (!entrance->entries[i].listener)
            continue;
        fds[count++] = listener_fd(entrance->entries[i].listener);
        json_array_append_new(addresses, json_string(entrance->entries[i].address));
    }
    return count;
}

void entrance_free(struct entrance **entrance)
{
    if (!*entrance)
        return;
    entrance_close(*entrance);
    loop_timer_stop(&(*entrance)->well_again);
    free(*entrance);
    *entrance = NULL;
}
