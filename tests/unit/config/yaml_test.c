#include "world.h"

#include "config/yaml.h"

static void test_bad(void **state)
{
    (void)state;
    static const struct world_bad rows[] = {
        {"services: {api: {command: [uvicorn, --port, ${PORT}]}}\n",
         "1:46: this is not YAML: missing comma in flow sequence\n"
         "  text with {...}, [...] or a * at its start needs quotes around it:\n"
         "    services: {api: {command: [uvicorn, --port, \"${PORT}\"]}}"},
        {"routes:\n"
         "  - {path: /x/{id}/*, to: api}\n",
         "2:15: this is not YAML: missing comma in flow mapping\n"
         "  text with {...}, [...] or a * at its start needs quotes around it:\n"
         "    - {path: \"/x/{id}/*\", to: api}"},
        {"listen:\n"
         "  - address: [::1]:8080\n",
         "2:19: this is not YAML: invalid value after mapping\n"
         "  text with {...}, [...] or a * at its start needs quotes around it:\n"
         "    - address: \"[::1]:8080\""},
        {"hosts: *\n", "1:9: this is not YAML: invalid alias detected\n"
                       "  text with {...}, [...] or a * at its start needs quotes around it:\n"
                       "    hosts: \"*\""},
        {"hosts: [*.example]\n", "1:9: *.example stands for a value named &.example, and none is before it\n"
                                 "  text with {...}, [...] or a * at its start needs quotes around it:\n"
                                 "    hosts: [\"*.example\"]"},
        {"services:\n"
         "\tapi: {command: x}\n",
         "2:1: this is not YAML: tab character may not be used as indentation\n"
         "  YAML is indented with spaces, never with tabs:\n"
         "    api: {command: x}"},
        {"name: x\n"
         "\tstate: y\n",
         "1:7: this is not YAML: invalid multiline plain key\n"
         "  YAML is indented with spaces, never with tabs:\n"
         "    state: y"},
        {"a: 1\n"
         "b: {c: 1, d: 2, c: 3}\n"
         "a: 2\n",
         "1:1: a: there is no such key; allowed here: name, state, include, listen, hosts, origins, "
         "trusted_proxies, workers, "
         "user, takeover, services, templates, loops, hooks, auth, routes, console, ports, log, drain\n"
         "2:1: b: there is no such key; allowed here: name, state, include, listen, hosts, origins, "
         "trusted_proxies, workers, "
         "user, takeover, services, templates, loops, hooks, auth, routes, console, ports, log, drain\n"
         "2:17: the key \"c\" is here for the second time, first in line 2\n"
         "3:1: the key \"a\" is here for the second time, first in line 1\n"
         "3:1: a: there is no such key; allowed here: name, state, include, listen, hosts, origins, "
         "trusted_proxies, workers, "
         "user, takeover, services, templates, loops, hooks, auth, routes, console, ports, log, drain"},
        {"name: !x y\n",
         "1:7: tags (words that start with !) are not used here; text that starts with ! needs quotes"},
        {"name: \"a\n"
         "state: c\n",
         "1:7: this is not YAML: wrongly indented double-quoted scalar"},
        {"hosts: &a [*a]\n", "1:12: *a stands for a value named &a, and none is before it"},
        {"name: x\n"
         "--- \n"
         "name: y\n",
         "2:1: a second document (after ---); a configuration is one document"},
        {"? [a, b]\n"
         ": c\n",
         "1:3: a key must be text, found a list or a mapping"},
        {": x\n", "1:1: a key must be text, found none before the colon"},
        {"name: \"a\\0b\"\n", "1:7: a NUL character cannot be part of a value"},
        {"{a: {b: {c: {d: {e: {f: {g: {h: {i: {j: {k: {l: {m: {n: {o: {p: {q: {r: {s: {t: {u: {v: {w: {x: "
         "{y: 1}}}}}}}}}}}}}}}}}}}}}}}}}\n",
         "1:97: lists and mappings are nested more than 24 deep"},
        {"name:workbench\n", "1:1: expected a mapping of keys, found \"name:workbench\"\n"
                             "  a colon that ends a key has a space after it:\n"
                             "    name: workbench"},
        {"- a\n", "1:1: expected a mapping of keys, found a list"},
    };
    WORLD_CHECK_BAD(rows);
}

/* An alias stands for all of its anchor's value, so ten lines can stand for more than any memory. */
static void test_aliases_are_capped(void **state)
{
    (void)state;
    char *text = world_errors("a: &a [x, x, x, x, x, x, x, x, x, x]\n"
                              "b: &b [*a, *a, *a, *a, *a, *a, *a, *a, *a, *a]\n"
                              "c: &c [*b, *b, *b, *b, *b, *b, *b, *b, *b, *b]\n"
                              "d: &d [*c, *c, *c, *c, *c, *c, *c, *c, *c, *c]\n"
                              "e: &e [*d, *d, *d, *d, *d, *d, *d, *d, *d, *d]\n");
    assert_string_equal(
        text, "reeve.yaml:5:36: too many values: more than 100000, those that aliases (*) stand for "
              "included\n");
    free(text);
}

static void test_characters(void **state)
{
    (void)state;
    static const struct world_bad rows[] = {
        {"name: a\n# \xc3\xa9\xff\n", "2:4: byte 0xff: this is not UTF-8 text"},
        {"name: \x01\n", "1:7: byte 0x01: this is not UTF-8 text"},
        {"\xff\xfen\n", "1:1: byte 0xff: this is not UTF-8 text"},
    };
    WORLD_CHECK_BAD(rows);
    struct config *config = world_load_good("\xef\xbb\xbfname: x\r\nuser: y # \xc3\xa9\r\n", NULL);
    assert_string_equal(config->name, "x");
    assert_string_equal(config->user, "y");
    config_free(&config);
}

static void test_tree(void **state)
{
    (void)state;
    struct arena memory = ARENA(SIZE_MAX);
    struct config_errors errors = {0};
    struct yaml_node *root = yaml_parse(
        &memory, "f", SLICE("a: &x {b: 'true', c: ~, d: }\ne:\n  - *x\n  -\n  - |\n   t\n  - \xc3\xa9: 1\n"),
        &errors);
    assert_non_null(root);
    struct yaml_node *a = yaml_find(root, SLICE("a"))->value;
    assert_int_equal(a->kind, YAML_MAPPING);
    struct yaml_node *b = yaml_find(a, SLICE("b"))->value;
    assert_false(b->plain);
    assert_int_equal(b->place.line, 1);
    assert_int_equal(b->place.column, 11);
    assert_int_equal(yaml_find(a, SLICE("c"))->value->kind, YAML_EMPTY);
    struct yaml_node *d = yaml_find(a, SLICE("d"))->value;
    assert_int_equal(d->kind, YAML_EMPTY);
    assert_int_equal(d->place.column, 25); /* its key's */
    struct yaml_entry *item = yaml_find(root, SLICE("e"))->value->entries;
    assert_ptr_equal(item->value, a);
    assert_int_equal(item->next->value->kind, YAML_EMPTY);
    assert_true(slice_equal(item->next->next->value->text, SLICE("t\n")));
    struct yaml_node *last = item->next->next->next->value;
    assert_int_equal(last->entries->value->place.column, 8); /* characters, not bytes */
    assert_null(yaml_find(root, SLICE("zz")));
    arena_free(&memory);
}

/* A file that ends anywhere is read or refused with a place. */
static void test_each_end(void **state)
{
    (void)state;
    static const char whole[] =
        "name: \"a\\tb\"\nlisten:\n  - {address: '127.0.0.1:1'}\nservices: &s\n  a: [x, *s, ${P}]\n"
        "? |\n  x\n: [1, {b: c}]\n# \xc3\xa9\n--- \n%TAG\n";
    for (size_t size = 0; size < sizeof whole; size++) {
        struct arena memory = ARENA(SIZE_MAX);
        struct config_errors errors = {0};
        char *text = memory_text_of(whole, size);
        struct yaml_node *root = yaml_parse(&memory, "f", slice_of(text, size), &errors);
        assert_true((root != NULL) != (errors.count > 0));
        for (size_t i = 0; i < errors.count; i++)
            assert_true(errors.items[i].place.line >= 1 && errors.items[i].place.column >= 1);
        config_errors_free(&errors);
        arena_free(&memory);
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bad),        cmocka_unit_test(test_aliases_are_capped),
        cmocka_unit_test(test_characters), cmocka_unit_test(test_tree),
        cmocka_unit_test(test_each_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
