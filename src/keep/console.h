/* The listener of the console, beside those of the configuration: fixed by `console.listen`, else found on
 * loopback beside the first TCP listener. */
#pragma once

#include "keep/listeners.h"

enum { CONSOLE_PLACES = 10 /* ports that are tried */ };

/* The nth address (from 0) where a console without `console.listen` may be. False: there is none. */
bool console_place(const struct listeners *listeners, unsigned nth, struct address *address);
/* Whether a listening socket there can be the console's. */
bool console_fits(const struct listeners *listeners, const struct address *address);
/* Opens the first free place of a console that has none yet; ends nobody. Without one: a warning. */
void console_open(struct listeners *listeners, const struct log *log);
/* "http://127.0.0.1:8081/_reeve/", or "unix:/path"; false: there is no console. */
bool console_url(const struct listeners *listeners, const struct config *config, char *url, size_t size);
/* The snapshot's member: {path, allow: [...], open: whether nobody needs a credential there, auth: whether
 * anybody can have one by signing in}. */
json_t *console_describe(const struct listeners *listeners, const struct config *config);
