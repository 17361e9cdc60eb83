/* A target's row as one JSON object and back. The reader checks everything: rows cross a border between
 * processes of different rights. */
#include <limits.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/memory.h"
#include "wire/target.h"

static const char *const target_state_names[] = {
    [TARGET_DOWN] = "down",         [TARGET_STARTING] = "starting", [TARGET_READY] = "ready",
    [TARGET_STOPPING] = "stopping", [TARGET_BACKOFF] = "backoff",   [TARGET_ENDED] = "ended",
    [TARGET_FAILED] = "failed",
};
_Static_assert(sizeof target_state_names / sizeof *target_state_names == TARGET_STATES, "a name per state");

static const char *const target_cause_names[] = {
    [TARGET_CAUSE_NONE] = NULL,
    [TARGET_CAUSE_EXIT] = "exit",
    [TARGET_CAUSE_SIGNAL] = "signal",
    [TARGET_CAUSE_OOM] = "oom",
    [TARGET_CAUSE_EXEC] = "exec",
    [TARGET_CAUSE_NOT_READY] = "not-ready",
    [TARGET_CAUSE_LIVENESS] = "liveness",
    [TARGET_CAUSE_STOPPED] = "stopped",
    [TARGET_CAUSE_IDLE] = "idle",
    [TARGET_CAUSE_MAX_LIFETIME] = "max-lifetime",
    [TARGET_CAUSE_DEPENDENCY] = "dependency",
    [TARGET_CAUSE_LOST] = "lost",
};
_Static_assert(sizeof target_cause_names / sizeof *target_cause_names == TARGET_CAUSES, "a name per cause");

bool target_row_is_missed(const struct target_row *row)
{
    bool over = row->state == TARGET_ENDED || row->state == TARGET_FAILED;
    return row->wanted && !row->ready && !(row->instance && over);
}

const char *target_state_name(enum target_state state)
{
    CHECK((unsigned)state < TARGET_STATES);
    return target_state_names[state];
}

const char *target_cause_name(enum target_cause_kind kind)
{
    CHECK((unsigned)kind < TARGET_CAUSES);
    return target_cause_names[kind];
}

/* --- writing ---------------------------------------------------------------------------------- */

/* A path in a cause need not be UTF-8, and a text may have been cut inside a character. */
static json_t *target_text(const char *text)
{
    json_t *value = json_string(text);
    if (value)
        return value;
    char *plain = memory_text(text);
    for (char *byte = plain; *byte; byte++)
        if ((unsigned char)*byte >= 0x80)
            *byte = '?';
    value = json_string(plain);
    free(plain);
    CHECK(value);
    return value;
}

static json_t *target_text_or_null(const char *text)
{
    return text[0] ? target_text(text) : json_null();
}

static json_t *target_time(int64_t wall_ms)
{
    char text[CLOCK_TEXT_SIZE];
    return wall_ms ? json_string(clock_format(wall_ms, text)) : json_null();
}

static json_t *target_number_or_null(int64_t number, bool known)
{
    return known ? json_integer(number) : json_null();
}

static json_t *target_cause_encode(const struct target_cause *cause)
{
    if (cause->kind == TARGET_CAUSE_NONE)
        return json_null();
    bool has_code = cause->kind == TARGET_CAUSE_EXIT || cause->kind == TARGET_CAUSE_EXEC;
    json_t *object = json_object();
    json_object_set_new(object, "kind", json_string(target_cause_name(cause->kind)));
    json_object_set_new(object, "code", target_number_or_null(cause->code, has_code));
    json_object_set_new(object, "signal", target_number_or_null(cause->signal, cause->signal != 0));
    json_object_set_new(object, "text", target_text(cause->text));
    return object;
}

static json_t *target_run_encode(const struct target_row *row)
{
    if (row->generation == 0)
        return json_null();
    json_t *object = json_object();
    json_object_set_new(object, "generation", json_integer((json_int_t)row->generation));
    json_object_set_new(object, "pid", target_number_or_null(row->pid, row->pid != 0));
    json_object_set_new(object, "started", target_time(row->started_ms));
    json_object_set_new(object, "ready_after_ms",
                        target_number_or_null(row->ready_after_ms, row->ready_after_ms >= 0));
    return object;
}

static json_t *target_terminal_encode(const struct target_terminal *terminal)
{
    if (terminal->columns == 0)
        return json_null();
    return json_pack("{s:I, s:I, s:I}", "columns", (json_int_t)terminal->columns, "rows",
                     (json_int_t)terminal->rows, "viewers", (json_int_t)terminal->viewers);
}

static void target_internal_encode(const struct target_row *row, json_t *object)
{
    json_t *addresses = json_array();
    for (int i = 0; i < row->address_count; i++)
        json_array_append_new(addresses, target_text(row->addresses[i]));
    json_object_set_new(object, "slot", json_integer(row->slot));
    json_object_set_new(object, "demand", json_boolean(row->demand));
    json_object_set_new(object, "has_terminal", json_boolean(row->terminal.there));
    json_object_set_new(object, "addresses", addresses);
    json_object_set_new(object, "tls_policy", target_text_or_null(row->tls));
    json_object_set_new(object, "socket", json_boolean(row->socket));
    json_object_set_new(object, "since_ms", json_integer(row->since_ms));
    json_object_set_new(object, "next_attempt_ms", json_integer(row->next_attempt_ms));
    json_object_set_new(object, "hold_ms", json_integer(row->hold_ms));
    json_object_set_new(object, "started_ms", json_integer(row->started_ms));
}

/* "https://10.0.0.7:9000" where the addresses speak TLS. */
static json_t *target_address_encode(const struct target_row *row)
{
    char text[sizeof "https://" + TARGET_ADDRESS_SIZE];
    if (row->address_count == 0)
        return json_null();
    snprintf(text, sizeof text, "%s%s", row->tls[0] ? "https://" : "", row->addresses[0]);
    return target_text(text);
}

/* "pin" "ca" "system" "none", or null in the clear. */
static json_t *target_tls_encode(const struct target_row *row)
{
    return row->tls[0] ? json_stringn(row->tls, strcspn(row->tls, ":")) : json_null();
}

json_t *target_row_encode(const struct target_row *row, bool internal, int64_t boottime_ms, int64_t wall_ms)
{
    json_t *object = json_object();
    CHECK(object);
    int64_t next = row->next_attempt_ms ? wall_ms + row->next_attempt_ms - boottime_ms : 0;
    json_object_set_new(object, "name", target_text(row->name));
    json_object_set_new(object, "kind", json_string(row->instance ? "instance" : "service"));
    json_object_set_new(object, "wanted", json_string(row->wanted ? "up" : "down"));
    json_object_set_new(object, "state", json_string(target_state_name(row->state)));
    json_object_set_new(object, "since", target_time(row->since_ms));
    json_object_set_new(object, "ready", json_boolean(row->ready));
    json_object_set_new(object, "address", target_address_encode(row));
    json_object_set_new(object, "tls", target_tls_encode(row));
    json_object_set_new(object, "terminal", target_terminal_encode(&row->terminal));
    json_object_set_new(object, "url", target_text_or_null(row->url));
    json_object_set_new(object, "owner", target_text_or_null(row->owner));
    json_object_set_new(object, "restarts", json_integer((json_int_t)row->restarts));
    json_object_set_new(object, "next_attempt", target_time(next));
    json_object_set_new(object, "cause", target_cause_encode(&row->cause));
    json_object_set_new(object, "run", target_run_encode(row));
    json_object_set_new(object, "streams", json_integer((json_int_t)row->streams));
    json_object_set_new(object, "idle_since", target_time(row->idle_since_ms));
    if (internal)
        target_internal_encode(row, object);
    return object;
}

/* --- reading ---------------------------------------------------------------------------------- */

/* The index of `text` among `names`, or -1; a NULL name matches nothing. */
static int target_index(const char *text, const char *const *names, int count)
{
    for (int i = 0; text && i < count; i++)
        if (names[i] && strcmp(text, names[i]) == 0)
            return i;
    return -1;
}

static bool target_read_text(const json_t *object, const char *key, char *text, size_t size)
{
    const json_t *value = json_object_get(object, key);
    if (!json_is_string(value) || json_string_length(value) >= size)
        return false;
    memcpy(text, json_string_value(value), json_string_length(value) + 1);
    return true;
}

/* As target_read_text(); null or a missing member gives "". */
static bool target_read_text_or_null(const json_t *object, const char *key, char *text, size_t size)
{
    const json_t *value = json_object_get(object, key);
    text[0] = '\0';
    return !value || json_is_null(value) || target_read_text(object, key, text, size);
}

static bool target_read_flag(const json_t *object, const char *key, bool *flag)
{
    const json_t *value = json_object_get(object, key);
    *flag = json_is_true(value);
    return json_is_boolean(value);
}

static bool target_read_number(const json_t *object, const char *key, int64_t most, int64_t *number)
{
    const json_t *value = json_object_get(object, key);
    *number = json_integer_value(value);
    return json_is_integer(value) && *number >= 0 && *number <= most;
}

/* As target_read_number(); null or a missing member gives `missing`. */
static bool target_read_optional(const json_t *object, const char *key, int64_t most, int64_t missing,
                                 int64_t *number)
{
    const json_t *value = json_object_get(object, key);
    if (value && !json_is_null(value))
        return target_read_number(object, key, most, number);
    *number = missing;
    return true;
}

static bool target_read_word(const json_t *object, const char *key, const char *const *words, int count,
                             int *index)
{
    *index = target_index(json_string_value(json_object_get(object, key)), words, count);
    return *index >= 0;
}

static bool target_cause_decode(const json_t *object, struct target_cause *cause)
{
    if (json_is_null(object))
        return true;
    int kind;
    int64_t code;
    int64_t signal;
    if (!json_is_object(object) ||
        !target_read_word(object, "kind", target_cause_names, TARGET_CAUSES, &kind) ||
        !target_read_optional(object, "code", INT_MAX, 0, &code) ||
        !target_read_optional(object, "signal", 128, 0, &signal) ||
        !target_read_text(object, "text", cause->text, sizeof cause->text))
        return false;
    cause->kind = (enum target_cause_kind)kind;
    cause->code = (int)code;
    cause->signal = (int)signal;
    return true;
}

static bool target_run_decode(const json_t *object, struct target_row *row)
{
    row->ready_after_ms = -1;
    if (json_is_null(object))
        return true;
    int64_t generation;
    int64_t pid;
    if (!json_is_object(object) || !target_read_number(object, "generation", INT64_MAX, &generation) ||
        !target_read_optional(object, "pid", INT_MAX, 0, &pid) ||
        !target_read_optional(object, "ready_after_ms", INT64_MAX, -1, &row->ready_after_ms))
        return false;
    row->generation = (uint64_t)generation;
    row->pid = (pid_t)pid;
    return true;
}

static bool target_addresses_decode(const json_t *list, struct target_row *row)
{
    if (!json_is_array(list) || json_array_size(list) > TARGET_MOST_ADDRESSES)
        return false;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *value = json_array_get(list, i);
        if (!json_is_string(value) || json_string_length(value) >= TARGET_ADDRESS_SIZE)
            return false;
        memcpy(row->addresses[i], json_string_value(value), json_string_length(value) + 1);
    }
    row->address_count = (int)json_array_size(list);
    return true;
}

static bool target_words_decode(const json_t *object, struct target_row *row)
{
    static const char *const kinds[] = {"service", "instance"};
    static const char *const wishes[] = {"down", "up"};
    int kind;
    int wish;
    int state;
    if (!target_read_word(object, "kind", kinds, 2, &kind) ||
        !target_read_word(object, "wanted", wishes, 2, &wish) ||
        !target_read_word(object, "state", target_state_names, TARGET_STATES, &state))
        return false;
    row->instance = kind == 1;
    row->wanted = wish == 1;
    row->state = (enum target_state)state;
    return true;
}

static bool target_numbers_decode(const json_t *object, struct target_row *row)
{
    int64_t slot;
    int64_t restarts;
    int64_t streams;
    if (!target_read_number(object, "slot", UINT_MAX, &slot) ||
        !target_read_number(object, "restarts", INT64_MAX, &restarts) ||
        !target_read_number(object, "streams", INT64_MAX, &streams) ||
        !target_read_number(object, "since_ms", INT64_MAX, &row->since_ms) ||
        !target_read_number(object, "next_attempt_ms", INT64_MAX, &row->next_attempt_ms) ||
        !target_read_number(object, "hold_ms", INT64_MAX, &row->hold_ms) ||
        !target_read_number(object, "started_ms", INT64_MAX, &row->started_ms))
        return false;
    row->slot = (unsigned)slot;
    row->restarts = (uint64_t)restarts;
    row->streams = (uint64_t)streams;
    return true;
}

/* Rows of an earlier version have neither member. */
static bool target_terminal_decode(const json_t *object, struct target_terminal *terminal)
{
    const json_t *now = json_object_get(object, "terminal");
    terminal->there = json_is_true(json_object_get(object, "has_terminal"));
    return !now || json_is_null(now) ||
           (json_is_object(now) && target_read_number(now, "columns", UINT16_MAX, &terminal->columns) &&
            target_read_number(now, "rows", UINT16_MAX, &terminal->rows) &&
            target_read_number(now, "viewers", UINT16_MAX, &terminal->viewers));
}

bool target_row_decode(const json_t *object, struct target_row *row)
{
    *row = (struct target_row){0};
    return json_is_object(object) && target_read_text(object, "name", row->name, sizeof row->name) &&
           row->name[0] != '\0' && target_read_text_or_null(object, "owner", row->owner, sizeof row->owner) &&
           target_read_text_or_null(object, "url", row->url, sizeof row->url) &&
           target_read_text_or_null(object, "tls_policy", row->tls, sizeof row->tls) &&
           target_words_decode(object, row) && target_numbers_decode(object, row) &&
           target_read_flag(object, "ready", &row->ready) &&
           target_read_flag(object, "demand", &row->demand) &&
           target_read_flag(object, "socket", &row->socket) &&
           target_addresses_decode(json_object_get(object, "addresses"), row) &&
           target_terminal_decode(object, &row->terminal) &&
           target_cause_decode(json_object_get(object, "cause"), &row->cause) &&
           target_run_decode(json_object_get(object, "run"), row);
}
