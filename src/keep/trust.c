#include <stdio.h>
#include <stdlib.h>

#include "base/utf8.h"
#include "wire/seal.h"

#include "keep/trust.h"

static const char *const trust_words[] = {
    [CONFIG_TLS_SYSTEM] = "system",
    [CONFIG_TLS_NONE] = "none",
    [CONFIG_TLS_CA] = "ca",
    [CONFIG_TLS_PIN] = "pin",
};

static json_t *trust_policy(const struct config_tls *tls)
{
    json_t *policy = json_pack("{s:s, s:s*, s:s*}", "verify", trust_words[tls->verify], "name", tls->name,
                               "ca", tls->authorities ? utf8_clean(tls->authorities) : NULL);
    if (tls->verify != CONFIG_TLS_PIN)
        return policy;
    json_t *pins = json_array();
    for (size_t i = 0; i < tls->pins.count; i++)
        json_array_append_new(pins, json_string(tls->pins.items[i]));
    json_object_set_new(policy, "pins", pins);
    return policy;
}

static void trust_name_of(const json_t *policy, char name[TARGET_TLS_SIZE])
{
    uint8_t digest[SEAL_SIZE];
    char hex[SEAL_HEX_SIZE + 1], *text = json_dumps(policy, JSON_COMPACT | JSON_SORT_KEYS);
    seal_digest(slice_of_text(text), digest);
    seal_to_hex(digest, hex);
    snprintf(name, TARGET_TLS_SIZE, "%s:%s", json_string_value(json_object_get(policy, "verify")), hex);
    free(text);
}

void trust_name(const struct config_service *service, char name[TARGET_TLS_SIZE])
{
    name[0] = '\0';
    if (!service->tls.used)
        return;
    json_t *policy = trust_policy(&service->tls);
    trust_name_of(policy, name);
    json_decref(policy);
}

json_t *trust_describe(const struct config *config)
{
    json_t *all = json_object();
    for (size_t i = 0; i < config->services.count; i++) {
        const struct config_service *service = &config->services.items[i];
        char name[TARGET_TLS_SIZE], place[256];
        if (!service->tls.used)
            continue;
        const struct config_place at = config_place_of(&service->item, service->tls.ca ? "tls.ca" : "tls");
        json_t *policy = trust_policy(&service->tls);
        trust_name_of(policy, name);
        config_place_text(&at, place, sizeof place);
        json_object_set_new(policy, "place", json_string(utf8_clean(place)));
        json_object_set_new(all, name, policy);
    }
    return all;
}
