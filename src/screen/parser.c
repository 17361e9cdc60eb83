/* Bytes of a program → characters, controls and sequences. */
#include <stdlib.h>

#include "base/memory.h"
#include "screen/parser.h"

enum { CAN = 0x18, SUB = 0x1a, ESC = 0x1b, BEL = 0x07, DEL = 0x7f, C1_ST = 0x9c, MOST_VALUE = INT32_MAX };

void parser_init(struct parser *parser, const struct parser_events *events, void *owner)
{
    *parser = (struct parser){.events = events, .owner = owner, .parameters.count = 1};
}

void parser_free(struct parser *parser)
{
    free(parser->pending);
    parser->pending = NULL;
}

/* --- what viewers get --- */

static void send(struct parser *parser, struct slice bytes)
{
    if (bytes.size > 0 && parser->events->live)
        parser->events->live(parser->owner, bytes);
}

static void send_input(struct parser *parser, size_t end)
{
    if (end > parser->sent)
        send(parser, slice_between(parser->input, parser->sent, end));
    parser->sent = end;
}

static void close_string(struct parser *parser)
{
    if (parser->string_open)
        send(parser, SLICE("\x1b\\"));
    parser->string_open = false;
}

static void begin(struct parser *parser, size_t at)
{
    parser->start = at;
    parser->whole = true;
    parser->passing = false;
    parser->pending_size = 0;
}

/* The sequence ends before `next`. */
static void finish(struct parser *parser, size_t next, bool query)
{
    if (!parser->passing && query) {
        if (parser->whole)
            send_input(parser, parser->start);
        parser->string_open = true; /* without effect in any case, but that a mark behind it joins nothing */
        close_string(parser);
        parser->sent = next;
    } else if (!parser->passing && !parser->whole) {
        send(parser, slice_of(parser->pending, parser->pending_size));
        parser->sent = next;
    }
    parser->string_open = false;
    parser->passing = false;
    parser->pending_size = 0;
}

/* A control within a sequence was executed: for viewers as well it comes before the sequence. */
static void take_out(struct parser *parser, size_t at)
{
    parser->pending_size--;
    if (parser->passing)
        return;
    if (parser->whole)
        send_input(parser, parser->start);
    parser->whole = false;
    close_string(parser);
    send(parser, slice_between(parser->input, at, at + 1));
    parser->sent = at + 1;
}

/* An endless sequence: from here on it passes through, and nothing comes of it. */
static void pass(struct parser *parser, size_t at)
{
    static const enum parser_state ignoring[] = {[PARSER_CSI_ENTRY] = PARSER_CSI_IGNORE,
                                                 [PARSER_CSI_PARAMETER] = PARSER_CSI_IGNORE,
                                                 [PARSER_CSI_INTERMEDIATE] = PARSER_CSI_IGNORE,
                                                 [PARSER_CSI_IGNORE] = PARSER_CSI_IGNORE,
                                                 [PARSER_DCS_ENTRY] = PARSER_DCS_IGNORE,
                                                 [PARSER_DCS_PARAMETER] = PARSER_DCS_IGNORE,
                                                 [PARSER_DCS_INTERMEDIATE] = PARSER_DCS_IGNORE,
                                                 [PARSER_DCS_IGNORE] = PARSER_DCS_IGNORE,
                                                 [PARSER_STRING] = PARSER_STRING};
    if (!parser->whole) {
        send(parser, slice_of(parser->pending, parser->pending_size));
        parser->sent = at;
    }
    parser->passing = true;
    parser->pending_size = 0;
    if (parser->state < sizeof ignoring / sizeof ignoring[0] && ignoring[parser->state])
        parser->state = ignoring[parser->state];
}

static void keep(struct parser *parser, size_t at)
{
    if (parser->passing) {
        parser->pending_size = 1;
        return;
    }
    if (parser->pending_size == PARSER_PENDING_MOST) {
        pass(parser, at);
        parser->pending_size = 1;
        return;
    }
    if (parser->pending_size == parser->pending_capacity) {
        parser->pending_capacity = parser->pending_capacity ? 4 * parser->pending_capacity : 64;
        parser->pending = memory_resize(parser->pending, parser->pending_capacity);
    }
    parser->pending[parser->pending_size++] = parser->input.data[at];
}

struct slice parser_pending(const struct parser *parser)
{
    /* Such that what follows has no effect on an emulator that did not see the beginning. */
    static const struct slice harmless[] = {
        [PARSER_ESCAPE] = {"\x1b", 1},        [PARSER_ESCAPE_INTERMEDIATE] = {"\x1b   ", 4},
        [PARSER_CSI_IGNORE] = {"\x1b[0<", 4}, [PARSER_DCS_IGNORE] = {"\x1bP0<", 4},
        [PARSER_DCS_STRING] = {"\x1bP0<", 4}, [PARSER_OSC_STRING] = {"\x1b]x", 3},
        [PARSER_STRING] = {"\x1b_", 2}};
    if (parser->passing)
        return harmless[parser->state];
    if (parser->events->live)
        return slice_of(NULL, 0);
    return slice_of(parser->pending, parser->pending_size);
}

/* --- parameters --- */

static void clear(struct parser *parser)
{
    parser->parameters.count = 1;
    parser->parameters.values[0] = 0;
    parser->parameters.sub_start[0] = parser->parameters.sub_end[0] = 0;
    parser->parameters.sub_count = 0;
    parser->parameters.full = parser->parameters.subs_full = parser->parameters.in_sub = false;
    parser->collected = 0;
}

void parser_reset(struct parser *parser)
{
    parser->state = PARSER_GROUND;
    clear(parser);
}

static void next_value(struct parser_parameters *parameters)
{
    parameters->in_sub = false;
    if (parameters->count == PARSER_PARAMETERS) {
        parameters->full = true;
        return;
    }
    parameters->values[parameters->count] = 0;
    parameters->sub_start[parameters->count] = parameters->sub_end[parameters->count] =
        (uint8_t)parameters->sub_count;
    parameters->count++;
}

static void next_sub(struct parser_parameters *parameters)
{
    parameters->in_sub = true;
    if (parameters->full || parameters->sub_count == PARSER_PARAMETERS) {
        parameters->subs_full = true;
        return;
    }
    parameters->subs[parameters->sub_count++] = -1;
    parameters->sub_end[parameters->count - 1]++;
}

static void add_digit(struct parser_parameters *parameters, int digit)
{
    if (parameters->full || (parameters->in_sub && (parameters->subs_full || parameters->sub_count == 0)))
        return;
    int32_t *value = parameters->in_sub ? &parameters->subs[parameters->sub_count - 1]
                                        : &parameters->values[parameters->count - 1];
    int64_t sum = *value == -1 ? digit : *value * INT64_C(10) + digit;
    *value = sum > MOST_VALUE ? MOST_VALUE : (int32_t)sum;
}

static void parameter(struct parser *parser, uint32_t code)
{
    if (code == ';')
        next_value(&parser->parameters);
    else if (code == ':')
        next_sub(&parser->parameters);
    else
        add_digit(&parser->parameters, (int)code - '0');
}

static void collect(struct parser *parser, uint32_t code)
{
    if (parser->collected >> 24) /* more than any sequence has: it stays unknown */
        return;
    parser->collected = parser->collected << 8 | code;
}

/* --- the state machine; each step returns whether a query was answered --- */

static struct slice string(const struct parser *parser)
{
    size_t end = parser->pending_size - parser->code_size;
    return slice_of(parser->pending + parser->string, end - parser->string);
}

static void string_begins(struct parser *parser, enum parser_state state)
{
    parser->state = state;
    parser->string = parser->pending_size;
}

static bool end_string(struct parser *parser, uint32_t code)
{
    bool query = false;
    bool complete = code != CAN && code != SUB && !parser->passing;
    enum parser_state state = parser->state;
    parser->state = PARSER_GROUND;
    if (!complete)
        parser->events->aborted(parser->owner);
    else if (state == PARSER_OSC_STRING)
        query = parser->events->osc(parser->owner, string(parser));
    else
        query = parser->events->dcs(parser->owner, parser->collected, parser->final, string(parser));
    clear(parser);
    return query;
}

static void c1(struct parser *parser, uint32_t code)
{
    switch (code) {
    case 0x90:
        clear(parser);
        parser->state = PARSER_DCS_ENTRY;
        break;
    case 0x9b:
        clear(parser);
        parser->state = PARSER_CSI_ENTRY;
        break;
    case 0x9d:
        string_begins(parser, PARSER_OSC_STRING);
        break;
    case 0x98:
    case 0x9e:
    case 0x9f:
        parser->state = PARSER_STRING;
        break;
    case C1_ST:
        parser->state = PARSER_GROUND;
        break;
    default:
        parser->state = PARSER_GROUND;
        parser->events->control(parser->owner, code);
        break;
    }
}

/* Controls that mean the same in all states. */
static bool anywhere(struct parser *parser, uint32_t code, size_t at)
{
    bool query = false, within = parser->state != PARSER_GROUND;
    if (parser->state >= PARSER_DCS_STRING && parser->state <= PARSER_OSC_STRING &&
        (code == CAN || code == SUB || code == ESC || code == C1_ST)) {
        query = end_string(parser, code);
        if (code != ESC)
            return query;
    }
    if (code != ESC) {
        c1(parser, code);
        return false;
    }
    /* ESC ends what there was; if viewers get that, they are in it until this ESC comes. */
    parser->pending_size--;
    finish(parser, at, query);
    begin(parser, at);
    keep(parser, at);
    parser->string_open = within && !query;
    clear(parser);
    parser->state = PARSER_ESCAPE;
    return false;
}

static bool escape(struct parser *parser, uint32_t code)
{
    bool first = parser->state == PARSER_ESCAPE;
    if (code < 0x30) {
        collect(parser, code);
        parser->state = PARSER_ESCAPE_INTERMEDIATE;
    } else if (first && (code == '[' || code == 'P')) {
        parser->state = code == '[' ? PARSER_CSI_ENTRY : PARSER_DCS_ENTRY;
    } else if (first && code == ']') {
        string_begins(parser, PARSER_OSC_STRING);
    } else if (first && (code == 'X' || code == '^' || code == '_')) {
        parser->state = PARSER_STRING;
    } else {
        parser->state = PARSER_GROUND;
        return parser->events->escape(parser->owner, parser->collected, (char)code);
    }
    return false;
}

static bool dispatch(struct parser *parser, uint32_t code, bool csi)
{
    if (csi) {
        parser->state = PARSER_GROUND;
        return parser->events->csi(parser->owner, &parser->parameters, parser->collected, (char)code);
    }
    parser->final = (char)code;
    string_begins(parser, PARSER_DCS_STRING);
    return false;
}

/* CSI and DCS up to their final byte. */
static bool controlled(struct parser *parser, uint32_t code)
{
    bool csi = parser->state < PARSER_DCS_ENTRY;
    enum parser_state entry = csi ? PARSER_CSI_ENTRY : PARSER_DCS_ENTRY;
    enum parser_state ignore = csi ? PARSER_CSI_IGNORE : PARSER_DCS_IGNORE;
    if (code >= 0x40)
        return dispatch(parser, code, csi);
    if (code < 0x30) {
        collect(parser, code);
        parser->state = csi ? PARSER_CSI_INTERMEDIATE : PARSER_DCS_INTERMEDIATE;
    } else if (parser->state == entry + 2) {
        parser->state = ignore;
    } else if (code < 0x3c) {
        parameter(parser, code);
        parser->state = entry + 1;
    } else if (parser->state == entry) {
        collect(parser, code);
        parser->state = entry + 1;
    } else {
        parser->state = ignore;
    }
    return false;
}

/* 0x20 to 0x7e. */
static bool printable(struct parser *parser, uint32_t code, size_t at)
{
    switch (parser->state) {
    case PARSER_GROUND:
        parser->events->text(parser->owner, slice_between(parser->input, at, at + 1));
        return false;
    case PARSER_ESCAPE:
    case PARSER_ESCAPE_INTERMEDIATE:
        return escape(parser, code);
    case PARSER_CSI_IGNORE:
        if (code >= 0x40)
            parser->state = PARSER_GROUND;
        return false;
    case PARSER_DCS_IGNORE:
    case PARSER_DCS_STRING:
    case PARSER_OSC_STRING:
    case PARSER_STRING:
        return false;
    default:
        return controlled(parser, code);
    }
}

/* C0 controls and DEL that do not mean the same everywhere. */
static bool c0(struct parser *parser, uint32_t code, size_t at)
{
    if (parser->state == PARSER_OSC_STRING && code == BEL)
        return end_string(parser, code);
    if (code == DEL || parser->state >= PARSER_DCS_ENTRY)
        return false;
    bool within = parser->state != PARSER_GROUND;
    if (within)
        take_out(parser, at);
    parser->events->control(parser->owner, code);
    return false;
}

static bool beyond_ascii(struct parser *parser, uint32_t code)
{
    switch (parser->state) {
    case PARSER_GROUND:
        parser->events->character(parser->owner, code);
        return false;
    case PARSER_CSI_IGNORE:
    case PARSER_DCS_IGNORE:
    case PARSER_DCS_STRING:
    case PARSER_OSC_STRING:
        return false;
    default:
        parser->state = PARSER_GROUND;
        return false;
    }
}

static bool step(struct parser *parser, uint32_t code, size_t at)
{
    if (code == CAN || code == SUB || code == ESC || (code >= 0x80 && code < 0xa0))
        return anywhere(parser, code, at);
    if (code < 0x20 || code == DEL)
        return c0(parser, code, at);
    if (code < DEL)
        return printable(parser, code, at);
    return beyond_ascii(parser, code);
}

/* --- UTF-8 --- */

static int expected_bytes(unsigned char byte)
{
    if (byte < 0xc0 || byte >= 0xf8)
        return 0;
    return byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4;
}

/* Neither too long nor a surrogate nor a byte order mark. */
static bool counts(uint32_t code, int size)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    return code >= least[size] && code <= 0x10ffff && !(code >= 0xd800 && code <= 0xdfff) && code != 0xfeff;
}

/* One byte in a sequence or character that began before it. */
static void next_byte(struct parser *parser, size_t at)
{
    unsigned char byte = (unsigned char)parser->input.data[at];
    bool query = false;
    keep(parser, at);
    if (parser->expected && (byte & 0xc0) == 0x80) {
        parser->code = parser->code << 6 | (byte & 0x3f);
        if (++parser->seen < parser->expected)
            return;
        parser->code_size = (size_t)parser->expected;
        parser->expected = 0;
        if (counts(parser->code, parser->seen))
            query = step(parser, parser->code, at);
    } else {
        parser->expected = 0;
        parser->code_size = 1;
        if (byte < 0x80) {
            query = step(parser, byte, at);
        } else if ((parser->expected = expected_bytes(byte))) {
            parser->code = byte & (0x7f >> parser->expected);
            parser->seen = 1;
        }
    }
    if (parser->state == PARSER_GROUND && !parser->expected)
        finish(parser, at + 1, query);
}

/* A character that is complete in the input; 0: it is not, or none is there. */
static int whole_character(const struct parser *parser, size_t at, uint32_t *code)
{
    struct slice rest = slice_from(parser->input, at);
    int size = expected_bytes((unsigned char)rest.data[0]);
    if (!size || rest.size < (size_t)size)
        return 0;
    *code = (unsigned char)rest.data[0] & (0x7f >> size);
    for (int i = 1; i < size; i++) {
        if ((rest.data[i] & 0xc0) != 0x80)
            return 0;
        *code = *code << 6 | (rest.data[i] & 0x3f);
    }
    return size;
}

static size_t text_end(struct slice bytes, size_t at)
{
    while (at < bytes.size && bytes.data[at] >= 0x20 && bytes.data[at] < DEL)
        at++;
    return at;
}

/* Ground state; returns how far it came. */
static size_t ground(struct parser *parser, size_t at)
{
    size_t end = text_end(parser->input, at);
    uint32_t code;
    if (end > at) {
        parser->events->text(parser->owner, slice_between(parser->input, at, end));
        return end;
    }
    unsigned char byte = (unsigned char)parser->input.data[at];
    if (byte < 0x80 && byte != ESC) {
        if (byte != DEL)
            parser->events->control(parser->owner, byte);
        return at + 1;
    }
    int size = byte < 0x80 ? 0 : whole_character(parser, at, &code);
    if (size && code >= 0xa0 && counts(code, size)) {
        parser->events->character(parser->owner, code);
        return at + (size_t)size;
    }
    begin(parser, at);
    next_byte(parser, at);
    return at + 1;
}

size_t parser_feed(struct parser *parser, struct slice bytes)
{
    size_t at = 0;
    parser->input = bytes;
    parser->sent = 0;
    parser->whole = false;
    parser->stopped = false;
    while (at < bytes.size && !parser->stopped) {
        if (parser->state == PARSER_GROUND && !parser->expected)
            at = ground(parser, at);
        else
            next_byte(parser, at++);
    }
    bool held = (parser->state != PARSER_GROUND || parser->expected) && !parser->passing;
    if (held && parser->whole)
        send_input(parser, parser->start);
    else if (!held)
        send_input(parser, at);
    parser->whole = false;
    parser->input = slice_of(NULL, 0);
    return at;
}
