/* What keeper and hold tell each other about a terminal: its part of the spec, who attaches, what viewers do
 * (src/hold/PROTOCOL.md). Pure; as for wire/hold.h, what is decoded is hostile until it is checked. */
#pragma once

#include <jansson.h>
#include <stdint.h>

#include "base/error.h"

enum { HOLD_TERMINAL_USER_SIZE = 256, HOLD_TERMINAL_SCROLLBACK_MOST = 1000000 };

/* Whose size the screen has, of all viewers that may type. */
enum hold_terminal_rule {
    HOLD_TERMINAL_LAST,     /* who typed last; a sole viewer at once */
    HOLD_TERMINAL_SMALLEST, /* the smallest width and the smallest height */
    HOLD_TERMINAL_FIXED,    /* nobody's: columns and rows of the spec */
};

/* "last" "smallest" "fixed" */
const char *hold_terminal_rule_name(enum hold_terminal_rule rule);
bool hold_terminal_rule_find(const char *name, enum hold_terminal_rule *rule);

/* `terminal` in the spec; columns 0: the program gets no terminal. */
struct hold_terminal {
    int64_t columns, rows; /* within the limits of wire/terminal.h */
    int64_t scrollback;    /* lines kept beyond the screen; at most HOLD_TERMINAL_SCROLLBACK_MOST */
    enum hold_terminal_rule rule;
};

json_t *hold_terminal_encode(const struct hold_terminal *terminal);
/* NULL gives no terminal. A missing member has its default: 120, 40, 10000, last. */
bool hold_terminal_decode(const json_t *json, struct hold_terminal *terminal, struct error *error);

/* The body of MESSAGE_HOLD_ATTACH. */
struct hold_terminal_attach {
    bool view;             /* it may watch: no input, no say about the size */
    int64_t columns, rows; /* 0: it has no size of its own (yet) */
    char user[HOLD_TERMINAL_USER_SIZE];
};

json_t *hold_terminal_attach_encode(const struct hold_terminal_attach *attach);
bool hold_terminal_attach_decode(const json_t *json, struct hold_terminal_attach *attach,
                                 struct error *error);

enum hold_terminal_action {
    HOLD_TERMINAL_NOTHING, /* only size and viewers are told */
    HOLD_TERMINAL_DETACH,
    HOLD_TERMINAL_INPUT, /* bytes typed from first_ms to last_ms: never what */
};

/* The body of MESSAGE_HOLD_TERMINAL. */
struct hold_terminal_news {
    int64_t columns, rows, viewers; /* now */
    enum hold_terminal_action action;
    int64_t viewer; /* its number, counted from 1 in this run */
    char user[HOLD_TERMINAL_USER_SIZE];
    int64_t bytes;
    int64_t first_ms, last_ms; /* CLOCK_BOOTTIME */
};

json_t *hold_terminal_news_encode(const struct hold_terminal_news *news);
bool hold_terminal_news_decode(const json_t *json, struct hold_terminal_news *news, struct error *error);
