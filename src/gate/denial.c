/* Nothing of the configuration is told but the name of the key that would change it. */
#include "base/check.h"
#include "route/login.h"
#include "route/navigation.h"
#include "route/problem.h"

#include "gate/denial.h"

static struct slice foreign_host(struct arena *arena, struct slice host)
{
    return arena_format(arena,
                        "\"" SLICE_FORMAT "\" is no name of this server. If it should be, add it to "
                        "`hosts` in the configuration.",
                        SLICE_ARGUMENTS(host));
}

static struct slice foreign_origin(struct arena *arena, struct slice origin)
{
    return arena_format(arena,
                        "Pages of " SLICE_FORMAT " may not do this here. If they should, add it to "
                        "`origins` in the configuration.",
                        SLICE_ARGUMENTS(origin));
}

static struct slice detail_of(struct exchange *exchange, enum admit_verdict verdict, bool sign_in)
{
    const struct exchange_request *request = exchange_request(exchange);
    switch (verdict) {
    case ADMIT_FOREIGN_HOST:
        return foreign_host(exchange_arena(exchange), request->host);
    case ADMIT_FOREIGN_ORIGIN:
        return foreign_origin(exchange_arena(exchange), fields_get(&request->head->fields, FIELD_ORIGIN));
    case ADMIT_NO_ROUTE:
        return SLICE("No route leads there.");
    case ADMIT_NO_CREDENTIAL:
        return sign_in ? SLICE("Sign in, or show a token: Authorization: Bearer reeve_...")
                       : SLICE("Show a token: Authorization: Bearer reeve_...; `reeve token create NAME` "
                               "makes one.");
    case ADMIT_NOT_ALLOWED:
        return SLICE("You are known here, but this is not for you.");
    case ADMIT_PASS:
        break;
    }
    UNREACHABLE();
}

void denial_reply(struct exchange *exchange, enum admit_verdict verdict, bool sign_in)
{
    const struct exchange_request *request = exchange_request(exchange);
    bool person =
        verdict == ADMIT_NO_CREDENTIAL && sign_in && !request->upgrade && navigation_is(request->head);
    if (!person || !login_redirect(exchange))
        problem_reply_status(exchange, admit_status(verdict), detail_of(exchange, verdict, sign_in).data);
}
