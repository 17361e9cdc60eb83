#include "world.h"

static void test_bad(void **state)
{
    (void)state;
    static const struct world_bad rows[] = {
        {"name: ${NOPE}\n"
         "state: ${NOPE:?say where}\n"
         "user: ${EMPTY:?}\n"
         "hosts: [\"${A:+x}\", \"${}\", \"${A\", \"${A:-${B:-${C:-${D:-${E:-${F:-x}}}}}}\"]\n",
         "1:7: name: ${NOPE} is not set and has no default; ${NOPE:-value} has one\n"
         "2:8: state: ${NOPE} is not set: say where\n"
         "3:7: user: ${EMPTY} is not set, or empty\n"
         "4:9: hosts: ${A:+x} is not understood; allowed are ${NAME}, ${NAME:-default} and ${NAME:?message}, "
         "and $$ for a plain $\n"
         "4:20: hosts: ${} is not understood; allowed are ${NAME}, ${NAME:-default} and ${NAME:?message}, "
         "and $$ for a plain $\n"
         "4:27: hosts: \"${A\" has no closing }; write $$ for a plain $\n"
         "4:34: hosts: ${...} is nested more than 4 deep"},
        {"services:\n"
         "  a: {command: 'x ${services.c.port} ${services.b.socket} ${services.b.name} ${services.b.port}'}\n"
         "  b: {command: x, listen: tcp, directory: \"${user}\", ready: {http: \"/${services.a.port}\"}}\n"
         "  c: {command: x, listen: none}\n"
         "  d: {command: 'x ${PORT}', listen: unix}\n",
         "2:16: services.a.command: ${services.b.name} is not known; there are ${services.NAME.port} and "
         "${services.NAME.socket}\n"
         "2:16: services.a.command: the service \"b\" has no socket; it needs listen: unix\n"
         "2:16: services.a.command: the service \"c\" has no port; it needs listen: tcp\n"
         "3:43: services.b.directory: ${user} is known only when a service starts: use it in command and "
         "env\n"
         "3:68: services.b.ready.http: ${services.a.port} is known only when a service starts: use it in "
         "command and env\n"
         "5:16: services.d.command: ${PORT} is not set and has no default; ${PORT:-value} has one"},
        {"drain: ${services.a.port}\n", "1:8: drain.timeout: ${services.a.port} is known only when a service "
                                        "starts: use it in command and env"},
    };
    WORLD_CHECK_BAD(rows);
}

/* Ours come first, and what a name gives is not expanded again. */
static void test_names(void **state)
{
    (void)state;
    struct config *config =
        world_load_good("name: n\n"
                        "state: /s\n"
                        "user: ${name}_${W:-x}\n"
                        "services:\n"
                        "  a:\n"
                        "    command: ['${name}', '${state}', '${config_dir}', '${user}', '${prefix}', "
                        "'${V}', '${services.a.port}']\n"
                        "    listen: tcp\n",
                        "V=${HOME}$$");
    static const char *const words[] = {"a",         "/s",           "/srv/app",          "${user}",
                                        "${prefix}", "$${HOME}$$$$", "${services.a.port}"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        assert_string_equal(config->services.items[0].command.items[i], words[i]);
    config_free(&config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bad),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
