/* One load under way: what types and checks share while a tree becomes a struct config. */
#pragma once

#include "base/buffer.h"

#include "config/expand.h"
#include "config/setting.h"

/* A file that was read: places point at `name`. */
struct load_file {
    struct load_file *next;
    char *name;      /* as the user named it */
    char *directory; /* absolute */
    struct slice source;
};

enum { LOAD_PATH_SIZE = 512 };

struct load {
    struct config *config;
    const struct config_environment *environment;
    struct config_errors *errors;
    struct arena *memory; /* lives as long as the configuration */
    struct arena *tree;   /* gone when the load is over */
    struct load_file *files;

    char path[LOAD_PATH_SIZE];        /* of the setting being read, for messages: "services.api.ready" */
    struct config_service *service;   /* whose keys are being read; NULL: others */
    struct config_template *template; /* the same when it is a template's; NULL: a service's, or others */
    struct config_variables env_file; /* what the env_files of `service` say */
    struct load_uses *uses;           /* of ports and sockets, to be checked when all services are known */
    bool uses_port; /* command or env of `service` has ${PORT}, and `listen` is not written */
    bool uses_socket;
    const char *instance_dir; /* of the route whose events are being read; NULL: others */
    bool later;               /* inside a setting that is not built: values are only read over */
    bool refused;             /* something is not supported yet */
    size_t item_errors;       /* how many errors there were when the item being read began */
    size_t expanded;          /* bytes that ${...} gave so far */
};

/* `${services.TARGET.port}` or `.socket` somewhere in a service. */
struct load_uses {
    struct load_uses *next;
    struct config_place place;
    const char *path;
    char *target;
    bool socket;
};

struct config_memory {
    struct arena arena;
};

/* An error about the setting being read, at a node. */
#define LOAD_ERROR(load, node, format, ...)                                                                  \
    errors_add((load)->errors, (node)->place, "%s%s" format, (load)->path,                                   \
               *(load)->path ? ": " : "" __VA_OPT__(, ) __VA_ARGS__)

/* Whether something was wrong in the item being read: what is missing in it is then no news. */
bool load_item_failed(const struct load *load);

/* Zeroed memory of the configuration. */
void *load_new(struct load *load, size_t size);
char *load_text(struct load *load, struct slice text);

/* A template that gives just this text: each $ of it is doubled, as config_expand() wants it. */
char *load_literal(struct load *load, struct slice text);

/* A new zeroed item at the end of a list {items, count} of items of `size` bytes; items may move. */
void *load_append(struct load *load, void *list, size_t size);

/* The path of messages gets a segment; load_leave() takes what load_enter() returned. */
size_t load_enter(struct load *load, struct slice segment);
void load_leave(struct load *load, size_t mark);

/* The state directory, the default one if the file has none; NULL with an error where that is not known. */
const char *load_state(struct load *load);
/* Reads a file for the loader: at most `limit` bytes, ended by NUL, freed by the caller. NULL with the
 * reason. */
char *load_read(struct load *load, const char *path, size_t limit, size_t *size, struct error *error);
/* The file at this absolute path is nobody else's business: it is noted in config.sources. */
void load_note_source(struct load *load, const char *path);
/* "${HOME}" and the like of the process that loads; NULL when not set. */
const char *load_variable(const struct load *load, struct slice name);

/* The directory that relative paths written at this place start at. */
const char *load_directory(const struct load *load, struct config_place place);
/* The text of the file that a place is in; data NULL when unknown. */
struct slice load_source(const struct load *load, struct config_place place);
/* An absolute path, with "." and ".." resolved by text alone. */
char *load_absolute(struct load *load, const char *directory, struct slice path);

/* "expected ..., found ...", with the corrected line where the writer forgot quotes. */
void load_wrong(struct load *load, const struct yaml_node *node, const char *expected);
/* The scalar's text with its ${...} resolved; data NULL, with an error added, when it is not a scalar or
 * cannot be. Inside settings that are not built, and for defaults, the text as it stands. */
struct slice load_scalar(struct load *load, const struct yaml_node *node, const char *expected);
/* As load_scalar(), but ${PORT} and all that only a start knows stay: for config_expand(). */
struct slice load_template(struct load *load, const struct yaml_node *node, const char *expected);
