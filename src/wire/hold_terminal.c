#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "wire/hold_terminal.h"
#include "wire/terminal.h"

enum { COLUMNS = 120, ROWS = 40, SCROLLBACK = 10000 };

static const char *const rule_names[] = {
    [HOLD_TERMINAL_LAST] = "last",
    [HOLD_TERMINAL_SMALLEST] = "smallest",
    [HOLD_TERMINAL_FIXED] = "fixed",
};
static const char *const action_names[] = {
    [HOLD_TERMINAL_DETACH] = "detach",
    [HOLD_TERMINAL_INPUT] = "input",
};

static bool hold_terminal_find(const char *const *names, size_t count, const char *name, size_t *index)
{
    for (size_t i = 0; name && i < count; i++)
        if (names[i] && strcmp(names[i], name) == 0) {
            *index = i;
            return true;
        }
    return false;
}

const char *hold_terminal_rule_name(enum hold_terminal_rule rule)
{
    return rule_names[rule];
}

bool hold_terminal_rule_find(const char *name, enum hold_terminal_rule *rule)
{
    size_t index;
    if (!hold_terminal_find(rule_names, sizeof rule_names / sizeof *rule_names, name, &index))
        return false;
    *rule = (enum hold_terminal_rule)index;
    return true;
}

/* A member that is missing leaves `*number` as it is. */
static bool hold_terminal_number(const json_t *json, const char *name, const int64_t range[2],
                                 int64_t *number)
{
    const json_t *value = json_object_get(json, name);
    if (!value)
        return true;
    *number = json_integer_value(value);
    return json_is_integer(value) && *number >= range[0] && *number <= range[1];
}

static const int64_t columns_range[2] = {TERMINAL_COLUMNS_LEAST, TERMINAL_COLUMNS_MOST};
static const int64_t rows_range[2] = {TERMINAL_ROWS_LEAST, TERMINAL_ROWS_MOST};
static const int64_t scrollback_range[2] = {0, HOLD_TERMINAL_SCROLLBACK_MOST};
static const int64_t any_range[2] = {0, INT64_MAX};
static const int64_t size_range[2] = {0, UINT16_MAX};

json_t *hold_terminal_encode(const struct hold_terminal *terminal)
{
    json_t *json = json_pack("{s:I, s:I, s:I, s:s}", "columns", (json_int_t)terminal->columns, "rows",
                             (json_int_t)terminal->rows, "scrollback", (json_int_t)terminal->scrollback,
                             "size", rule_names[terminal->rule]);
    CHECK(json);
    return json;
}

bool hold_terminal_decode(const json_t *json, struct hold_terminal *terminal, struct error *error)
{
    *terminal = (struct hold_terminal){0};
    if (!json)
        return true;
    *terminal = (struct hold_terminal){.columns = COLUMNS, .rows = ROWS, .scrollback = SCROLLBACK};
    const json_t *size = json_object_get(json, "size");
    bool fine = json_is_object(json) &&
                hold_terminal_number(json, "columns", columns_range, &terminal->columns) &&
                hold_terminal_number(json, "rows", rows_range, &terminal->rows) &&
                hold_terminal_number(json, "scrollback", scrollback_range, &terminal->scrollback) &&
                (!size || hold_terminal_rule_find(json_string_value(size), &terminal->rule));
    return fine || error_set(error, "terminal is mistyped or out of range");
}

/* --- who attaches ------------------------------------------------------------------------------------ */

static json_t *hold_terminal_user_encode(const char *user)
{
    json_t *json = json_string(user);
    return json ? json : json_string("?"); /* no name of ours: not UTF-8 */
}

static bool hold_terminal_user_decode(const json_t *json, char user[HOLD_TERMINAL_USER_SIZE])
{
    const json_t *value = json_object_get(json, "user");
    snprintf(user, HOLD_TERMINAL_USER_SIZE, "%s", json_is_string(value) ? json_string_value(value) : "");
    return !value || (json_is_string(value) && json_string_length(value) < HOLD_TERMINAL_USER_SIZE);
}

json_t *hold_terminal_attach_encode(const struct hold_terminal_attach *attach)
{
    json_t *json =
        json_pack("{s:b, s:I, s:I, s:o}", "view", attach->view, "columns", (json_int_t)attach->columns,
                  "rows", (json_int_t)attach->rows, "user", hold_terminal_user_encode(attach->user));
    CHECK(json);
    return json;
}

bool hold_terminal_attach_decode(const json_t *json, struct hold_terminal_attach *attach, struct error *error)
{
    *attach = (struct hold_terminal_attach){0};
    const json_t *view = json_object_get(json, "view");
    bool fine = json_is_object(json) && (!view || json_is_boolean(view)) &&
                hold_terminal_user_decode(json, attach->user) &&
                hold_terminal_number(json, "columns", size_range, &attach->columns) &&
                hold_terminal_number(json, "rows", size_range, &attach->rows);
    attach->view = json_is_true(view);
    return fine || error_set(error, "attach is mistyped or out of range");
}

/* --- what viewers do --------------------------------------------------------------------------------- */

json_t *hold_terminal_news_encode(const struct hold_terminal_news *news)
{
    json_t *json = json_pack("{s:I, s:I, s:I}", "columns", (json_int_t)news->columns, "rows",
                             (json_int_t)news->rows, "viewers", (json_int_t)news->viewers);
    CHECK(json);
    if (news->action == HOLD_TERMINAL_NOTHING)
        return json;
    json_t *more = json_pack("{s:s, s:I, s:o, s:I, s:I, s:I}", "action", action_names[news->action], "viewer",
                             (json_int_t)news->viewer, "user", hold_terminal_user_encode(news->user), "bytes",
                             (json_int_t)news->bytes, "first_ms", (json_int_t)news->first_ms, "last_ms",
                             (json_int_t)news->last_ms);
    CHECK(more && json_object_update(json, more) == 0);
    json_decref(more);
    return json;
}

/* An action of a later version is passed over, not refused. */
static enum hold_terminal_action hold_terminal_action_decode(const json_t *json)
{
    size_t index;
    const char *name = json_string_value(json_object_get(json, "action"));
    return hold_terminal_find(action_names, sizeof action_names / sizeof *action_names, name, &index)
               ? (enum hold_terminal_action)index
               : HOLD_TERMINAL_NOTHING;
}

bool hold_terminal_news_decode(const json_t *json, struct hold_terminal_news *news, struct error *error)
{
    *news = (struct hold_terminal_news){0};
    bool fine = json_is_object(json) && hold_terminal_number(json, "columns", size_range, &news->columns) &&
                hold_terminal_number(json, "rows", size_range, &news->rows) &&
                hold_terminal_number(json, "viewers", any_range, &news->viewers) &&
                hold_terminal_number(json, "viewer", any_range, &news->viewer) &&
                hold_terminal_number(json, "bytes", any_range, &news->bytes) &&
                hold_terminal_number(json, "first_ms", any_range, &news->first_ms) &&
                hold_terminal_number(json, "last_ms", any_range, &news->last_ms) &&
                hold_terminal_user_decode(json, news->user);
    news->action = hold_terminal_action_decode(json);
    return fine || error_set(error, "terminal news are mistyped or out of range");
}
