/* The HTTP API (contract §2): requests become questions to the keeper's operations, answers become JSON.
 * Whether somebody may use it at all has been decided before (design §6). */
#pragma once

#include "http/exchange.h"

#include "route/api_streams.h"
#include "route/asker.h"

enum { API_BODY_MOST = 1024 * 1024 };

/* "/_reeve/" and "/_reeve/api/v1/targets": true with "targets". A path without the slash at the end
 * ("api/v1") is the API as well, with an unknown path. */
bool api_is(struct slice console_path, struct slice path, struct slice *below);

/* Who answers what; all outlive the exchange. */
struct api_means {
    struct asker *asker;
    const struct api_streams *streams;
};

/* Answers, now or later. `console_path` is copied. */
void api_answer(const struct api_means *means, struct exchange *exchange, const char *console_path,
                struct slice below);
