/* Bytes of a program → characters, controls and sequences, and the same bytes in whole pieces for viewers.
 *
 * The states are those of Paul Williams' "A parser for DEC's ANSI-compatible video terminals", over code
 * points: UTF-8 is decoded first and what is invalid is dropped, so C1 controls are U+0080 to U+009F. C0
 * controls within a sequence are executed at once. What is fed may be split anywhere. */
#pragma once

#include "base/slice.h"

enum { PARSER_PARAMETERS = 32, PARSER_PENDING_MOST = 4096 };

/* 1;2:3:4;5 → values 1, 2, 5, the second with sub-parameters 3, 4. A missing value is 0, a missing
 * sub-parameter -1. */
struct parser_parameters {
    int count; /* at least 1 */
    int sub_count;
    int32_t values[PARSER_PARAMETERS];
    uint8_t sub_start[PARSER_PARAMETERS];
    uint8_t sub_end[PARSER_PARAMETERS];
    int32_t subs[PARSER_PARAMETERS];
    bool full, subs_full, in_sub; /* while reading */
};

/* What the events of sequences return: whether it was a query, which viewers must not see. `collected` are
 * its private and intermediate bytes, one behind the other as a number ("?" "$": 0x3f24). */
struct parser_events {
    void (*text)(void *owner, struct slice ascii); /* 0x20 to 0x7e, at least one */
    void (*character)(void *owner, uint32_t code); /* U+00A0 and above */
    void (*control)(void *owner, uint32_t code);   /* C0 and C1 */
    bool (*escape)(void *owner, uint32_t collected, char final);
    bool (*csi)(void *owner, const struct parser_parameters *parameters, uint32_t collected, char final);
    bool (*osc)(void *owner,
                struct slice bytes); /* may hold controls and invalid UTF-8, which do not count */
    bool (*dcs)(void *owner, uint32_t collected, char final, struct slice bytes);
    void (*aborted)(void *owner);                  /* a string ended that has no event */
    void (*live)(void *owner, struct slice bytes); /* for viewers; NULL: nobody wants it */
};

enum parser_state {
    PARSER_GROUND,
    PARSER_ESCAPE,
    PARSER_ESCAPE_INTERMEDIATE,
    PARSER_CSI_ENTRY,
    PARSER_CSI_PARAMETER,
    PARSER_CSI_INTERMEDIATE,
    PARSER_CSI_IGNORE,
    PARSER_DCS_ENTRY,
    PARSER_DCS_PARAMETER,
    PARSER_DCS_INTERMEDIATE,
    PARSER_DCS_IGNORE,
    PARSER_DCS_STRING,
    PARSER_OSC_STRING,
    PARSER_STRING /* SOS, PM, APC: nothing in it counts */
};

struct parser {
    const struct parser_events *events;
    void *owner;

    enum parser_state state;
    uint32_t collected;
    struct parser_parameters parameters;
    char final; /* of a DCS */

    uint32_t code; /* of a character that is not complete, */
    int expected;  /* which takes so many bytes */
    int seen;

    /* The sequence or character that is not finished, without the controls that were executed. */
    char *pending;
    size_t pending_size, pending_capacity;
    size_t string;    /* where in it the string of an OSC or DCS begins */
    size_t code_size; /* bytes of the newest character */
    bool passing;     /* it is longer than PARSER_PENDING_MOST: viewers are getting it, nothing comes of it */

    /* While feeding. */
    bool stopped; /* for events to set: the rest of the input is left */
    struct slice input;
    size_t sent;  /* up to here viewers got the input */
    size_t start; /* where the unfinished sequence begins, if it does in this input (whole) */
    bool whole;
    bool string_open; /* viewers got a string whose end is the ESC that now begins the unfinished sequence */
};

void parser_init(struct parser *parser, const struct parser_events *events, void *owner);
/* How many of the bytes were taken: all, unless an event has set `stopped`; at least one. */
size_t parser_feed(struct parser *parser, struct slice bytes);

/* See screen_pending(). */
struct slice parser_pending(const struct parser *parser);

/* To the ground state; for events. */
void parser_reset(struct parser *parser);
void parser_free(struct parser *parser);
