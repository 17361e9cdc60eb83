#include "world.h"

static void test_values(void **state)
{
    (void)state;
    struct config *config = world_load_good(
        "services: {db: {command: x, listen: tcp}}\n"
        "templates:\n"
        "  shell:\n"
        "    command: [./shell, --port, \"${PORT}\", \"${id}\", \"${project:-none of ${id}}\", "
        "\"${topic}\"]\n"
        "    env: {WHO: \"${name} in ${instance_dir}: ${prompt}\", DB: \"${services.db.port}\"}\n"
        "    user: \"${id}\"\n"
        "    depends_on: [db]\n"
        "    create: request\n"
        "    max_instances: 3\n"
        "    parameters:\n"
        "      project: {pattern: \"[a-z0-9-]{1,40}\"}\n"
        "      topic: {pattern: \"[a-z]+\"}\n"
        "      prompt: {text: 64k}\n"
        "      spare: {text: 1k}\n"
        "    allow: [\"user:${id}\", \"group:ops\"]\n"
        "    retention: 2h\n"
        "  job: {command: ./job}\n"
        "routes:\n"
        "  - {path: /only, to: shell/main}\n"
        "  - {path: \"/s/{who}/*\", to: \"shell/{who}\"}\n"
        "  - {path: \"/t/{id}\", to: \"shell/{id}\"}\n"
        "  - {path: /db/*, host: db.lan, to: db}\n",
        NULL);
    assert_int_equal(config->templates.count, 2);
    const struct config_template *shell = &config->templates.items[0];
    const struct config_service *service = &shell->service;
    assert_string_equal(service->name, "shell");
    assert_string_equal(service->command.items[2], "${PORT}");
    assert_string_equal(service->command.items[3], "${id}");
    assert_string_equal(service->command.items[4], "${project:-none of ${id}}");
    assert_string_equal(service->variables.items[0].value, "${name} in ${instance_dir}: ${prompt}");
    assert_string_equal(service->user, "${id}");
    assert_int_equal(service->listen.kind, CONFIG_LISTEN_TCP);
    assert_int_equal(service->start, CONFIG_START_DEMAND);
    assert_string_equal(service->prefix, "/s/{id}");
    assert_string_equal(service->url, "/s/{id}/");
    assert_int_equal(shell->create, CONFIG_CREATE_REQUEST);
    assert_int_equal(shell->max_instances, 3);
    assert_int_equal(shell->retention_ms, 2 * 3600 * 1000);
    assert_int_equal(shell->allow.count, 2);
    assert_string_equal(shell->allow.items[0], "user:${id}");
    assert_int_equal(shell->parameters.count, 4);
    static const struct {
        const char *name, *pattern;
        int64_t text_bytes;
        bool required;
    } parameters[] = {
        {"project", "[a-z0-9-]{1,40}", 0, false}, /* it has a default where it is used */
        {"topic", "[a-z]+", 0, true},
        {"prompt", NULL, 65536, true},
        {"spare", NULL, 1024, false},
    };
    for (size_t i = 0; i < 4; i++) {
        const struct config_parameter *parameter = &shell->parameters.items[i];
        assert_string_equal(parameter->name, parameters[i].name);
        assert_int_equal(parameter->text_bytes, parameters[i].text_bytes);
        assert_int_equal(parameter->required, parameters[i].required);
        if (parameters[i].pattern)
            assert_string_equal(parameter->pattern, parameters[i].pattern);
        else
            assert_null(parameter->pattern);
    }
    const struct config_template *job = &config->templates.items[1];
    assert_int_equal(job->service.start, CONFIG_START_BOOT); /* nobody can ask for it */
    assert_int_equal(job->create, CONFIG_CREATE_API);
    assert_int_equal(job->max_instances, 32);
    assert_int_equal(job->retention_ms, INT64_C(7) * 24 * 3600 * 1000);
    assert_null(job->service.url);
    assert_string_equal(config_service(config, "db")->url, "//db.lan/db/");
    assert_string_equal(config_service(config, "db")->prefix, "/db");
    config_free(&config);
}

/* What `reeve config` shows means the same when it is read again. */
static void test_shown(void **state)
{
    (void)state;
    struct config *config =
        world_load_good("templates:\n"
                        "  shell:\n"
                        "    command: [\"${PORT}\", \"${id}\", \"${topic:-none}\"]\n"
                        "    user: \"u-${id}\"\n"
                        "    parameters: {topic: {pattern: \"[a-z$]*\"}, prompt: {text: 8k}}\n"
                        "    allow: [\"user:${id}\", anyone]\n",
                        NULL);
    char *text = config_to_text(config), *again_text;
    config_free(&config);
    assert_non_null(strstr(text, "\"user:${id}\""));
    assert_non_null(strstr(text, "\"u-${id}\""));
    assert_non_null(strstr(text, "text: 8k"));
    config = world_load_good(text, NULL);
    again_text = config_to_text(config);
    config_free(&config);
    assert_non_null(strstr(again_text, "\"${topic:-none}\""));
    free(again_text);
    free(text);
}

static void test_bad(void **state)
{
    (void)state;
    static const struct world_bad rows[] = {
        {"services: {api: {command: x}}\n"
         "templates:\n"
         "  api: {command: x}\n"
         "  Shell: {command: x}\n"
         "  a: {address: \"h:1\"}\n"
         "  b: {command: x, listen: \"tcp:3000\"}\n"
         "  c: {command: x, listen: unix:/run/x}\n"
         "  d: {command: x, depends_on: [no], max_instances: 0}\n"
         "  e: {command: x, allow: [ann]}\n",
         "3:3: templates.api: a service has this name already, at reeve.yaml:1:12\n"
         "4:3: templates.Shell: the name \"Shell\" does not match [a-z0-9][a-z0-9-]{0,62}\n"
         "5:7: templates.a.address: a template has a command; an address is a service\n"
         "6:19: templates.b.listen: instances cannot share one address; write listen: tcp\n"
         "7:19: templates.c.listen: instances cannot share one address; write listen: unix\n"
         "8:19: templates.d.depends_on: there is no service \"no\"; there is only api\n"
         "8:52: templates.d.max_instances: expected a whole number from 1 to 100000, found \"0\"\n"
         "9:27: templates.e.allow: \"ann\" does not fit; such as [\"user:${id}\"]"},
        /* what a request says never becomes part of the command, nor chooses who may */
        {"templates:\n"
         "  a:\n"
         "    command: [x, \"--prompt=${prompt}\"]\n"
         "    user: \"${word}\"\n"
         "    parameters: {prompt: {text: 1k}, word: {pattern: x}}\n"
         "    allow: [\"user:${word}\"]\n"
         "  b: {command: [x, \"${prompt}\"], directory: \"/srv/${id}\"}\n",
         "3:5: templates.a.command: ${prompt} is any text, which never goes into a command; the program "
         "finds it "
         "in its environment and in ${instance_dir}/parameters.json\n"
         "4:5: templates.a.user: only ${id} is possible here, not ${word}\n"
         "6:5: templates.a.allow: only ${id} is possible here, not ${word}\n"
         "7:20: templates.b.command: ${prompt} is not set and has no default; ${prompt:-value} has one\n"
         "7:45: templates.b.directory: ${id} is known only when an instance starts: use it in command and "
         "env"},
        /* nor is everybody any account */
        {"templates:\n"
         "  a: {command: x, user: \"${id}\"}\n"
         "  b: {command: x, user: \"${id}\", allow: [\"group:ops\"]}\n"
         "  c: {command: x, user: app}",
         "2:19: templates.a.user: whoever creates an instance chooses the account by its id; say who may in "
         "`allow`, such as [\"user:${id}\"]"},
        {"templates:\n"
         "  a:\n"
         "    command: x\n"
         "    parameters:\n"
         "      PATH: {text: 1k}\n"
         "      LD_PRELOAD: {text: 1k}\n"
         "      id: {text: 1k}\n"
         "      a-b: {text: 1k}\n"
         "      both: {text: 1k, pattern: x}\n"
         "      none: {}\n"
         "      open: {pattern: \"[a-z\"}\n"
         "      huge: {text: 1M}\n",
         "5:7: templates.a.parameters.PATH: a parameter cannot be called so: the name means something "
         "already\n"
         "6:7: templates.a.parameters.LD_PRELOAD: a parameter cannot be called so: the name means something "
         "already\n"
         "7:7: templates.a.parameters.id: a parameter cannot be called so: the name means something already\n"
         "8:7: templates.a.parameters.a-b: the name \"a-b\" does not match [A-Za-z_][A-Za-z0-9_]{0,62}\n"
         "9:7: templates.a.parameters.both: a parameter has a pattern or is any text, not both\n"
         "10:7: templates.a.parameters.none: say what it may be: pattern, or text with the most bytes\n"
         "11:14: templates.a.parameters.open.pattern: \"[a-z\": Unmatched [, [^, [:, [., or [=\n"
         "12:14: templates.a.parameters.huge.text: at most 96k: a variable of the environment holds little "
         "more"},
        {"services: {api: {command: \"x ${id}\"}}\n",
         "1:27: services.api.command: ${id} is not set and has no default; ${id:-value} has one"},
    };
    WORLD_CHECK_BAD(rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_shown),
        cmocka_unit_test(test_bad),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
