/* What a kept process finds in its environment: exactly contract §1 "What a child gets", nothing else of
 * reeve's own. */
#pragma once

#include "base/error.h"
#include "config/config.h"

#include "keep/account.h"
#include "keep/instance.h"

struct environment_settings {
    const struct config_service *service;
    const struct instance *instance; /* NULL: a service */
    const char *const *own;          /* reeve's own variables, "NAME=value", NULL at the end */
    const struct account *account;
    bool switched;            /* the account is another one than reeve's: HOME, USER ... come from it */
    const char *name;         /* REEVE_NAME: the target's */
    const char *nonce;        /* REEVE_RUN */
    const char *port;         /* NULL: none */
    const char *socket;       /* NULL: none */
    config_lookup_fn *lookup; /* for config_expand() of the service's variables */
    void *owner;
};

/* A fresh list of "NAME=value", NULL at the end, each name once (the later source wins: the machine's,
 * pass_env, an instance's parameters, the configuration's, ours); free it with environment_free(). NULL with
 * text: a value cannot be expanded. */
char **environment_build(const struct environment_settings *settings, struct error *error);
void environment_free(char **list);
/* The value of `name` in such a list, or NULL. */
const char *environment_value(const char *const *list, const char *name);
