#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

#include "keep/run.h"
#include "keep/viewings.h"

struct viewings {
    struct viewings_settings settings;
    struct list open; /* views that were asked for */
};

/* Remembers whom a run's viewing will answer, so that an asker can be forgotten without knowing the run. */
struct viewings_ask {
    struct list link;
    struct viewings *viewings;
    viewing_done_fn *done; /* NULL: the asker has gone */
    void *owner;
};

static void viewings_refuse(viewing_done_fn *done, void *owner, int status, const char *text)
{
    const struct viewing_answer answer = {.status = status, .link = -1, .text = text};
    done(owner, &answer);
}

/* Whoever came through a route has passed its `allow`; over the API the same holds as for start and stop. */
static bool viewings_may(const struct viewings *viewings, const json_t *question, const char *name,
                         const struct principal *who)
{
    const struct viewings_settings *settings = &viewings->settings;
    if (who->kind == PRINCIPAL_OPERATOR || !json_is_true(json_object_get(question, "api")))
        return true;
    return instances_is_known(settings->instances, name) ? instances_may_steer(settings->instances, name, who)
                                                         : operations_is_console(settings->operations, who);
}

static void viewings_on_done(void *owner, const struct viewing_answer *answer)
{
    struct viewings_ask *ask = owner;
    if (ask->done)
        ask->done(ask->owner, answer);
    list_remove(&ask->link);
    free(ask);
}

static void viewings_ask_run(struct viewings *viewings, struct run *run,
                             const struct hold_terminal_attach *attach, viewing_done_fn *done, void *owner)
{
    struct viewings_ask *ask = MEMORY_NEW(struct viewings_ask);
    *ask = (struct viewings_ask){.viewings = viewings, .done = done, .owner = owner};
    list_append(&viewings->open, &ask->link);
    run_attach(run, attach, viewings_on_done, ask);
}

/* What to do is told to operators only: others have no command. */
static const char *viewings_state(const struct target_row *row, const struct principal *who, char text[256])
{
    bool is_over = row->state == TARGET_ENDED || row->state == TARGET_FAILED;
    int size = snprintf(text, 256, "it is not running: %s", target_state_name(row->state));
    if (who->kind == PRINCIPAL_OPERATOR && (is_over || row->state == TARGET_DOWN))
        snprintf(text + size, 256 - (size_t)size, "; start it with: reeve %s %s",
                 is_over ? "restart" : "start", row->name);
    return text;
}

void viewings_attach(struct viewings *viewings, const json_t *question, const struct principal *who,
                     viewing_done_fn *done, void *owner)
{
    struct targets *targets = viewings->settings.targets;
    const char *name = json_string_value(json_object_get(question, "target"));
    const struct target_row *row = name ? targets_find(targets, name) : NULL;
    struct hold_terminal_attach attach;
    struct error error = {0};
    char state[256];
    if (!hold_terminal_attach_decode(question, &attach, &error)) {
        viewings_refuse(done, owner, 400, error.text);
    } else if (!row) {
        viewings_refuse(done, owner, 404, "there is no such target; `reeve status` lists them");
    } else if (!viewings_may(viewings, question, name, who)) {
        viewings_refuse(done, owner, 403, "this is not for you to ask");
    } else if (!targets_service(targets, name)->terminal.wanted) {
        snprintf(state, sizeof state, "%s has no terminal: its configuration says no `terminal:`", name);
        viewings_refuse(done, owner, 409, state);
    } else if (!targets_run(targets, name)) {
        viewings_refuse(done, owner, 503, viewings_state(row, who, state));
    } else {
        char *user = operation_name_asker(who);
        snprintf(attach.user, sizeof attach.user, "%s", user);
        free(user);
        viewings_ask_run(viewings, targets_run(targets, name), &attach, done, owner);
    }
}

void viewings_forget(struct viewings *viewings, const void *owner)
{
    LIST_FOR_EACH(link, &viewings->open)
    {
        struct viewings_ask *ask = LIST_ENTRY(link, struct viewings_ask, link);
        if (ask->owner == owner)
            ask->done = NULL;
    }
}

struct viewings *viewings_new(const struct viewings_settings *settings)
{
    struct viewings *viewings = MEMORY_NEW(struct viewings);
    viewings->settings = *settings;
    list_init(&viewings->open);
    return viewings;
}

void viewings_free(struct viewings **where)
{
    struct viewings *viewings = *where;
    if (!viewings)
        return;
    LIST_FOR_EACH(link, &viewings->open)
    {
        struct viewings_ask *ask = LIST_ENTRY(link, struct viewings_ask, link);
        ask->done = NULL; /* freed when its run answers */
        list_remove(&ask->link);
    }
    free(viewings);
    *where = NULL;
}
