/* services.*.tls: pins in all spellings, keys that contradict each other, the file of `ca`. */
#include "world.h"

#include "config/tls.h"

#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void test_pins(void **state)
{
    (void)state;
    char pin[TLS_PIN_CHARACTERS + 1], colons[7 + 3 * 32 + 1] = "sha256:";
    for (int i = 0; i < 32; i++)
        snprintf(colons + 7 + 3 * i, sizeof colons - 7 - 3 * (size_t)i, "%.2s%s", &HEX[2 * i],
                 i < 31 ? ":" : "");
    const char *const good[] = {
        "sha256:" HEX, "sha256:0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF", colons};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_true(tls_read_pin(slice_of_text(good[i]), pin));
        assert_string_equal(pin, "sha256:" HEX);
    }
    const char *const bad[] = {"",
                               "sha256:",
                               HEX,
                               "sha256:" HEX "0",
                               "sha1:" HEX,
                               "sha256::" HEX,
                               "sha256:" HEX ":",
                               "sha256:g" HEX};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(tls_read_pin(slice_of_text(bad[i]), pin));
    for (size_t size = 0; size < strlen(colons); size++)
        assert_false(tls_read_pin(slice_of(colons, size), pin));
}

static void test_bad(void **state)
{
    (void)state;
    static const struct world_bad rows[] = {
        {"services:\n"
         "  a: {address: \"https://10.0.0.7:1\", tls: {pin: abc}}\n"
         "  b: {address: \"https://10.0.0.7:1\", tls: {pin: []}}\n"
         "  c: {address: \"10.0.0.7:1\", tls: {verify: none}}\n"
         "  d: {address: [\"10.0.0.7:1\", \"https://10.0.0.7:2\"]}\n"
         "  e: {address: \"https://10.0.0.7:1\", tls: {pin: \"sha256:" HEX "\", verify: system}}\n"
         "  f: {address: \"https://10.0.0.7:1\", tls: {ca: nowhere.pem}}\n"
         "  g: {address: \"https://10.0.0.7:1\", tls: {ca: reeve.yaml}}\n"
         "  h: {address: [\"https://a.lan\", \"https://b.lan\"]}\n"
         "  i: {address: \"https://10.0.0.7:1\", tls: {verify: maybe}}\n"
         "  j: {command: x, tls: {verify: none}}\n",
         "2:49: services.a.tls.pin: expected \"sha256:\" and 64 hex digits, found \"abc\"; `reeve pin "
         "ADDRESS` prints the line to write\n"
         "3:49: services.b.tls.pin: expected a pin, found an empty list\n"
         "4:36: services.c.tls: it means nothing without an https:// address\n"
         "5:17: services.d: either all of its addresses are https:// or none is\n"
         "6:124: services.e.tls: only one of pin, ca and verify is possible\n"
         "7:44: services.f.tls.ca: cannot read /srv/app/nowhere.pem: No such file or directory\n"
         "8:44: services.g.tls.ca: /srv/app/reeve.yaml holds no certificate in PEM form (-----BEGIN "
         "CERTIFICATE-----)\n"
         "9:34: services.h: its addresses have different hosts, so that it is open which name their "
         "certificates are to be for: say it with tls.name\n"
         "10:52: services.i.tls.verify: expected one of system | none, found \"maybe\"\n"
         "11:25: services.j.tls: it means nothing without an https:// address"},
    };
    WORLD_CHECK_BAD(rows);
}

static void test_good(void **state)
{
    (void)state;
    struct world world = {
        .files = {{"/srv/app/reeve.yaml",
                   "services:\n"
                   "  a: {address: \"https://nas.lan\", tls: {ca: ca.pem}}\n"
                   "  b: {address: \"https://10.0.0.7:1\", tls: {pin: [\"sha256:" HEX "\", \"sha256:" HEX
                   "\"]}}\n"
                   "  c: {address: \"https://10.0.0.7:1\", tls: {verify: none}}\n"
                   "  d: {address: \"https://10.0.0.7:1\", tls: {name: nas.lan}}\n"
                   "  e: {address: [\"https://a.lan\", \"https://b.lan\"], tls: {verify: none}}\n"
                   "  f: {address: \"10.0.0.7:1\"}\n"},
                  {"/srv/app/ca.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"}}};
    struct config_errors errors = {0};
    struct config *config = world_load(&world, &errors);
    assert_non_null(config);
    const struct config_service *services = config->services.items;
    assert_int_equal(services[0].tls.verify, CONFIG_TLS_CA);
    assert_string_equal(services[0].tls.name, "nas.lan");
    assert_string_equal(services[0].tls.ca, "/srv/app/ca.pem");
    assert_non_null(strstr(services[0].tls.authorities, "AAAA"));
    assert_int_equal(services[1].tls.verify, CONFIG_TLS_PIN);
    assert_int_equal(services[1].tls.pins.count, 2);
    assert_null(services[1].tls.name);
    assert_int_equal(services[2].tls.verify, CONFIG_TLS_NONE);
    assert_int_equal(services[3].tls.verify, CONFIG_TLS_SYSTEM);
    assert_string_equal(services[3].tls.name, "nas.lan");
    assert_true(services[4].tls.used);
    assert_false(services[5].tls.used);
    config_free(&config);
    config_errors_free(&errors);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pins),
        cmocka_unit_test(test_bad),
        cmocka_unit_test(test_good),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
