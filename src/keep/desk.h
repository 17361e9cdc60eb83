/* Where the keeper is asked: operations, for gates and for the command; sign-ins, for gates; put together
 * here. Who asks for what is each part's own to judge. */
#pragma once

#include "keep/accounts.h"
#include "keep/condition.h"
#include "keep/control.h"
#include "keep/instances.h"

struct desk;

struct desk_settings {
    struct accounts_settings made; /* what each part is made from */
    const char *runtime_directory; /* of the control socket */
    struct targets *targets;
    struct instances *instances;
    struct condition *condition;
    const struct control_events *events;
    void *owner;
};

/* NULL with the text. Everything outlives it. */
struct desk *desk_new(const struct desk_settings *settings, struct error *error);
/* Nobody is answered any more; before the gates are freed. */
void desk_free(struct desk **desk);

/* Another configuration, which accounts_check() has found good. The old one is not looked at any more. */
void desk_reload(struct desk *desk, const struct config *config);

/* For others to add theirs. */
struct operations *desk_operations(const struct desk *desk);

/* As gates say it (struct gates_events). */
void desk_slot_start(struct desk *desk, unsigned slot);
void desk_slot_gone(struct desk *desk, unsigned slot);
bool desk_message(struct desk *desk, unsigned slot, struct channel_message *message);
