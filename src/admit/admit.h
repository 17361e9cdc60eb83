/* Who may pass: one pure function for files, proxy, upgrades and whatever comes (design §6), called before
 * anything is started, connected or opened. The order is Host, route, credential, Origin, allow; credential
 * and allow follow with sign-in. */
#pragma once

#include "base/error.h"
#include "base/slice.h"

struct admit;

struct admit_request {
    struct slice host;      /* lower case, without port, brackets and the dot at the end */
    bool host_is_address;   /* an IP literal: no name that somebody else could point at us */
    struct slice authority; /* Host as sent */
    struct slice origin;    /* the Origin field; data NULL: none (no browser sent it: passes) */
    bool secure;            /* came over TLS */
    bool steers;            /* may change state (by its method) or upgrades: Origin is looked at */
    bool routed;            /* a route answers it */
};

enum admit_verdict {
    ADMIT_PASS,
    ADMIT_FOREIGN_HOST,   /* 421: neither an address, localhost nor listed under `hosts` */
    ADMIT_NO_ROUTE,       /* 404 */
    ADMIT_FOREIGN_ORIGIN, /* 403: another site's page, not listed under `origins` */
};

/* `hosts` and `origins` are arrays of texts that end with NULL; copied. NULL with the reason: an origin that
 * is not "scheme://host" or "scheme://host:port". */
struct admit *admit_new(const char *const *hosts, const char *const *origins, struct error *error);
enum admit_verdict admit_check(const struct admit *admit, const struct admit_request *request);
int admit_status(enum admit_verdict verdict); /* 0 for ADMIT_PASS */
void admit_free(struct admit **admit);
