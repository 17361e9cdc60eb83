/* Facts of a request put together for the one function that decides (admit/admit.h). */
#include <stdlib.h>

#include "base/memory.h"

#include "gate/denial.h"
#include "gate/door.h"

struct door {
    struct admit *admit;
    struct trusted *trusted;
};

/* A list of texts that ends with NULL; free() it. The texts stay the JSON's. NULL: it is none. */
static const char **read_texts(const json_t *snapshot, const char *name, struct error *error)
{
    const json_t *values = json_object_get(snapshot, name);
    const char **texts = MEMORY_ARRAY(const char *, json_array_size(values) + 1);
    bool fine = json_is_array(values);
    for (size_t i = 0; fine && i < json_array_size(values); i++) {
        texts[i] = json_string_value(json_array_get(values, i));
        fine = texts[i] != NULL;
    }
    if (fine)
        return texts;
    error_set(error, "\"%s\" in the snapshot is not a list of texts", name);
    free(texts);
    return NULL;
}

struct door *door_new(const json_t *snapshot, struct error *error)
{
    struct door *door = MEMORY_NEW(struct door);
    const char **hosts = read_texts(snapshot, "hosts", error),
               **origins = hosts ? read_texts(snapshot, "origins", error) : NULL,
               **proxies = origins ? read_texts(snapshot, "trusted_proxies", error) : NULL;
    if (proxies) {
        door->admit = admit_new(hosts, origins, error);
        door->trusted = door->admit ? trusted_new(proxies, error) : NULL;
    }
    free(hosts);
    free(origins);
    free(proxies);
    if (!door->trusted)
        door_free(&door);
    return door;
}

void door_free(struct door **door)
{
    if (!*door)
        return;
    admit_free(&(*door)->admit);
    trusted_free(&(*door)->trusted);
    free(*door);
    *door = NULL;
}

static bool steers(const struct exchange_request *request)
{
    enum http1_method method = request->head->method;
    return request->upgrade ||
           !(method == HTTP1_GET || method == HTTP1_HEAD || method == HTTP1_OPTIONS || method == HTTP1_TRACE);
}

void door_recognise(const struct door *door, struct admission *admission, struct exchange *exchange)
{
    admission_recognise(admission, door->trusted, exchange);
}

bool door_admits(const struct door *door, const struct admission *admission, struct exchange *exchange,
                 const struct door_question *question)
{
    const struct exchange_request *request = exchange_request(exchange);
    const struct fields *fields = &request->head->fields;
    const struct admit_request facts = {
        .host = request->host,
        .host_is_address = request->host_is_address ||
                           (question->hostless && request->authority.size == 0 && request->head->minor == 0),
        .authority = request->authority,
        .origin = fields_get(fields, FIELD_ORIGIN),
        .site = fields_get(fields, FIELD_SEC_FETCH_SITE),
        .secure = request->secure,
        .steers = steers(request),
        .routed = question->routed,
        .door = question->door,
        .principal = exchange_principal(exchange),
        .allow = question->allow,
        .allow_count = question->allow_count,
    };
    enum admit_verdict verdict = admit_check(door->admit, &facts);
    if (verdict == ADMIT_PASS)
        return true;
    denial_reply(exchange, verdict, question->door != ADMIT_API && admission_signs_in(admission));
    return false;
}
