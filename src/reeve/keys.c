#include <ctype.h>
#include <string.h>

#include "reeve/keys.h"

static bool keys_parse_one(struct slice word, char *byte)
{
    static const struct slice control = SLICE("ctrl-");
    bool with_control = word.size == control.size + 1 && slice_starts_with(word, control);
    char key = word.size ? word.data[word.size - 1] : '\0';
    if (with_control && (isalpha((unsigned char)key) || (key && strchr("@[\\]^_", key)))) {
        *byte = (char)(key & 0x1f);
        return true;
    }
    *byte = key;
    return word.size == 1 && isgraph((unsigned char)key);
}

bool keys_parse(const char *text, struct keys *keys, struct error *error)
{
    struct slice rest = slice_of_text(text), word;
    *keys = (struct keys){0};
    while (*text && slice_next(&rest, ',', &word)) {
        if (keys->count == KEYS_MOST)
            return error_set(error, "--detach-keys: at most %d keys", KEYS_MOST);
        if (!keys_parse_one(word, &keys->bytes[keys->count++]))
            return error_set(error,
                             "--detach-keys: \"" SLICE_FORMAT "\" is no key; write letters or ctrl-X with "
                             "commas between, such as ctrl-p,ctrl-q",
                             SLICE_ARGUMENTS(word));
    }
    return true;
}

/* How many of the keys the bytes held, and `next` behind them, still are; the rest of those held goes out. */
static void keys_step(struct keys *keys, char next, struct buffer *out)
{
    char seen[KEYS_MOST + 1];
    size_t count = keys->held;
    memcpy(seen, keys->bytes, count);
    seen[count++] = next;
    size_t keep = count < keys->count ? count : keys->count;
    while (keep && memcmp(seen + count - keep, keys->bytes, keep) != 0)
        keep--;
    buffer_append(out, slice_of(seen, count - keep));
    keys->held = keep;
}

bool keys_feed(struct keys *keys, struct slice typed, struct buffer *out)
{
    if (keys->count == 0) {
        buffer_append(out, typed);
        return false;
    }
    for (size_t i = 0; i < typed.size; i++) {
        keys_step(keys, typed.data[i], out);
        if (keys->held == keys->count) {
            keys->held = 0;
            return true;
        }
    }
    return false;
}

void keys_release(struct keys *keys, struct buffer *out)
{
    buffer_append(out, slice_of(keys->bytes, keys->held));
    keys->held = 0;
}
