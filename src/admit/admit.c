/* Names are compared, never resolved: a page that points its own name at our address (DNS rebinding) comes
 * with a Host that is not ours, and one that calls us from elsewhere comes with an Origin that is not. */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/memory.h"
#include "wire/uri.h"

#include "admit/admit.h"

enum { HOST_LONGEST = 256 };

struct admit_origin {
    bool secure;
    int port;
    struct slice host; /* lower case */
    char memory[HOST_LONGEST];
};

struct admit {
    struct slice *hosts;
    size_t host_count;
    struct admit_origin *origins;
    size_t origin_count;
};

static int default_port(bool secure)
{
    return secure ? 443 : 80;
}

static bool authority_read(struct slice authority, struct admit_origin *origin)
{
    struct uri_host host;
    if (authority.size > sizeof origin->memory || !uri_split_host(authority, origin->memory, &host))
        return false;
    origin->host = host.name;
    origin->port = host.port < 0 ? default_port(origin->secure) : host.port;
    return true;
}

/* "https://app.example:8443" (RFC 6454 §6.2); "null" and other schemes are nobody we know. */
static bool origin_read(struct slice text, struct admit_origin *origin)
{
    struct slice http = SLICE("http://"), https = SLICE("https://");
    origin->secure = text.size > https.size && slice_equal_ignore_case(slice_between(text, 0, 8), https);
    if (!origin->secure && !slice_equal_ignore_case(slice_between(text, 0, 7), http))
        return false;
    return authority_read(slice_from(text, origin->secure ? https.size : http.size), origin);
}

static bool origin_equal(const struct admit_origin *a, const struct admit_origin *b)
{
    return a->secure == b->secure && a->port == b->port && slice_equal(a->host, b->host);
}

bool admit_is_own_page(struct slice origin, struct slice authority, bool secure)
{
    struct admit_origin theirs, own = {.secure = secure};
    return origin.data && origin_read(origin, &theirs) && authority_read(authority, &own) &&
           origin_equal(&theirs, &own);
}

/* No Origin at all is none of another's. */
static bool origin_is_own(const struct admit_request *request)
{
    return !request->origin.data || admit_is_own_page(request->origin, request->authority, request->secure);
}

static bool origin_is_listed(const struct admit *admit, struct slice text)
{
    struct admit_origin theirs;
    if (!origin_read(text, &theirs))
        return false;
    for (size_t i = 0; i < admit->origin_count; i++)
        if (origin_equal(&theirs, &admit->origins[i]))
            return true;
    return false;
}

/* What a script of another site can send but not read, such as an image, has no Origin: its Sec-Fetch-Site
 * tells. */
static bool site_is_own(struct slice site)
{
    return !site.data || slice_equal(site, SLICE("same-origin")) || slice_equal(site, SLICE("none"));
}

static bool origin_passes(const struct admit *admit, const struct admit_request *request)
{
    if (request->door == ADMIT_CONSOLE && request->principal->kind != PRINCIPAL_TOKEN)
        return origin_is_own(request) && site_is_own(request->site);
    return !request->steers || origin_is_own(request) || origin_is_listed(admit, request->origin);
}

static bool host_is_known(const struct admit *admit, const struct admit_request *request)
{
    if (request->host_is_address || slice_equal(request->host, SLICE("localhost")))
        return true;
    for (size_t i = 0; i < admit->host_count; i++)
        if (slice_equal(request->host, admit->hosts[i]))
            return true;
    return false;
}

/* Who counts at this door. */
static const struct principal *known_there(const struct admit_request *request)
{
    bool ignored = request->door == ADMIT_API && request->principal->kind != PRINCIPAL_TOKEN;
    return ignored ? &principal_nobody : request->principal;
}

/* An API of an ordinary listener is for tokens, whatever its rules say. */
bool admit_allows(enum admit_door door, const struct principal *principal, const char *const *allow,
                  size_t allow_count)
{
    return door == ADMIT_OWN || ((door != ADMIT_API || principal->kind == PRINCIPAL_TOKEN) &&
                                 principal_passes(principal, allow, allow_count));
}

enum admit_verdict admit_check(const struct admit *admit, const struct admit_request *request)
{
    const struct principal *principal = known_there(request);
    bool named = principal->kind != PRINCIPAL_NOBODY;
    if (!host_is_known(admit, request))
        return ADMIT_FOREIGN_HOST;
    if (!request->routed)
        return ADMIT_NO_ROUTE;
    bool allowed = admit_allows(request->door, principal, request->allow, request->allow_count);
    if (!allowed && !named)
        return ADMIT_NO_CREDENTIAL;
    if (!origin_passes(admit, request))
        return ADMIT_FOREIGN_ORIGIN;
    return allowed ? ADMIT_PASS : ADMIT_NOT_ALLOWED;
}

int admit_status(enum admit_verdict verdict)
{
    static const int statuses[] = {
        [ADMIT_PASS] = 0,
        [ADMIT_FOREIGN_HOST] = 421,
        [ADMIT_NO_ROUTE] = 404,
        [ADMIT_NO_CREDENTIAL] = 401,
        [ADMIT_FOREIGN_ORIGIN] = 403,
        [ADMIT_NOT_ALLOWED] = 403,
    };
    _Static_assert(sizeof statuses / sizeof *statuses == ADMIT_VERDICTS, "a status per verdict");
    CHECK((unsigned)verdict < ADMIT_VERDICTS);
    return statuses[verdict];
}

static size_t count_texts(const char *const *texts)
{
    size_t count = 0;
    while (texts[count])
        count++;
    return count;
}

struct admit *admit_new(const char *const *hosts, const char *const *origins, struct error *error)
{
    struct admit *admit = MEMORY_NEW(struct admit);
    admit->host_count = count_texts(hosts);
    admit->hosts = MEMORY_ARRAY(struct slice, admit->host_count);
    for (size_t i = 0; i < admit->host_count; i++)
        admit->hosts[i] = slice_of_text(memory_text(hosts[i]));
    admit->origin_count = count_texts(origins);
    admit->origins = MEMORY_ARRAY(struct admit_origin, admit->origin_count);
    for (size_t i = 0; i < admit->origin_count; i++) {
        if (!origin_read(slice_of_text(origins[i]), &admit->origins[i])) {
            error_set(error, "origin \"%s\" is not scheme://host or scheme://host:port", origins[i]);
            admit_free(&admit);
            return NULL;
        }
        struct slice *host = &admit->origins[i].host;
        if (host->data != admit->origins[i].memory) { /* no letter was folded: it points into the text */
            memcpy(admit->origins[i].memory, host->data, host->size);
            host->data = admit->origins[i].memory;
        }
    }
    return admit;
}

void admit_free(struct admit **admit)
{
    if (!*admit)
        return;
    for (size_t i = 0; i < (*admit)->host_count; i++)
        free((char *)(uintptr_t)(*admit)->hosts[i].data);
    free((*admit)->hosts);
    free((*admit)->origins);
    free(*admit);
    *admit = NULL;
}
