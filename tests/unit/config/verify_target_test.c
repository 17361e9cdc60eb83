#include "world.h"

#define TEMPLATES                                                                                            \
    "services: {api: {command: x, listen: tcp}}\n"                                                           \
    "templates: {shell: {command: x, listen: tcp}, job: {command: y}}\n"                                     \
    "routes:\n"

static void test_bad(void **state)
{
    (void)state;
    static const struct world_bad rows[] = {
        {TEMPLATES "  - {path: \"/a/{id}\", to: shell}\n"
                   "  - {path: \"/b/{id}\", to: \"shel/{id}\"}\n"
                   "  - {path: \"/c/{id}\", to: \"api/{id}\"}\n"
                   "  - {path: \"/d/{id}\", to: \"shell/{ids}\"}\n"
                   "  - {path: \"/e/{id}\", to: \"shell/\"}\n"
                   "  - {path: \"/f/{id}\", to: \"shell/.{id}\"}\n"
                   "  - {path: \"/g/{id}\", to: \"shell/a/{id}\"}\n"
                   "  - {path: \"/h/{id}\", to: \"shell/${HOME}\"}\n"
                   "  - {path: \"/i/{id}\", to: \"job/{id}\"}\n"
                   "  - {path: \"/j/{id}\", to: \"{id}/x\"}\n",
         "4:23: routes[0].to: shell is a template; name an instance of it, such as \"shell/{id}\"\n"
         "5:23: routes[1].to: there is no template \"shel\"; did you mean \"shell\"?\n"
         "6:23: routes[2].to: there is no template \"api\"; there are shell, job\n"
         "7:23: routes[3].to: \"shell/{ids}\": neither the path nor the host of the route captures what is "
         "in "
         "braces\n"
         "8:23: routes[4].to: \"shell/\": after the slash comes an id: letters, digits and . _ - or {names} "
         "that "
         "the path captures\n"
         "9:23: routes[5].to: \"shell/.{id}\": after the slash comes an id: letters, digits and . _ - or "
         "{names} "
         "that the path captures\n"
         "10:23: routes[6].to: \"shell/a/{id}\": after the slash comes an id: letters, digits and . _ - or "
         "{names} that the path captures\n"
         "11:23: routes[7].to: \"shell//home/ann\": after the slash comes an id: letters, digits and . _ - "
         "or "
         "{names} that the path captures\n"
         "12:23: routes[8].to: the template \"job\" has no listener; give it listen: tcp\n"
         "13:23: routes[9].to: there is no template \"{id}\"; there are shell, job"},
    };
    WORLD_CHECK_BAD(rows);
}

static void test_url(void **state)
{
    (void)state;
    static const struct {
        const char *routes, *url, *prefix;
    } rows[] = {
        {"  - {path: \"/s/{id}/*\", to: \"shell/{id}\"}\n", "/s/{id}/", "/s/{id}"},
        {"  - {path: \"/s/{x}\", to: \"shell/{x}\"}\n", "/s/{id}", "/s/{id}"},
        {"  - {path: /*, host: \"{x}.lan\", to: \"shell/{x}\"}\n", "//{id}.lan/", ""},
        {"  - {path: \"/{a}/{x}/*\", to: \"shell/{x}\"}\n", NULL, ""}, /* what {a} is, nobody knows */
        {"  - {path: \"/{a}/{b}/*\", to: \"shell/{a}-{b}\"}\n", NULL, ""},
        {"  - {path: /main/*, to: shell/main}\n  - {path: \"/s/{id}/*\", to: \"shell/{id}\"}\n", "/s/{id}/",
         "/s/{id}"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char *yaml = memory_format("%s%s", TEMPLATES, rows[i].routes);
        struct config *config = world_load_good(yaml, NULL);
        const struct config_service *service = &config->templates.items[0].service;
        if (rows[i].url)
            assert_string_equal(service->url, rows[i].url);
        else
            assert_null(service->url);
        assert_string_equal(service->prefix, rows[i].prefix);
        config_free(&config);
        free(yaml);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bad),
        cmocka_unit_test(test_url),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
