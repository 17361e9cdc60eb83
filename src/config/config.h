/* reeve.yaml as checked, plain values: the only room that knows YAML (contract §1).
 *
 * config_load() reads, checks and resolves one file; what it returns never changes. All strings and
 * arrays belong to the struct config and die with it. Paths are absolute, durations milliseconds,
 * sizes bytes; every list is `items` and `count`. The values are described in config/values.h. */
#pragma once

#include <jansson.h>

#include "base/error.h"
#include "base/slice.h"

#include "config/values.h"

/* What the loader may know about the process that loads. Nothing is taken from the process itself. */
struct config_environment {
    const char *const *variables; /* "NAME=value" ..., NULL at the end; may be NULL */
    const char *directory;        /* absolute working directory, for relative file names */
    bool root;                    /* effective uid 0: decides where state lives by default */
    /* Reads a whole file of at most `limit` bytes into fresh memory that ends with NUL; NULL with a negative
     * errno in *status. The field may be NULL: real files then, and stdin for "-". Tests and fuzzers pass
     * theirs. */
    char *(*read)(void *owner, const char *path, size_t limit, size_t *size, int *status);
    void *owner;
};

struct config_error {
    struct config_place place;
    char *text; /* without the place; may have further lines, each indented by two spaces */
};

/* Everything found wrong, in the order of the file. Start with zeroes; config_errors_free() in the end. */
struct config_errors {
    struct config_error *items;
    size_t count;
    size_t dropped; /* found beyond what is kept */
};

enum { CONFIG_ERRORS_SHOWN = 20 };

/* "file:line:column: text\n" for the first CONFIG_ERRORS_SHOWN, and a last line that counts the others. The
 * caller frees it. */
char *config_errors_text(const struct config_errors *errors);
/* The first error in one struct error, and how many more there are; for replies that have one text. */
void config_errors_first(const struct config_errors *errors, struct error *error);
void config_errors_free(struct config_errors *errors);

/* The file that rules: `given` (-c FILE; "-" is stdin), else $REEVE_CONFIG, else reeve.yaml in the working
 * directory or a parent of it, else /etc/reeve/reeve.yaml. Absolute, or "-"; the caller frees it.
 * NULL with the text when there is none. Whether a named file can be read is config_load()'s to say. */
char *config_find_file(const char *given, const struct config_environment *environment, struct error *error);

/* NULL, and at least one error in `errors`, when anything is wrong. `path` "-" is stdin (its places say
 * "stdin", its directory is the working directory). Reads only: the file, what `include` and `env_file` name,
 * and `{file: PATH}` secrets. */
struct config *config_load(const char *path, const struct config_environment *environment,
                           struct config_errors *errors);
void config_free(struct config **config);

/* The place of one setting of an item, by its key below that item: config_place_of(&route->item, "files").
 * A setting that was not written gives the item's own place. */
struct config_place config_place_of(const struct config_item *item, const char *key);
bool config_is_set(const struct config_item *item, const char *key);
/* "file:line:column" into text[size]; returns text. */
char *config_place_text(const struct config_place *place, char *text, size_t size);

/* By name; NULL when there is none. */
const struct config_service *config_service(const struct config *config, const char *name);

/* The value of `name` at this start; NULL when it has none. Names: PORT SOCKET user prefix, and
 * services.NAME.port, services.NAME.socket. */
typedef const char *config_lookup_fn(void *owner, struct slice name);

/* Fills in what only a start knows. Command words and variables' values are kept with all other names already
 * resolved (what they gave is not expanded again), so `lookup` sees only the names above, each checked at
 * load to be one that this service has. Fresh memory; NULL with the text when lookup gave NULL. */
char *config_expand(const char *text, config_lookup_fn *lookup, void *owner, struct error *error);

/* The effective configuration for `reeve config`, secrets masked. With mark_defaults it is
 * {"config": {...}, "defaults": ["drain.timeout", "services.api.restart", ...]}: the keys nobody wrote. */
json_t *config_to_json(const struct config *config, bool mark_defaults);
/* The same as YAML that loads again (but for masked secrets); defaults end with "# default". */
char *config_to_text(const struct config *config);
