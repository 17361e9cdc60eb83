/* Values of their own kind at the top level: ports, workers, access records. */
#include <stdlib.h>

#include "config/addresses.h"
#include "config/hints.h"

static void top_read_ports(struct load *load, const struct setting *row, const struct yaml_node *node,
                           void *field)
{
    static const char expected[] = "two ports with a hyphen, such as 20000-29999";
    (void)row;
    struct config *config = field;
    struct slice text = load_scalar(load, node, expected);
    if (!text.data)
        return;
    size_t hyphen = slice_find(text, '-');
    bool read = addresses_port(slice_trim(slice_between(text, 0, hyphen)), &config->ports_first) &&
                addresses_port(slice_trim(slice_from(text, hyphen + 1)), &config->ports_last);
    if (!read)
        load_wrong(load, node, expected);
    else if (config->ports_first > config->ports_last)
        LOAD_ERROR(load, node, "the first port, %u, is above the last, %u", config->ports_first,
                   config->ports_last);
    else if (config->ports_first < 1024)
        LOAD_ERROR(load, node, "ports below 1024 are not given to services");
}

static json_t *top_show_ports(const struct setting *row, const void *field)
{
    (void)row;
    const struct config *config = field;
    return json_sprintf("%u-%u", config->ports_first, config->ports_last);
}

static json_t *top_schema_ports(const struct setting *row)
{
    (void)row;
    return types_schema_pattern("[0-9]{4,5} *- *[0-9]{4,5}");
}

const struct type general_ports = {
    .name = "range of ports",
    .read = top_read_ports,
    .show = top_show_ports,
    .schema = top_schema_ports,
};

enum { TOP_WORKERS_MOST = 256 };

static void top_read_workers(struct load *load, const struct setting *row, const struct yaml_node *node,
                             void *field)
{
    (void)row;
    struct slice text = load_scalar(load, node, "auto, or a whole number from 1 to 256");
    uint64_t number = 0;
    if (!text.data || slice_equal(text, SLICE("auto")))
        return;
    if (!slice_to_u64(text, &number) || number == 0 || number > TOP_WORKERS_MOST || text.data[0] == '0')
        load_wrong(load, node, "auto, or a whole number from 1 to 256");
    *(unsigned *)field = (unsigned)number;
}

static json_t *top_show_workers(const struct setting *row, const void *field)
{
    (void)row;
    unsigned workers = *(const unsigned *)field;
    return workers ? json_integer(workers) : json_string("auto");
}

static json_t *top_schema_workers(const struct setting *row)
{
    (void)row;
    return types_schema_or_interpolated(json_pack("{s:[{s:s},{s:s,s:i,s:i}]}", "anyOf", "const", "auto",
                                                  "type", "integer", "minimum", 1, "maximum",
                                                  TOP_WORKERS_MOST));
}

const struct type general_workers = {
    .name = "number or `auto`",
    .read = top_read_workers,
    .show = top_show_workers,
    .schema = top_schema_workers,
};

/* What somebody may have meant who wrote neither of the two words; NULL: a file. */
static const char *top_meant_access(struct slice text)
{
    static const char *const words[] = {"stdout", "none"};
    static const char *const others[][2] = {{"off", "none"},    {"no", "none"},   {"false", "none"},
                                            {"null", "none"},   {"on", "stdout"}, {"yes", "stdout"},
                                            {"true", "stdout"}, {"-", "stdout"},  {"stderr", "stdout"}};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        if (slice_equal_ignore_case(text, slice_of_text(others[i][0])))
            return others[i][1];
    return hints_nearest(text, words, sizeof words / sizeof words[0]);
}

static void top_read_access(struct load *load, const struct setting *row, const struct yaml_node *node,
                            void *field)
{
    (void)row;
    struct config_log *log = field;
    struct slice text = load_scalar(load, node, "stdout, none, or a file");
    if (!text.data)
        return;
    const char *meant = top_meant_access(text);
    if (slice_equal(text, SLICE("stdout"))) {
        log->access = CONFIG_ACCESS_STDOUT;
    } else if (slice_equal(text, SLICE("none"))) {
        log->access = CONFIG_ACCESS_NONE;
    } else if (meant && slice_find(text, '/') == text.size && slice_find(text, '.') == text.size) {
        LOAD_ERROR(load, node,
                   "expected stdout, none, or a file, found \"" SLICE_FORMAT
                   "\"; did you mean \"%s\"? A file is written ./" SLICE_FORMAT,
                   SLICE_ARGUMENTS(text), meant, SLICE_ARGUMENTS(text));
    } else {
        log->access = CONFIG_ACCESS_FILE;
        log->access_file = load_absolute(load, load_directory(load, node->place), text);
    }
}

static json_t *top_show_access(const struct setting *row, const void *field)
{
    (void)row;
    const struct config_log *log = field;
    if (log->access == CONFIG_ACCESS_FILE)
        return types_text.show(row, &log->access_file);
    return json_string(log->access == CONFIG_ACCESS_STDOUT ? "stdout" : "none");
}

static json_t *top_schema_access(const struct setting *row)
{
    (void)row;
    return json_pack("{s:s,s:i}", "type", "string", "minLength", 1);
}

const struct type general_access = {
    .name = "`stdout`, `none` or path",
    .read = top_read_access,
    .show = top_show_access,
    .schema = top_schema_access,
};
