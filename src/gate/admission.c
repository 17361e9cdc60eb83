/* A request costs two looks at its fields when it shows nothing, and one at a table when it shows what was
 * good a moment ago. */
#include <stdlib.h>
#include <string.h>

#include "admit/usage.h"
#include "base/memory.h"

#include "gate/admission.h"

struct admission {
    struct loop *loop;
    struct streams *streams;
    struct asker *asker;
    struct credentials *credentials;
    struct usage *usage;
    struct list reports;
};

/* "This session is in use": told once, and nobody waits for the answer. */
struct report {
    struct list link;
    struct asking asking;
};

struct admission *admission_new(struct loop *loop, struct streams *streams, struct asker *asker)
{
    struct admission *admission = MEMORY_NEW(struct admission);
    admission->loop = loop;
    admission->streams = streams;
    admission->asker = asker;
    admission->credentials = credentials_none();
    admission->usage = usage_new();
    list_init(&admission->reports);
    return admission;
}

/* --- reports of use -------------------------------------------------------------------------------- */

static void report_free(struct report *report)
{
    list_remove(&report->link);
    asking_cancel(&report->asking);
    free(report);
}

static void on_reported(struct asking *asking, int status, const json_t *body)
{
    (void)status, (void)body; /* the next use is reported again */
    report_free(LIST_ENTRY(asking, struct report, asking));
}

static void note_use(void *owner, const struct principal *principal)
{
    struct admission *admission = owner;
    int64_t interval_ms = credentials_usage_interval_ms(admission->credentials);
    if (principal->kind != PRINCIPAL_SESSION ||
        !usage_is_due(admission->usage, principal->credential, interval_ms, loop_now_ms(admission->loop)))
        return;
    struct report *report = MEMORY_NEW(struct report);
    report->asking.on_answer = on_reported;
    list_append(&admission->reports, &report->link);
    asker_ask(admission->asker, &report->asking, "session-used", principal, NULL);
}

/* --- what the keeper tells --------------------------------------------------------------------------- */

bool admission_stands(const struct admission *admission, const struct principal *principal)
{
    return credentials_stand(admission->credentials, principal);
}

static bool has_lapsed(void *owner, const struct stream_member *member, enum streams_reason *reason)
{
    *reason = STREAMS_SIGNED_OUT;
    return !admission_stands(owner, member->principal);
}

bool admission_tell(struct admission *admission, const json_t *data, struct error *error)
{
    struct credentials *credentials = credentials_new(data, error);
    if (!credentials)
        return false;
    credentials_free(&admission->credentials);
    admission->credentials = credentials;
    streams_review(admission->streams, has_lapsed, admission);
    return true;
}

void admission_forget(struct admission *admission, const char *session)
{
    credentials_revoke(admission->credentials, session);
    streams_close_credential(admission->streams, session, STREAMS_SIGNED_OUT);
}

bool admission_signs_in(const struct admission *admission)
{
    return credentials_sign_in(admission->credentials);
}

/* --- requests and time ------------------------------------------------------------------------------ */

static int64_t wall_ms(const struct admission *admission)
{
    const struct clock *clock = loop_clock(admission->loop);
    return clock->wall_ms(clock);
}

void admission_recognise(struct admission *admission, const struct trusted *trusted,
                         struct exchange *exchange)
{
    const struct exchange_request *request = exchange_request(exchange);
    const struct fields *fields = &request->head->fields;
    if (trusted_has(trusted, request->peer)) {
        struct address client;
        bool named = trusted_client(trusted, fields, &client);
        /* Where people sign in here, the proxy is there for TLS and may pass on what its clients claim. */
        exchange_trust(exchange, trusted_says_secure(fields), !admission_signs_in(admission),
                       named ? &client : NULL);
    }
    if (!fields_has(fields, FIELD_AUTHORIZATION) && !fields_has(fields, FIELD_COOKIE))
        return;
    const struct credentials_shown shown = {
        .fields = fields, .secure = request->secure, .wall_ms = wall_ms(admission)};
    const struct principal *principal =
        credentials_find(admission->credentials, &shown, exchange_arena(exchange));
    exchange_set_principal(exchange, principal);
    note_use(admission, principal);
}

void admission_tick(struct admission *admission)
{
    streams_expire(admission->streams, wall_ms(admission));
    streams_each_used(admission->streams, note_use, admission);
}

void admission_free(struct admission **admission)
{
    if (!*admission)
        return;
    LIST_FOR_EACH(link, &(*admission)->reports)
    report_free(LIST_ENTRY(link, struct report, link));
    credentials_free(&(*admission)->credentials);
    usage_free(&(*admission)->usage);
    free(*admission);
    *admission = NULL;
}
