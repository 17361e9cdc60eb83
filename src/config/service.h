/* A service: one kept process, or an address that somebody else keeps (see config/config.h). */
#pragma once

#include "config/place.h"

/* One variable of a service's environment. */
struct config_variable {
    struct config_place place; /* in the YAML file or in the env_file */
    char *name;
    char *value; /* pass it to config_expand() at each start */
    bool secret; /* from {file:}, {env:} or an env_file: never shown */
};

struct config_variables {
    struct config_variable *items;
    size_t count;
};

enum config_listen {
    CONFIG_LISTEN_NONE,   /* nothing can be routed to it */
    CONFIG_LISTEN_TCP,    /* 127.0.0.1:port; port 0: chosen from `ports` before each start, in $PORT */
    CONFIG_LISTEN_UNIX,   /* path; NULL: in the run's runtime directory, in $SOCKET */
    CONFIG_LISTEN_PASSED, /* bound by reeve, passed as descriptor 3 with LISTEN_FDS=1 */
};

struct config_service_listen {
    enum config_listen kind;
    uint16_t port;
    char *path;
};

enum config_start {
    CONFIG_START_BOOT,   /* with reeve */
    CONFIG_START_DEMAND, /* when the first request comes */
};

enum config_ready {
    CONFIG_READY_NONE,   /* once exec has succeeded; an address service always */
    CONFIG_READY_LISTEN, /* `tcp: true`, the default with a listener: its socket listens (TCP or unix) */
    CONFIG_READY_HTTP,   /* GET of ready.path answers 200-399 */
};

struct config_service_ready {
    enum config_ready kind;
    bool tcp; /* this and the next as written: `kind` is what they come to */
    bool none;
    char *path; /* CONFIG_READY_HTTP only */
    int64_t timeout_ms;
};

enum config_restart {
    CONFIG_RESTART_ON_FAILURE,
    CONFIG_RESTART_ALWAYS,
    CONFIG_RESTART_NEVER,
};

struct config_backoff {
    int64_t initial_ms;
    int64_t max_ms;
    int64_t reset_after_ms; /* a run that lasted this long counts as stable */
};

struct config_stop {
    int signal;
    int64_t grace_ms; /* then SIGKILL */
};

struct config_output {
    int64_t max_bytes; /* of one file of the log */
    unsigned keep;     /* files, the current one included */
};

enum config_terminal_size {
    CONFIG_TERMINAL_LAST,     /* who typed last decides */
    CONFIG_TERMINAL_SMALLEST, /* of all who may type */
    CONFIG_TERMINAL_FIXED,    /* columns and rows below */
};

struct config_terminal {
    bool wanted; /* it is written: the program gets a terminal */
    unsigned columns, rows;
    unsigned scrollback; /* lines */
    enum config_terminal_size size;
};

/* Where somebody else serves. */
struct config_upstream {
    struct config_place place;
    bool tls;   /* https:// or wss://; of one service all or none */
    char *host; /* name or IP literal without brackets; NULL: a unix socket */
    uint16_t port;
    char *path; /* of the unix socket */
};

struct config_upstreams {
    struct config_upstream *items;
    size_t count;
};

enum config_tls_verify {
    CONFIG_TLS_SYSTEM, /* who this system trusts vouches for the name */
    CONFIG_TLS_NONE,   /* anybody passes; shown as insecure */
    CONFIG_TLS_CA,     /* `authorities` alone vouch for the name; not written as a word, as the next */
    CONFIG_TLS_PIN,    /* the certificate's key is one of `pins` */
};

/* How the certificates of a service's addresses are checked. */
struct config_tls {
    bool used; /* the addresses are https:// */
    enum config_tls_verify verify;
    struct config_texts pins; /* "sha256:" and 64 hex digits */
    char *ca;                 /* the file's path */
    char *authorities;        /* and its text, PEM */
    char *name;               /* that they are for; NULL: their IP addresses */
};

/* One process (command) or one address kept by somebody else (addresses); exactly one of the two. */
struct config_service {
    struct config_item item;
    char *name;
    struct config_texts command; /* argv; pass each word to config_expand() at each start. A first word with
                                    a slash is absolute, else it is looked up in PATH */
    struct config_upstreams addresses;
    struct config_tls tls;
    char *directory;                   /* working directory */
    struct config_variables variables; /* env_file, then env; a name occurs once, the last one wins */
    struct config_texts env_files;
    struct config_texts pass_env; /* names of reeve's own variables, `*` at the end matches any rest */
    char *user;                   /* NULL: the user reeve was started as */
    char *prefix;                 /* of the first route that leads here, before its `*`, without a slash at
                                     the end: "/api", or "" */
    char *url; /* of the same: "/api/", "//nas.lan/"; NULL: no route, or none that says it */
    struct config_service_listen listen;
    enum config_start start;
    struct config_texts depends_on; /* names of services; no cycles */
    struct config_service_ready ready;
    enum config_restart restart;
    struct config_backoff backoff;
    struct config_stop stop;
    struct config_output output;
    struct config_terminal terminal;
};
