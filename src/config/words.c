/* One character after another; a word is gathered in a buffer because quotes may begin in its middle. */
#include <ctype.h>
#include <string.h>

#include "base/buffer.h"

#include "config/words.h"

enum { WORDS_LONGEST = 64 * 1024 };

struct words {
    struct slice rest;
    struct buffer word;
    bool open; /* a word has begun, perhaps an empty one in quotes */
    char quote;
    struct error *error;
};

static const char words_remedy[] = "a command is run without a shell; for one, write [sh, -c, \"...\"]";

static bool words_refuse(struct words *words, struct slice operator)
{
    return error_set(words->error, "\"" SLICE_FORMAT "\" is for a shell, and %s", SLICE_ARGUMENTS(operator),
                     words_remedy);
}

/* What a shell would act on outside of quotes. */
static bool words_check(struct words *words)
{
    static const struct slice operators[] = {
        {"&&", 2}, {"||", 2}, {">>", 2}, {"<<", 2}, {"$(", 2}, {"|", 1}, {">", 1},
        {"<", 1},  {"&", 1},  {";", 1},  {"`", 1},  {"(", 1},  {")", 1},
    };
    for (size_t i = 0; i < sizeof operators / sizeof operators[0]; i++)
        if (slice_starts_with(words->rest, operators[i]))
            return words_refuse(words, operators[i]);
    struct slice after = slice_from(words->rest, 1);
    bool variable = words->rest.data[0] == '$' && after.size &&
                    (isalpha((unsigned char)after.data[0]) || after.data[0] == '_');
    size_t size = 0;
    while (variable && size < after.size &&
           (isalnum((unsigned char)after.data[size]) || after.data[size] == '_'))
        size++;
    return !variable || error_set(words->error, "$" SLICE_FORMAT " is for a shell; write ${" SLICE_FORMAT "}",
                                  SLICE_ARGUMENTS(slice_between(after, 0, size)),
                                  SLICE_ARGUMENTS(slice_between(after, 0, size)));
}

static bool words_take_bytes(struct words *words, size_t size)
{
    words->open = true;
    if (!buffer_append(&words->word, slice_between(words->rest, 0, size)))
        return error_set(words->error, "a word is longer than %d bytes", WORDS_LONGEST);
    words->rest = slice_from(words->rest, size);
    return true;
}

/* The character after a backslash, as it is: $$ is how a $ is written that nothing expands. */
static bool words_take_escaped(struct words *words)
{
    words->rest = slice_from(words->rest, 1);
    if (words->rest.data[0] == '$' && !buffer_append_text(&words->word, "$"))
        return error_set(words->error, "a word is longer than %d bytes", WORDS_LONGEST);
    return words_take_bytes(words, 1);
}

/* The size of "${...}" at the start, nested ones included; 0 when there is none. */
static size_t words_reference(struct slice text)
{
    int depth = 0;
    if (!slice_starts_with(text, SLICE("${")))
        return 0;
    for (size_t i = 1; i < text.size; i++) {
        depth += (text.data[i] == '{') - (text.data[i] == '}');
        if (depth == 0)
            return i + 1;
    }
    return 0;
}

static bool words_step_quoted(struct words *words)
{
    char next = words->rest.data[0];
    if (next == words->quote) {
        words->quote = '\0';
        words->rest = slice_from(words->rest, 1);
        return true;
    }
    bool escaped =
        next == '\\' && words->quote == '"' && words->rest.size > 1 && strchr("\"\\$`", words->rest.data[1]);
    return escaped ? words_take_escaped(words) : words_take_bytes(words, 1);
}

static bool words_step(struct words *words)
{
    char next = words->rest.data[0];
    size_t reference = words_reference(words->rest);
    if (reference)
        return words_take_bytes(words, reference);
    if (words->quote)
        return words_step_quoted(words);
    if (next == '"' || next == '\'') {
        words->quote = next;
        words->open = true;
        words->rest = slice_from(words->rest, 1);
        return true;
    }
    if (slice_starts_with(words->rest, SLICE("$$")))
        return words_take_bytes(words, 2);
    if (next == '\\' && words->rest.size > 1)
        return words_take_escaped(words);
    return words_check(words) && words_take_bytes(words, 1);
}

static bool words_run(struct words *words, void (*take)(void *owner, struct slice word), void *owner)
{
    for (;;) {
        bool blank = words->rest.size && !words->quote && strchr(" \t\r\n", words->rest.data[0]);
        if ((blank || (words->rest.size == 0 && !words->quote)) && words->open) {
            take(owner, buffer_slice(&words->word));
            buffer_clear(&words->word);
            words->open = false;
        }
        if (words->rest.size == 0)
            break;
        if (blank)
            words->rest = slice_from(words->rest, 1);
        else if (!words_step(words))
            return false;
    }
    return !words->quote || error_set(words->error, "a %c is opened and not closed", words->quote);
}

bool words_split(struct slice text, void (*take)(void *owner, struct slice word), void *owner,
                 struct error *error)
{
    struct words words = {.rest = text, .word = BUFFER(WORDS_LONGEST), .error = error};
    bool split = words_run(&words, take, owner);
    buffer_free(&words.word);
    return split;
}
