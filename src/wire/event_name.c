/* No tree is built: members are passed over, and what follows the one that is wanted is not looked at. */
#include <string.h>

#include "wire/event_name.h"

static bool is_letter(char byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z');
}

static bool is_name(struct slice text)
{
    if (text.size == 0 || text.size > EVENT_NAME_LARGEST || !is_letter(text.data[0]))
        return false;
    for (size_t i = 1; i < text.size; i++) {
        char byte = text.data[i];
        if (!is_letter(byte) && !(byte >= '0' && byte <= '9') && !memchr("._-", byte, 3))
            return false;
    }
    return true;
}

bool event_name_is_free(struct slice name)
{
    /* Ours; and EventSource's own, one of which is what an event without a name is. */
    static const char *const taken[] = {"auth",    "bye",   "end",  "gap",    "reset",
                                        "timeout", "error", "open", "message"};
    if (!is_name(name))
        return false;
    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++)
        if (slice_equal(name, slice_of_text(taken[i])))
            return false;
    return true;
}

/* --- passing over JSON ------------------------------------------------------------------------------- */

static void pass_space(struct slice *rest)
{
    while (rest->size > 0 && strchr(" \t\r\n", rest->data[0]) && rest->data[0])
        *rest = slice_from(*rest, 1);
}

static bool pass_byte(struct slice *rest, char byte)
{
    pass_space(rest);
    if (rest->size == 0 || rest->data[0] != byte)
        return false;
    *rest = slice_from(*rest, 1);
    return true;
}

/* A string; *text is what stands between the quotes, escapes and all. */
static bool pass_string(struct slice *rest, struct slice *text)
{
    if (!pass_byte(rest, '"'))
        return false;
    for (size_t i = 0; i < rest->size; i++) {
        if (rest->data[i] == '\\') {
            i++;
        } else if (rest->data[i] == '"') {
            *text = slice_between(*rest, 0, i);
            *rest = slice_from(*rest, i + 1);
            return true;
        }
    }
    return false;
}

/* Any value: up to the comma or brace behind it. Brackets are counted, not matched. */
static bool pass_value(struct slice *rest)
{
    struct slice text;
    size_t depth = 0;
    while (rest->size > 0) {
        char byte = rest->data[0];
        if (byte == '"') {
            if (!pass_string(rest, &text))
                return false;
            continue;
        }
        if (depth == 0 && (byte == ',' || byte == '}'))
            return true;
        if (byte == '{' || byte == '[')
            depth++;
        if (byte == '}' || byte == ']') {
            if (depth == 0)
                return false;
            depth--;
        }
        *rest = slice_from(*rest, 1);
    }
    return false;
}

struct slice event_name_of(struct slice line, struct slice field)
{
    struct slice rest = slice_between(line, 0, EVENT_NAME_WITHIN), key, name;
    if (!pass_byte(&rest, '{'))
        return (struct slice){0};
    do {
        if (!pass_string(&rest, &key) || !pass_byte(&rest, ':'))
            break;
        pass_space(&rest);
        if (!slice_equal(key, field))
            continue;
        return pass_string(&rest, &name) && event_name_is_free(name) ? name : (struct slice){0};
    } while (pass_value(&rest) && pass_byte(&rest, ','));
    return (struct slice){0};
}
