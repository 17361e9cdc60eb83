/* The fields of a head (RFC 9110 §5): names, values, and ids for the names that reeve looks at.
 *
 * A list over storage that the caller gives; names and values are slices into somebody else's bytes. The id
 * is found once, when a field is added, so that every later question ("is there a Range?") is one array read.
 */
#pragma once

#include "base/slice.h"

/* FIELDS_KNOWN(row): one row per known name, in the order of the ids. */
#include "wire/field_names.h"

enum field_id {
    FIELD_OTHER, /* not one of the known names */
    /* A known name spelled with '_' for '-' ("Remote_User"). Programs behind CGI or WSGI cannot tell it from
     * the real one, so it is never read and never forwarded. */
    FIELD_LOOKALIKE,
#define FIELDS_ID(id, name, middle, before_last, first) FIELD_##id,
    FIELDS_KNOWN(FIELDS_ID)
#undef FIELDS_ID
        FIELD_IDS /* how many there are */
};

struct field {
    struct slice name;
    struct slice value; /* without blanks at both ends */
    enum field_id id;
    /* Not to be forwarded: meant for this connection only (RFC 9110 §7.6.1) or FIELD_LOOKALIKE. Set by the
     * name when the field is added and, for names that Connection lists, by fields_mark_hop_by_hop(). */
    bool hop_by_hop;
};

enum { FIELDS_MOST = 250 };

struct fields {
    struct field *list;
    size_t count;
    size_t capacity;
    uint8_t first[FIELD_IDS]; /* place in `list`, plus 1, of the first field with that id; 0: there is none */
};

/* An empty list over storage[capacity], which must outlive it; capacity <= FIELDS_MOST. */
void fields_init(struct fields *fields, struct field *storage, size_t capacity);
/* False when the list is full. */
bool fields_add(struct fields *fields, struct slice name, struct slice value);
/* The same with the name's id, where it is known already. */
bool fields_add_known(struct fields *fields, enum field_id id, struct slice name, struct slice value);

/* The id of a name in any case. The name holds no control, blank or DEL; any id but FIELD_OTHER says that it
 * is a token. */
enum field_id fields_id(struct slice name);
/* The name of an id in lower case; empty for FIELD_OTHER and FIELD_LOOKALIKE. */
struct slice fields_name(enum field_id id);

/* The value of the first field with that id; data is NULL when there is none. */
struct slice fields_get(const struct fields *fields, enum field_id id);
/* The same by name, for names without an id (looks at each field). */
struct slice fields_find(const struct fields *fields, struct slice name);
bool fields_has(const struct fields *fields, enum field_id id);
size_t fields_count(const struct fields *fields, enum field_id id);
/* Each value of that id in order: start with *place = 0; false at the end. */
bool fields_each(const struct fields *fields, enum field_id id, size_t *place, struct slice *value);

/* Marks each field whose name a Connection field lists (RFC 9110 §7.6.1). Host, Content-Length,
 * Transfer-Encoding and the like, which a list must not name, stay as they are. */
void fields_mark_hop_by_hop(struct fields *fields);

/* Cuts the next element off a comma-separated list (RFC 9110 §5.6.1): blanks trimmed, empty ones skipped,
 * commas inside quoted strings respected. False at the end. */
bool fields_list_next(struct slice *rest, struct slice *element);
/* Whether a list value names `token`, in any case; parameters behind ';' are ignored. */
bool fields_list_has(struct slice value, struct slice token);
/* The same over every field with that id. */
bool fields_has_token(const struct fields *fields, enum field_id id, struct slice token);

/* Whether an Accept value names text/html with a q above 0 and not below any other entry's: the mark of a
 * navigation for clients that send no Sec-Fetch-Mode (contract §1). Malformed q: 1. */
bool fields_accept_prefers_html(struct slice accept);

/* Character classes of RFC 9110 §5.6.2 and §5.5, also for bytes that do not come from a head. */
bool fields_name_is_valid(struct slice name);   /* a token: not empty, tchar only */
bool fields_value_is_valid(struct slice value); /* HTAB, SP, visible ASCII, obs-text; no other control */
/* For each byte: 1 when it may stand in a token (tchar). */
extern const uint8_t fields_token_bytes[256];
