/* What a setting's value can be: how it is read, shown, described and put into JSON Schema. */
#pragma once

#include <jansson.h>

#include "config/yaml.h"

struct load;
struct setting;

/* How the walker treats a value. */
enum type_shape {
    TYPE_VALUE,   /* the type reads it */
    TYPE_SECTION, /* a mapping whose keys are rows */
    TYPE_ENTRIES, /* a mapping of names to sections of the row "....*" */
    TYPE_ITEMS,   /* a list of sections of the row "....*" */
};

struct type {
    enum type_shape shape;
    const char *name;     /* for the reference page: "duration" */
    const char *expected; /* for errors: "a whole number with a unit, such as 250ms, 2s, 5m, 1h or 7d" */

    /* Reads `node` into `field` or adds an error. `field` is zeroed scratch memory where the row has none. */
    void (*read)(struct load *load, const struct setting *row, const struct yaml_node *node, void *field);
    /* What the file would say for this value; NULL when there is nothing to say. */
    json_t *(*show)(const struct setting *row, const void *field);
    /* The JSON Schema of a value. */
    json_t *(*schema)(const struct setting *row);
    bool last; /* looks at its neighbours, so it is read after them */
};

/* Any field that a type writes fits in here. */
enum { TYPE_FIELD_MOST = 1024 };

/* Whether the whole text matches a row's pattern. */
bool types_match(const char *pattern, struct slice text);
/* false and true without quotes; adds an error for anything else. */
bool types_read_flag(struct load *load, const struct yaml_node *node, bool *flag);

/* JSON of a text as one would write it in the file: $ escaped where it must be, and ? for each byte that is
 * not UTF-8. NULL gives NULL. */
json_t *types_show_text(const char *text);
/* The same of what config_expand() reads. */
json_t *types_show_template(const char *text);

/* Pieces of JSON Schema: a text with "${...}" in it stands for any value. */
json_t *types_schema_or_interpolated(json_t *schema);
json_t *types_schema_pattern(const char *pattern);
json_t *types_schema_text(const struct setting *row);

/* types.c: structure, and single values into plain fields */
extern const struct type types_section; /* no field */
extern const struct type
    types_entries; /* {items, count} of structs that start with struct config_item, then name */
extern const struct type types_items;    /* {items, count} of structs that start with struct config_item */
extern const struct type types_text;     /* char *; row->pattern */
extern const struct type types_flag;     /* bool */
extern const struct type types_count;    /* unsigned; row->least, most */
extern const struct type types_decimal;  /* double */
extern const struct type types_percent;  /* unsigned */
extern const struct type types_duration; /* int64_t, milliseconds */
extern const struct type types_size;     /* int64_t, bytes */
extern const struct type types_choice;   /* int (any enum): index in row->values */
extern const struct type types_path;     /* char *, absolute */

/* lists.c */
extern const struct type lists_texts;    /* struct config_texts; row->pattern for each */
extern const struct type lists_late;     /* the same for config_expand(), in a template */
extern const struct type lists_choices;  /* struct config_texts of row->values */
extern const struct type lists_hosts;    /* struct config_texts, lower case; row->pattern for each */
extern const struct type lists_paths;    /* struct config_texts, one or a list, absolute */
extern const struct type lists_text_map; /* a mapping of names to texts; only read over */
extern const struct type lists_anything; /* only read over */

/* addresses.c, general.c */
extern const struct type addresses_listener;  /* char * */
extern const struct type addresses_upstreams; /* struct config_upstreams, one or a list */
extern const struct type general_ports;       /* struct config (ports_first, ports_last) */
extern const struct type general_workers;     /* unsigned */
extern const struct type general_access;      /* struct config_log (access, access_file) */

/* services.c */
extern const struct type services_listen; /* struct config_service_listen */
extern const struct type services_signal; /* int */

/* loops.c */
extern const struct type loops_at;       /* struct config_loop (at, cron) */
extern const struct type loops_commands; /* struct config_commands */

/* include.c */
extern const struct type include_type; /* no field */

/* command.c */
extern const struct type command_type; /* struct config_texts of templates */

/* variables.c */
extern const struct type variables_type;  /* struct config_variables */
extern const struct type variables_files; /* struct config_service: env_files and variables */

/* templates.c */
extern const struct type templates_user; /* char *; of a template for config_expand() */

/* routes.c */
extern const struct type routes_path;     /* char * */
extern const struct type routes_host;     /* char *, lower case */
extern const struct type routes_strip;    /* struct config_route (strip, strip_prefix) */
extern const struct type routes_url_path; /* char * */

/* route_events.c */
extern const struct type route_events_file; /* struct config_route (events.file) */
