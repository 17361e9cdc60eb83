/* What every verb of the command shares: its arguments, the configuration, the way to the keeper. */
#pragma once

#include <jansson.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/slice.h"
#include "config/config.h"
#include "wire/message.h"

enum {
    COMMAND_DONE = 0,
    COMMAND_FAILED = 1,
    COMMAND_USAGE = 2,
    COMMAND_RUNNING = 3,
    COMMAND_PORT_HELD = 4,
    COMMAND_NOT_RUNNING = 5,
    COMMAND_NO_TARGET = 6,
};

enum { COMMAND_ARGUMENTS = 64 };

struct command {
    const char *verb;
    const char *file;  /* -c FILE; NULL: found */
    const char *state; /* --state DIR or $REEVE_STATE */
    bool json, no_wait, detach, now, quiet, follow, previous, force, dry_run, view;
    int report;                            /* --report-to FD of `run -d`; -1: none */
    const char *since;                     /* logs */
    const char *groups[COMMAND_ARGUMENTS]; /* --group of `user add` */
    int group_count;
    const char *detach_keys;                  /* attach; NULL: the usual ones */
    const char *expires;                      /* --expires of `token create` */
    const char *arguments[COMMAND_ARGUMENTS]; /* what is no option */
    int argument_count;
    const char *sets[COMMAND_ARGUMENTS]; /* create: "NAME=VALUE" */
    int set_count;
};

/* One verb of the table in reeve.c. */
struct verb {
    const char *name;
    const char *arguments; /* for the usage line */
    const char *summary;
    const char *details; /* --help's text: options and exit codes of this verb; NULL: none */
    unsigned options;    /* COMMAND_TAKES_*: others are refused */
    int least, most;     /* arguments */
    int (*run)(const struct command *command);
};

enum {
    COMMAND_TAKES_JSON = 1 << 0,
    COMMAND_TAKES_NO_WAIT = 1 << 1,
    COMMAND_TAKES_DETACH = 1 << 2,
    COMMAND_TAKES_NOW = 1 << 3,
    COMMAND_TAKES_QUIET = 1 << 4,
    COMMAND_TAKES_FOLLOW = 1 << 5,
    COMMAND_TAKES_FORCE = 1 << 6,
    COMMAND_TAKES_SET = 1 << 10,
    COMMAND_TAKES_GROUP = 1 << 7,
    COMMAND_TAKES_EXPIRES = 1 << 8,
    COMMAND_TAKES_DRY_RUN = 1 << 11,
    COMMAND_TAKES_VIEW = 1 << 12,
};

/* Fills `command` from the arguments after the verb. False with the text. */
bool command_parse(const struct verb *verb, int count, char **arguments, struct command *command,
                   struct error *error);

/* What configurations are read with; `directory` is filled with the one we are in. */
struct config_environment command_environment(char directory[PATH_MAX]);
/* Loads and checks the file that rules (or `given`). NULL with every error printed to stderr. */
struct config *command_load(const struct command *command, const char *given);

/* Which keeper is meant: from --state, else from the configuration. */
struct command_place {
    char *state;
    char *name; /* of this reeve; NULL: only --state is known */
};
bool command_find(const struct command *command, struct command_place *place);
void command_place_free(struct command_place *place);

/* "build/reeve -c FILE", as this user typed it: what other verbs are pasted behind. */
void command_append_self(struct buffer *out, const struct command *command);
/* Connects to the keeper: the descriptor, or -1 with the reason printed (then the exit code is 5). */
int command_connect(const struct command *command, const struct command_place *place);
/* Find, connect, ask for an operation (keep/operations.h), print the error if there is one. The exit code;
 * *answer is the body on 0. Takes the reference to `arguments` (NULL: {}). */
int command_ask(const struct command *command, const char *operation, json_t *arguments, json_t **answer);
/* The same over a connection that stands. */
int command_ask_at(int connection, const char *operation, json_t *arguments, json_t **answer);
/* An HTTP status as the exit code it means. */
int command_code(int status);

/* "reeve: text\n" to stderr, and with --json {"error": {"text": ...}} to stdout; returns `code`. */
__attribute__((format(printf, 2, 3))) int command_fail(int code, const char *format, ...);
/* Writes the text as it is; nothing for an empty one. */
void command_print(FILE *out, struct slice text);
/* Prints JSON and a newline to stdout; steals the reference. */
void command_print_json(json_t *value);
