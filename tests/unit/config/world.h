/* Loads configurations from memory: a few files, a few variables, /srv/app as the working directory. */
#pragma once

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/memory.h"
#include "config/config.h"

struct world_file {
    const char *path;
    const char *text;
};

/* The first file is what world_load() loads, as "reeve.yaml"; a NULL path ends the list. */
struct world {
    struct world_file files[4];
    const char *variables[8];
    bool root;
};

static inline char *world_read(void *owner, const char *path, size_t limit, size_t *size, int *status)
{
    const struct world *world = owner;
    for (const struct world_file *file = world->files; file->path; file++) {
        if (strcmp(file->path, path) != 0)
            continue;
        *size = strlen(file->text);
        *status = *size > limit ? -EFBIG : 0;
        return *status ? NULL : memory_text(file->text);
    }
    *status = -ENOENT;
    return NULL;
}

static inline struct config *world_load(struct world *world, struct config_errors *errors)
{
    struct config_environment environment = {
        .variables = world->variables,
        .directory = "/srv/app",
        .root = world->root,
        .read = world_read,
        .owner = world,
    };
    if (!world->variables[0])
        world->variables[0] = "HOME=/home/ann";
    return config_load("reeve.yaml", &environment, errors);
}

/* One file that must load. */
static inline struct config *world_load_good(const char *yaml, const char *variable)
{
    struct world world = {.files = {{"/srv/app/reeve.yaml", yaml}},
                          .variables = {"HOME=/home/ann", variable}};
    struct config_errors errors = {0};
    struct config *config = world_load(&world, &errors);
    if (!config) {
        char *text = config_errors_text(&errors);
        print_error("%s\n%s", yaml, text);
        free(text);
    }
    assert_non_null(config);
    assert_int_equal(errors.count, 0);
    return config;
}

/* The errors of one file that must not; the caller frees them. */
static inline char *world_errors(const char *yaml)
{
    struct world world = {.files = {{"/srv/app/reeve.yaml", yaml}},
                          .variables = {"HOME=/home/ann", "EMPTY="}};
    struct config_errors errors = {0};
    struct config *config = world_load(&world, &errors);
    assert_null(config);
    char *text = config_errors_text(&errors);
    config_errors_free(&errors);
    return text;
}

struct world_bad {
    const char *yaml;
    const char *errors; /* without "reeve.yaml:" and the last newline */
};

/* Each must give exactly these errors. */
static inline void world_check_bad(const struct world_bad *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char *found = world_errors(rows[i].yaml);
        struct slice rest = slice_of_text(rows[i].errors), line;
        char expected[8192] = "";
        size_t size = 0;
        while (slice_next(&rest, '\n', &line)) {
            bool more = line.size && line.data[0] == ' ';
            size += (size_t)snprintf(expected + size, sizeof expected - size, "%s" SLICE_FORMAT "\n",
                                     more ? "" : "reeve.yaml:", SLICE_ARGUMENTS(line));
        }
        if (strcmp(found, expected) != 0)
            print_error("%s\n", rows[i].yaml);
        assert_string_equal(found, expected);
        free(found);
    }
}

#define WORLD_CHECK_BAD(rows) world_check_bad((rows), sizeof(rows) / sizeof(rows)[0])
