/* Who may pass: one pure function for files, proxy, upgrades, event streams, the API and whatever comes
 * (design §6), called before anything is started, connected or opened. The order is Host, route, credential,
 * Origin, allow. */
#pragma once

#include "base/error.h"
#include "wire/principal.h"

struct admit;

/* What lies behind: each door has rules of its own beside Host and route. */
enum admit_door {
    ADMIT_ROUTE, /* a route of the configuration: its `allow` */
    ADMIT_OWN,   /* health and sign-in pages: no credential, whoever asks */
    /* The API, on its own origin (console.listen): a session from pages of that origin, or a token. */
    ADMIT_CONSOLE,
    ADMIT_API, /* the API on an ordinary listener: a token only; a cookie would come from pages of programs
                  too */
};

struct admit_request {
    struct slice host;      /* lower case, without port, brackets and the dot at the end */
    bool host_is_address;   /* an IP literal: no name that somebody else could point at us */
    struct slice authority; /* Host as sent */
    struct slice origin;    /* the Origin field; data NULL: none (no browser sent it: passes) */
    struct slice site;      /* Sec-Fetch-Site; data NULL: none */
    bool secure;            /* came over TLS */
    bool steers;            /* may change state (by its method) or upgrades: Origin is looked at */
    bool routed;            /* a route answers it */
    enum admit_door door;
    const struct principal *principal; /* who shows a credential that counts; never NULL */
    const char *const *allow;          /* rules (wire/principal.h); ADMIT_OWN has none */
    size_t allow_count;
};

enum admit_verdict {
    ADMIT_PASS,
    ADMIT_FOREIGN_HOST,   /* 421: neither an address, localhost nor listed under `hosts` */
    ADMIT_NO_ROUTE,       /* 404 */
    ADMIT_NO_CREDENTIAL,  /* 401: nobody we know, and not anyone may pass */
    ADMIT_FOREIGN_ORIGIN, /* 403: another site's page, not listed under `origins` */
    ADMIT_NOT_ALLOWED,    /* 403: known, but not by these rules */
};
enum { ADMIT_VERDICTS = ADMIT_NOT_ALLOWED + 1 };

/* `hosts` and `origins` are arrays of texts that end with NULL; copied. NULL with the reason: an origin that
 * is not "scheme://host" or "scheme://host:port". */
struct admit *admit_new(const char *const *hosts, const char *const *origins, struct error *error);
enum admit_verdict admit_check(const struct admit *admit, const struct admit_request *request);
/* Whether these rules let somebody through that door, whatever Host and Origin say. */
bool admit_allows(enum admit_door door, const struct principal *principal, const char *const *allow,
                  size_t allow_count);
/* A page of the very origin that it asks: `origin` is there and is scheme, host and port of the request. */
bool admit_is_own_page(struct slice origin, struct slice authority, bool secure);
int admit_status(enum admit_verdict verdict); /* 0 for ADMIT_PASS */
void admit_free(struct admit **admit);
