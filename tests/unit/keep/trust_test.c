/* The names of policies follow from what they say, and from nothing else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "keep/trust.h"

#define HEX "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static char service_name[] = "nas", pin_hex[] = HEX;

static struct config_service service_with(enum config_tls_verify verify)
{
    return (struct config_service){.name = service_name, .tls = {.used = true, .verify = verify}};
}

static void test_names(void **state)
{
    (void)state;
    static char *pin_text = pin_hex, authorities[] = "-----BEGIN", other[] = "-----BEGIN another",
                host[] = "nas.lan";
    struct config_service clear = {0}, none = service_with(CONFIG_TLS_NONE),
                          pin = service_with(CONFIG_TLS_PIN), ca = service_with(CONFIG_TLS_CA),
                          again = service_with(CONFIG_TLS_CA), named = service_with(CONFIG_TLS_CA);
    char names[6][TARGET_TLS_SIZE];
    pin.tls.pins = (struct config_texts){.items = &pin_text, .count = 1};
    ca.tls.authorities = named.tls.authorities = authorities;
    again.tls.authorities = other;
    named.tls.name = host;
    const struct config_service *services[] = {&clear, &none, &pin, &ca, &again, &named};
    for (size_t i = 0; i < 6; i++)
        trust_name(services[i], names[i]);
    assert_string_equal(names[0], "");
    assert_memory_equal(names[1], "none:", 5);
    assert_memory_equal(names[2], "pin:", 4);
    assert_memory_equal(names[3], "ca:", 3);
    for (size_t i = 0; i < 6; i++)
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(names[i], names[j]);
    memcpy(other, authorities, sizeof authorities); /* the same text in another place */
    trust_name(&again, names[4]);
    assert_string_equal(names[4], names[3]);
}

static void test_description(void **state)
{
    (void)state;
    static char *pin_text = pin_hex;
    struct config_service services[] = {service_with(CONFIG_TLS_NONE),
                                        {.name = service_name},
                                        service_with(CONFIG_TLS_PIN),
                                        service_with(CONFIG_TLS_NONE)};
    services[2].tls.pins = (struct config_texts){.items = &pin_text, .count = 1};
    const struct config config = {.services = {.items = services, .count = 4}};
    json_t *all = trust_describe(&config);
    char name[TARGET_TLS_SIZE];
    assert_int_equal(json_object_size(all), 2); /* equal ones are one */
    trust_name(&services[2], name);
    const json_t *pin = json_object_get(all, name);
    assert_string_equal(json_string_value(json_object_get(pin, "verify")), "pin");
    assert_string_equal(json_string_value(json_array_get(json_object_get(pin, "pins"), 0)), HEX);
    assert_null(json_object_get(pin, "ca"));
    json_decref(all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_description),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
