/* Any bytes as reeve.yaml and as every file it names: errors have places, and what loads is shown as text
 * that loads again to the same. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/memory.h"
#include "config/config.h"
#include "config/hints.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* libfyaml 0.7.12 loses one buffer of a quoted scalar that does not end, as in {c,''''. */
const char *__lsan_default_suppressions(void);

const char *__lsan_default_suppressions(void)
{
    return "leak:libfyaml";
}

static char *read_input(void *owner, const char *path, size_t limit, size_t *size, int *status)
{
    const struct slice *input = owner;
    *status = input->size > limit ? -EFBIG : strstr(path, "none") ? -ENOENT : 0;
    *size = input->size;
    return *status ? NULL : memory_text_of(input->data, input->size);
}

static struct config *load(struct slice *input, struct config_errors *errors)
{
    static const char *const variables[] = {"HOME=/home/ann", "A=$x ${B}", "EMPTY=", "PORT=1", NULL};
    struct config_environment environment = {
        .variables = variables, .directory = "/srv/app", .read = read_input, .owner = input};
    return config_load("reeve.yaml", &environment, errors);
}

static void check_errors(const struct config_errors *errors)
{
    for (size_t i = 0; i < errors->count; i++) {
        CHECK(errors->items[i].place.file && errors->items[i].text[0]);
        CHECK(errors->items[i].place.line >= 0 && errors->items[i].place.column >= 0);
    }
    free(config_errors_text(errors));
}

/* A copy of the first file would include itself again, an env_file has other lines as YAML, and no comment of
 * it is left that would be a certificate. */
static bool reads_files(json_t *json)
{
    char *text = json_dumps(json, 0);
    bool reads = strstr(text, "\"env_file\"") || strstr(text, "\"ca\"") || strstr(text, "***");
    free(text);
    return reads;
}

static void check_shown(const struct config *config)
{
    struct config_errors errors = {0};
    json_t *json = config_to_json(config, false), *marked = config_to_json(config, true);
    CHECK(json_equal(json, json_object_get(marked, "config")));
    char *text = config_to_text(config);
    if (!reads_files(json)) {
        struct slice again = slice_of_text(text);
        struct config *copy = load(&again, &errors);
        CHECK(copy);
        json_t *other = config_to_json(copy, false);
        CHECK(json_equal(json, other));
        json_decref(other);
        config_free(&copy);
    }
    free(text);
    json_decref(marked);
    json_decref(json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice input = slice_of(data, size);
    struct config_errors errors = {0};
    struct config *config = load(&input, &errors);
    CHECK((config != NULL) == (errors.count == 0));
    check_errors(&errors);
    config_errors_free(&errors);
    if (config)
        check_shown(config);
    config_free(&config);
    char *quoted = hints_quoted(hints_line(input, 1));
    free(quoted);
    free(hints_spaced(hints_line(input, 1)));
    return 0;
}
