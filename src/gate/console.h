/* The console's listener and the API, as a gate serves them: what is asked there, and who may. */
#pragma once

#include <jansson.h>

#include "http/exchange.h"
#include "route/api.h"
#include "route/terminals.h"

#include "gate/door.h"
#include "gate/entrance.h"

struct console;

/* Reads the members "console" and "listeners" of a snapshot; strict. NULL with the text. */
struct console *console_new(const json_t *snapshot, struct error *error);
void console_free(struct console **console);

/* What a request is for, whichever listener it came through. */
enum console_part {
    CONSOLE_NOTHING, /* a route's, or health's */
    CONSOLE_API,
    CONSOLE_PAGE,    /* of the console's own listener: its start page */
    CONSOLE_MISSING, /* of that listener, and nothing of ours */
};
enum console_part console_find(const struct console *console, const struct exchange_request *request);
/* Whether the request came through the console's own listener. */
bool console_is_own(const struct console *console, const struct exchange_request *request);
/* Nobody signs in on this reeve, and whoever is on this machine may do what the console can. */
bool console_is_open(const struct console *console);
/* Who may pass there, for the door: whoever `console.allow` lets in; on ordinary listeners by token alone. */
void console_ask(const struct console *console, const struct exchange_request *request,
                 const struct principal *principal, enum console_part part, struct door_question *question);
/* Answers what console_find() named; the door has let it in. */
void console_answer(const struct console *console, const struct api_means *means, struct terminals *terminals,
                    struct exchange *exchange);
