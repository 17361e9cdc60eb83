#include "world.h"

#include <signal.h>

static char *read_fixture(const char *name)
{
    char path[512], *text = memory_new(65536);
    const char *source = getenv("REEVE_SOURCE"); /* set by meson; from the top of the tree it is not needed */
    snprintf(path, sizeof path, "%s/tests/unit/config/%s", source ? source : ".", name);
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    size_t size = fread(text, 1, 65535, file);
    assert_true(size > 0);
    fclose(file);
    return text;
}

/* The example of the contract has every key there is: all are known, and what is not built is refused. */
static void test_contract(void **state)
{
    (void)state;
    char *yaml = read_fixture("contract.yaml");
    struct world world = {.files = {{"/srv/app/reeve.yaml", yaml},
                                    {"/srv/app/api/.env", "A=1\n"},
                                    {"/srv/app/conf.d/*.yaml", "hosts: [more.example]\n"}}};
    struct config_errors errors = {0};
    assert_null(world_load(&world, &errors));
    assert_true(errors.count > 10);
    assert_int_equal(errors.dropped, 0);
    for (size_t i = 0; i < errors.count; i++) {
        if (!strstr(errors.items[i].text, " is not supported yet"))
            print_error("line %d: %s\n", errors.items[i].place.line, errors.items[i].text);
        assert_non_null(strstr(errors.items[i].text, " is not supported yet"));
        assert_null(strchr(errors.items[i].text, '\n'));
    }
    char *text = config_errors_text(&errors);
    assert_non_null(strstr(text, "reeve.yaml:7:5: listen[1].tls is not supported yet\n"));
    free(text);
    config_errors_free(&errors);
    free(yaml);
}

/* Every key that is built, with a value that is not its default. */
static struct config *load_values(struct world *world, struct config_errors *errors)
{
    static char *yaml;
    free(yaml);
    yaml = read_fixture("values.yaml");
    *world =
        (struct world){.files = {{"/srv/app/reeve.yaml", yaml},
                                 {"/srv/app/api/.env", "# comment\nexport ONE=1\nTWO='a $b' # x\nLOG=file\n"},
                                 {"/srv/app/secret", "pa$$word\n"}},
                       .variables = {"HOME=/home/ann", "WEB=9999", "TOKEN=t"}};
    struct config *config = world_load(world, errors);
    assert_non_null(config);
    return config;
}

static void test_top_values(void **state)
{
    (void)state;
    struct world world;
    struct config_errors errors = {0};
    struct config *config = load_values(&world, &errors);
    assert_string_equal(config->name, "bench");
    assert_string_equal(config->state, "/srv/app/state/bench");
    assert_int_equal(config->listeners.count, 4);
    assert_false(config->listeners.items[0].insecure);
    assert_true(config->listeners.items[3].insecure);
    assert_int_equal(config->auth.method, CONFIG_AUTH_PASSWORD);
    assert_string_equal(config->auth.users, "/srv/app/people");
    assert_int_equal(config->auth.session.lifetime_ms, 8 * 3600 * 1000);
    assert_int_equal(config->auth.session.idle_ms, 20 * 60 * 1000);
    assert_string_equal(config->listeners.items[0].address, "127.0.0.1:9999");
    assert_string_equal(config->listeners.items[1].address, "[::1]:8081");
    assert_string_equal(config->listeners.items[2].address, "unix:/srv/app/web.sock");
    assert_string_equal(config->hosts.items[0], "app.example");
    assert_string_equal(config->origins.items[0], "https://app.example");
    assert_int_equal(config->trusted_proxies.count, 2);
    assert_string_equal(config->trusted_proxies.items[1], "unix");
    assert_int_equal(config->workers, 2);
    assert_string_equal(config->user, "web");
    assert_int_equal(config->takeover, CONFIG_TAKEOVER_ANY);
    assert_int_equal(config->takeover_timeout_ms, 4000);
    assert_int_equal(config->ports_first, 30000);
    assert_int_equal(config->ports_last, 30099);
    assert_int_equal(config->drain_timeout_ms, 60000);
    assert_int_equal(config->log.level, LOG_DEBUG);
    assert_int_equal(config->log.access, CONFIG_ACCESS_FILE);
    assert_string_equal(config->log.access_file, "/srv/app/access.log");
    assert_int_equal(config->log.format, CONFIG_ACCESS_COMBINED);
    config_free(&config);
    assert_null(config);
}

static void test_service_values(void **state)
{
    (void)state;
    struct world world;
    struct config_errors errors = {0};
    struct config *config = load_values(&world, &errors);
    const struct config_service *api = config_service(config, "api");
    assert_int_equal(api->command.count, 4);
    assert_string_equal(api->command.items[0], "/srv/app/api/server");
    assert_string_equal(api->command.items[2], "${PORT}");
    assert_string_equal(api->command.items[3], "two words");
    assert_string_equal(api->directory, "/srv/app/api");
    assert_string_equal(api->user, "app");
    assert_string_equal(api->prefix, "/api");
    assert_int_equal(api->listen.kind, CONFIG_LISTEN_TCP);
    assert_int_equal(api->listen.port, 0);
    assert_int_equal(api->start, CONFIG_START_DEMAND);
    assert_string_equal(api->depends_on.items[0], "db");
    assert_int_equal(api->ready.kind, CONFIG_READY_HTTP);
    assert_string_equal(api->ready.path, "/health");
    assert_int_equal(api->ready.timeout_ms, 5000);
    assert_int_equal(api->restart, CONFIG_RESTART_ALWAYS);
    assert_int_equal(api->backoff.initial_ms, 100);
    assert_int_equal(api->backoff.max_ms, 10000);
    assert_int_equal(api->backoff.reset_after_ms, 30000);
    assert_int_equal(api->stop.signal, SIGINT);
    assert_int_equal(api->stop.grace_ms, 2000);
    assert_int_equal(api->output.max_bytes, 1 << 20);
    assert_int_equal(api->output.keep, 2);
    assert_int_equal(api->pass_env.count, 2);
    const struct config_service *nas = config_service(config, "nas");
    assert_int_equal(nas->addresses.count, 3);
    assert_string_equal(nas->addresses.items[0].host, "nas.lan");
    assert_int_equal(nas->addresses.items[0].port, 9000);
    assert_string_equal(nas->addresses.items[1].host, "::1");
    assert_string_equal(nas->addresses.items[2].path, "/run/nas.sock");
    assert_int_equal(nas->ready.kind, CONFIG_READY_NONE);
    const struct config_service *db = config_service(config, "db");
    assert_int_equal(db->listen.kind, CONFIG_LISTEN_UNIX);
    assert_int_equal(db->ready.kind, CONFIG_READY_LISTEN);
    assert_null(config_service(config, "nothing"));
    config_free(&config);
}

static void test_variables(void **state)
{
    (void)state;
    static const struct {
        const char *name, *value;
        bool secret;
    } rows[] = {
        {"ONE", "1", true},
        {"TWO", "a $$b", true},
        {"LOG", "debug", false},
        {"BOTH", "1-${services.db.socket}", false},
        {"PASSWORD", "pa$$$$word", true},
        {"KEY", "t", true},
    };
    struct world world;
    struct config_errors errors = {0};
    struct config *config = load_values(&world, &errors);
    const struct config_variables *variables = &config_service(config, "api")->variables;
    assert_int_equal(variables->count, 6);
    for (size_t i = 0; i < 6; i++) {
        assert_string_equal(variables->items[i].name, rows[i].name);
        assert_string_equal(variables->items[i].value, rows[i].value);
        assert_int_equal(variables->items[i].secret, rows[i].secret);
    }
    config_free(&config);
}

static void test_route_values(void **state)
{
    (void)state;
    struct world world;
    struct config_errors errors = {0};
    struct config *config = load_values(&world, &errors);
    const struct config_route *routes = config->routes.items;
    assert_int_equal(config->routes.count, 3);
    assert_string_equal(routes[0].path, "/api/*");
    assert_int_equal(routes[0].action, CONFIG_ROUTE_TARGET);
    assert_int_equal(routes[0].strip, CONFIG_STRIP_WILDCARD);
    assert_int_equal(routes[0].body_max_bytes, 8 << 20);
    assert_int_equal(routes[0].timeout_connect_ms, 1000);
    assert_int_equal(routes[0].timeout_response_ms, 60000);
    assert_int_equal(routes[0].timeout_idle_ms, 600000);
    assert_string_equal(routes[0].websocket.subprotocol, "tty");
    assert_int_equal(routes[0].websocket.ping_ms, 45000);
    assert_int_equal(routes[0].websocket.refuse, CONFIG_REFUSE_CLOSE);
    assert_int_equal(routes[0].limits.streams, 500);
    assert_int_equal(routes[0].limits.per_user, 20);
    assert_int_equal(routes[0].limits.per_address, 50);
    assert_string_equal(routes[1].host, "nas.{zone}");
    assert_int_equal(routes[1].strip, CONFIG_STRIP_PREFIX);
    assert_string_equal(routes[1].strip_prefix, "/files");
    assert_int_equal(routes[1].allow.count, 2);
    assert_string_equal(routes[1].allow.items[1], "user:{name}");
    assert_int_equal(routes[2].action, CONFIG_ROUTE_FILES);
    assert_string_equal(routes[2].files, "/srv/app/dist");
    assert_string_equal(routes[2].fallback, "index.html");
    config_free(&config);
}

static void test_places(void **state)
{
    (void)state;
    struct world world;
    struct config_errors errors = {0};
    struct config *config = load_values(&world, &errors);
    struct config_place place = config_place_of(&config->routes.items[2].item, "files");
    char text[64];
    assert_string_equal(config_place_text(&place, text, sizeof text), "reeve.yaml:65:5");
    const struct config_service *api = config_service(config, "api"), *db = config_service(config, "db");
    assert_true(config_is_set(&api->item, "ready.http"));
    assert_false(config_is_set(&db->item, "ready.http"));
    place = config_place_of(&db->item, "ready.http");
    assert_int_equal(place.line, db->item.place.line);
    config_free(&config);
}

static void test_defaults(void **state)
{
    (void)state;
    struct config *config = world_load_good("services: {web: {command: ./web}}\n", NULL);
    const struct config_service *web = config_service(config, "web");
    assert_string_equal(config->name, "app");
    assert_string_equal(config->state, "/home/ann/.local/state/reeve/app");
    assert_int_equal(config->listeners.count, 1);
    assert_string_equal(config->listeners.items[0].address, "127.0.0.1:8080");
    assert_int_equal(config->workers, 0);
    assert_null(config->user);
    assert_int_equal(config->takeover, CONFIG_TAKEOVER_OWN);
    assert_int_equal(config->takeover_timeout_ms, 3000);
    assert_int_equal(config->ports_first, 20000);
    assert_int_equal(config->ports_last, 29999);
    assert_int_equal(config->drain_timeout_ms, 30000);
    assert_int_equal(config->log.level, LOG_INFO);
    assert_int_equal(config->log.access, CONFIG_ACCESS_STDOUT);
    assert_string_equal(web->command.items[0], "/srv/app/web");
    assert_string_equal(web->directory, "/srv/app");
    assert_string_equal(web->prefix, "");
    assert_int_equal(web->listen.kind, CONFIG_LISTEN_NONE);
    assert_int_equal(web->start, CONFIG_START_BOOT);
    assert_int_equal(web->ready.kind, CONFIG_READY_NONE);
    assert_int_equal(web->ready.timeout_ms, 30000);
    assert_int_equal(web->restart, CONFIG_RESTART_ON_FAILURE);
    assert_int_equal(web->backoff.initial_ms, 200);
    assert_int_equal(web->backoff.max_ms, 30000);
    assert_int_equal(web->backoff.reset_after_ms, 60000);
    assert_int_equal(web->stop.signal, SIGTERM);
    assert_int_equal(web->stop.grace_ms, 10000);
    assert_int_equal(web->output.max_bytes, 10 << 20);
    assert_int_equal(web->output.keep, 5);
    config_free(&config);
    config = world_load_good("", NULL);
    assert_int_equal(config->services.count, 0);
    config_free(&config);
}

static void test_state(void **state)
{
    (void)state;
    static const struct {
        const char *variable;
        bool root;
        const char *state;
    } rows[] = {
        {"HOME=/home/ann", true, "/var/lib/reeve/app"},
        {"HOME=/home/ann", false, "/home/ann/.local/state/reeve/app"},
        {"XDG_STATE_HOME=/x", false, "/x/reeve/app"},
    };
    for (size_t i = 0; i < 3; i++) {
        struct world world = {
            .files = {{"/srv/app/reeve.yaml", ""}}, .variables = {rows[i].variable}, .root = rows[i].root};
        struct config_errors errors = {0};
        struct config *config = world_load(&world, &errors);
        assert_string_equal(config->state, rows[i].state);
        config_free(&config);
    }
    struct world world = {.files = {{"/srv/app/reeve.yaml", ""}}, .variables = {"HOME="}};
    struct config_errors errors = {0};
    assert_null(world_load(&world, &errors));
    assert_non_null(strstr(errors.items[0].text, "$HOME"));
    config_errors_free(&errors);
}

static void test_missing_file(void **state)
{
    (void)state;
    struct world world = {0};
    struct config_errors errors = {0};
    assert_null(world_load(&world, &errors));
    char *text = config_errors_text(&errors);
    assert_string_equal(text, "reeve.yaml: cannot read /srv/app/reeve.yaml: No such file or directory\n");
    struct error error = {0};
    config_errors_first(&errors, &error);
    assert_string_equal(error.text, "reeve.yaml: cannot read /srv/app/reeve.yaml: No such file or directory");
    free(text);
    config_errors_free(&errors);
}

static const char *lookup(void *owner, struct slice name)
{
    (void)owner;
    if (slice_equal(name, SLICE("PORT")))
        return "20001";
    return slice_equal(name, SLICE("services.db.socket")) ? "/run/${PORT}" : NULL;
}

static void test_expand(void **state)
{
    (void)state;
    struct error error = {0};
    char *text = config_expand("a$$b ${PORT}:${services.db.socket}$$", lookup, NULL, &error);
    assert_string_equal(text, "a$b 20001:/run/${PORT}$");
    free(text);
    assert_null(config_expand("${SOCKET}", lookup, NULL, &error));
    assert_non_null(strstr(error.text, "${SOCKET} is not set"));
}

/* What `reeve config` prints loads again and means the same. */
static void test_text_loads_again(void **state)
{
    (void)state;
    char *yaml = read_fixture("values.yaml");
    struct world world = {.files = {{"/srv/app/reeve.yaml", yaml},
                                    {"/srv/app/api/.env", "ONE=1\n"},
                                    {"/srv/app/secret", "s3cret\n"}},
                          .variables = {"HOME=/home/ann", "WEB=9999", "TOKEN=t"}};
    struct config_errors errors = {0};
    struct config *config = world_load(&world, &errors);
    assert_non_null(config);
    char *text = config_to_text(config);
    assert_null(strstr(text, "s3cret"));
    assert_non_null(strstr(text, "KEY: \"***\""));
    world.files[0].text = text;
    struct config *again = world_load(&world, &errors);
    if (!again)
        print_error("%s%s", text, config_errors_text(&errors));
    assert_non_null(again);
    json_t *one = config_to_json(config, false), *two = config_to_json(again, false);
    assert_true(json_equal(one, two));
    json_decref(one);
    json_decref(two);
    config_free(&again);
    config_free(&config);
    free(text);
    free(yaml);
}

static void test_defaults_are_marked(void **state)
{
    (void)state;
    struct config *config = world_load_good("name: x\nservices: {web: {command: w, restart: never}}\n", NULL);
    json_t *json = config_to_json(config, true);
    char *defaults = json_dumps(json_object_get(json, "defaults"), JSON_COMPACT);
    assert_non_null(strstr(defaults, "\"drain.timeout\""));
    assert_non_null(strstr(defaults, "\"listen[0].address\""));
    assert_non_null(strstr(defaults, "\"services.web.ready.none\""));
    assert_null(strstr(defaults, "\"services.web.restart\""));
    assert_null(strstr(defaults, "\"name\""));
    char *text = config_to_text(config);
    assert_non_null(strstr(text, "\n    restart: never\n"));
    assert_non_null(strstr(text, "\n      grace: 10s # default\n"));
    free(text);
    free(defaults);
    json_decref(json);
    config_free(&config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_contract),         cmocka_unit_test(test_top_values),
        cmocka_unit_test(test_service_values),   cmocka_unit_test(test_variables),
        cmocka_unit_test(test_route_values),     cmocka_unit_test(test_places),
        cmocka_unit_test(test_defaults),         cmocka_unit_test(test_state),
        cmocka_unit_test(test_missing_file),     cmocka_unit_test(test_expand),
        cmocka_unit_test(test_text_loads_again), cmocka_unit_test(test_defaults_are_marked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
