#include "world.h"

#include "config/schema.h"

static void test_schema(void **state)
{
    (void)state;
    json_t *schema = schema_json();
    json_t *properties = json_object_get(schema, "properties");
    json_t *drain = json_object_get(properties, "drain");
    assert_true(json_is_false(json_object_get(schema, "additionalProperties")));
    assert_true(json_is_array(json_object_get(drain, "anyOf"))); /* the short form, and the mapping */
    json_t *services = json_object_get(properties, "services");
    json_t *service = json_object_get(services, "additionalProperties");
    json_t *keep = json_object_get(
        json_object_get(
            json_object_get(json_object_get(json_object_get(service, "properties"), "output"), "properties"),
            "keep"),
        "default");
    assert_int_equal(json_integer_value(keep), 5);
    json_t *tls = json_object_get(json_object_get(service, "properties"), "liveness");
    assert_non_null(strstr(json_string_value(json_object_get(tls, "description")), "Not supported yet"));
    json_decref(schema);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_schema),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
