/* The values of reeve.yaml after all checks: what the keeper works from (see config/config.h). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/log.h"

#include "config/loop.h"
#include "config/template.h"

/* One address to listen on. */
struct config_listener {
    struct config_item item;
    char *address; /* "host:port" | "[v6]:port" | "unix:/path", as address_parse() of net reads it */
    bool insecure; /* passwords may come in clear text from beyond this machine, knowingly */
};

enum config_takeover {
    CONFIG_TAKEOVER_OWN,   /* a listener of a dead or replaced reeve of this state directory is ended */
    CONFIG_TAKEOVER_ANY,   /* any holder of the port is ended */
    CONFIG_TAKEOVER_NEVER, /* nobody is */
};

enum config_auth_method {
    CONFIG_AUTH_NONE,
    CONFIG_AUTH_PASSWORD, /* users and their passwords are in `users` */
};

struct config_session {
    int64_t lifetime_ms; /* from the sign-in */
    int64_t idle_ms;     /* without a request */
};

struct config_auth {
    enum config_auth_method method;
    char *users; /* file */
    struct config_session session;
};

/* The operator's own origin: its page and the API. */
struct config_console {
    char *listen; /* as of a listener; not set: where it is tried first, NULL without a TCP listener */
    char *path;   /* begins and ends with / */
    struct config_texts allow;
};

enum config_access {
    CONFIG_ACCESS_STDOUT,
    CONFIG_ACCESS_FILE,
    CONFIG_ACCESS_NONE,
};

enum config_access_format {
    CONFIG_ACCESS_JSON,
    CONFIG_ACCESS_COMBINED,
};

struct config_log {
    enum log_level level;
    enum config_access access;
    char *access_file; /* CONFIG_ACCESS_FILE only */
    enum config_access_format format;
};

enum config_action {
    CONFIG_ROUTE_TARGET,   /* `to` */
    CONFIG_ROUTE_FILES,    /* `files` */
    CONFIG_ROUTE_EVENTS,   /* `events` */
    CONFIG_ROUTE_TERMINAL, /* `terminal` */
};

enum config_strip {
    CONFIG_STRIP_NOTHING,
    CONFIG_STRIP_WILDCARD, /* everything before the `*`, whatever {names} in it matched */
    CONFIG_STRIP_PREFIX,   /* strip_prefix, a literal prefix of the path */
};

enum config_from {
    CONFIG_FROM_START,
    CONFIG_FROM_END,
};

/* A growing file as an event stream. {names} that path or host capture stand in both texts. */
struct config_events {
    char *file;            /* absolute */
    char *target;          /* whose end is the stream's; NULL: none */
    enum config_from from; /* where a new reader begins */
    int64_t wait_ms;       /* for a file that is not there yet */
    int64_t heartbeat_ms;
    char *event; /* the member that names the event of a line; NULL: none */
};

enum config_refuse { CONFIG_REFUSE_STATUS, CONFIG_REFUSE_CLOSE };

struct config_websocket {
    char *subprotocol; /* NULL: none */
    int64_t ping_ms;   /* 0: never */
    enum config_refuse refuse;
};

struct config_limits {
    unsigned streams, per_user, per_address; /* 0: no limit */
};

struct config_route {
    struct config_item item;
    char *host; /* NULL: any; lower case, labels may be {name} */
    char *path; /* "/", "/x", "/x/{name}/y", "/x/" + "*": at most one `*`, a last segment of its own */
    enum config_action action;
    char *to;       /* name of a service with a listener or addresses, or "TEMPLATE/ID" whose ID may hold
                       {names} of path and host */
    char *files;    /* root directory */
    char *fallback; /* file below it for navigations that no file answers; NULL: none */
    enum config_strip strip;
    char *strip_prefix;
    struct config_texts allow;   /* empty: see rules_or_default() */
    int64_t body_max_bytes;      /* 0: no limit */
    int64_t timeout_connect_ms;  /* 0: no limit, here and below */
    int64_t timeout_response_ms; /* from the request's end to the response's head */
    int64_t timeout_idle_ms;     /* without a byte either way */
    struct config_events events; /* CONFIG_ROUTE_EVENTS only */
    struct config_websocket websocket;
    struct config_limits limits;
    char *terminal;           /* CONFIG_ROUTE_TERMINAL only: as `to` */
    struct config_texts view; /* who may watch it; empty: nobody */
};

struct config_listeners {
    struct config_listener *items;
    size_t count;
};

struct config_services {
    struct config_service *items;
    size_t count;
};

struct config_routes {
    struct config_route *items;
    size_t count;
};

struct config {
    struct config_item item;
    char *file;                  /* absolute, or "-" */
    char *directory;             /* of the file */
    struct config_texts sources; /* what was read: files of settings, variables, secrets; absolute */
    char *name;
    char *state; /* directory */
    struct config_listeners listeners;
    struct config_texts hosts;           /* lower case */
    struct config_texts origins;         /* "https://app.example" */
    struct config_texts trusted_proxies; /* "10.0.0.0/8", "::1", "unix" */
    unsigned workers;                    /* 0: one per CPU */
    char *user; /* of gates when started as root; NULL: reeve if it exists, else nobody */
    enum config_takeover takeover;
    int64_t takeover_timeout_ms;
    uint16_t ports_first; /* where ports for `listen: tcp` come from, both included */
    uint16_t ports_last;
    int64_t drain_timeout_ms;
    struct config_log log;
    struct config_auth auth;
    struct config_console console;
    struct config_services services; /* in the order of the file */
    struct config_templates templates;
    struct config_routes routes;
    struct config_loops loops; /* in the order of the file */
    struct config_hooks hooks;
    struct config_memory *memory; /* of everything above */
};
