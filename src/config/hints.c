/* One line is read the way its writer meant it: a loose scanner of block and flow style that copies the line
 * and puts quotes where YAML wants them. */
#include <ctype.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "base/text.h"

#include "config/hints.h"
#include "config/setting.h"

enum { HINTS_LINE_LIMIT = 1000, HINTS_DEPTH_LIMIT = 16 };

/* The line read so far is in `out`; at any point the next character decides. */
struct hints_copy {
    struct slice rest;
    struct buffer out;
    bool changed;
    bool keyed; /* it is "key: value" of block style, or a comment */
};

static char hints_peek(const struct hints_copy *copy, size_t ahead)
{
    return ahead < copy->rest.size ? copy->rest.data[ahead] : '\0';
}

static void hints_pass(struct hints_copy *copy, size_t size)
{
    buffer_append(&copy->out, slice_between(copy->rest, 0, size));
    copy->rest = slice_from(copy->rest, size);
}

static void hints_pass_spaces(struct hints_copy *copy)
{
    while (hints_peek(copy, 0) == ' ' || hints_peek(copy, 0) == '\t')
        hints_pass(copy, 1);
}

/* The size of "{name}" or "${...}" at the start; 0 when there is neither. */
static size_t hints_braced(struct slice text)
{
    size_t start = text.size && text.data[0] == '$';
    if (start >= text.size || text.data[start] != '{')
        return 0;
    size_t end = slice_find(text, '}');
    for (size_t i = start + 1; i < end && start == 0; i++)
        if (!isalnum((unsigned char)text.data[i]) && text.data[i] != '_')
            return 0;
    return end == text.size || end == start + 1 ? 0 : end + 1;
}

/* The size of "[v6]" at the start, an IPv6 address in brackets; 0 when it is a list. */
static size_t hints_bracketed(struct slice text)
{
    size_t end = slice_find(text, ']'), colons = 0;
    if (text.size == 0 || text.data[0] != '[' || end == text.size)
        return 0;
    struct slice inside = slice_between(text, 1, end);
    for (size_t i = 0; i < inside.size; i++) {
        colons += inside.data[i] == ':';
        if (!isxdigit((unsigned char)inside.data[i]) && inside.data[i] != ':' && inside.data[i] != '.')
            return 0;
    }
    return colons >= 2 ? end + 1 : 0;
}

static size_t hints_unit(struct slice text)
{
    size_t size = hints_braced(text);
    return size ? size : hints_bracketed(text);
}

static bool hints_starts_comment(struct slice text)
{
    return text.size >= 2 && (text.data[0] == ' ' || text.data[0] == '\t') && text.data[1] == '#';
}

static bool hints_ends_key(struct slice text)
{
    return text.data[0] == ':' && (text.size == 1 || text.data[1] == ' ' || text.data[1] == '\t');
}

/* The size of the plain text at the start, {x} and [v6] taken whole. */
static size_t hints_plain_size(struct slice text, bool flow)
{
    size_t size = 0;
    while (size < text.size) {
        struct slice rest = slice_from(text, size);
        size_t unit = flow ? hints_unit(rest) : 0;
        bool stops = hints_starts_comment(rest) || (flow && hints_ends_key(rest)) ||
                     (flow && !unit && strchr(",[]{}", rest.data[0]));
        if (stops)
            break;
        size += unit ? unit : 1;
    }
    while (size && (text.data[size - 1] == ' ' || text.data[size - 1] == '\t'))
        size--;
    return size;
}

static bool hints_needs_quotes(struct slice text, bool flow)
{
    if (text.size &&
        (text.data[0] == '*' || hints_bracketed(text) || (text.data[0] == '{' && hints_braced(text))))
        return true;
    return flow && (slice_find(text, '{') != text.size || slice_find(text, '[') != text.size);
}

static void hints_append_quoted(struct buffer *out, struct slice text)
{
    bool single = slice_find(text, '"') != text.size || slice_find(text, '\\') != text.size;
    buffer_append_text(out, single ? "'" : "\"");
    for (size_t i = 0; i < text.size; i++) {
        if (single && text.data[i] == '\'')
            buffer_append_text(out, "'");
        buffer_append(out, slice_between(text, i, i + 1));
    }
    buffer_append_text(out, single ? "'" : "\"");
}

static void hints_pass_plain(struct hints_copy *copy, bool flow)
{
    size_t size = hints_plain_size(copy->rest, flow);
    struct slice text = slice_between(copy->rest, 0, size);
    if (!hints_needs_quotes(text, flow)) {
        hints_pass(copy, size);
        return;
    }
    hints_append_quoted(&copy->out, text);
    copy->rest = slice_from(copy->rest, size);
    copy->changed = true;
}

static void hints_pass_quoted(struct hints_copy *copy)
{
    char quote = hints_peek(copy, 0);
    size_t end = 1;
    while (end < copy->rest.size && copy->rest.data[end] != quote)
        end += copy->rest.data[end] == '\\' && quote == '"' ? 2 : 1;
    hints_pass(copy, end < copy->rest.size ? end + 1 : copy->rest.size);
}

/* Values, keys and what separates them, until what opened them closes or the line ends. */
static void hints_pass_flow(struct hints_copy *copy)
{
    int depth = 0;
    while (copy->rest.size && !hints_starts_comment(copy->rest)) {
        char next = hints_peek(copy, 0);
        if (next == '"' || next == '\'') {
            hints_pass_quoted(copy);
        } else if (hints_unit(copy->rest) || !strchr(" \t,:[]{}", next)) {
            size_t before = copy->rest.size;
            hints_pass_plain(copy, true);
            if (copy->rest.size == before)
                hints_pass(copy, 1);
        } else {
            depth += (next == '[' || next == '{') - (next == ']' || next == '}');
            hints_pass(copy, 1);
            if (depth == 0 && (next == ']' || next == '}'))
                return;
        }
    }
}

/* "key: " at the start of a block line, if there is one. */
static void hints_pass_key(struct hints_copy *copy)
{
    size_t end = 0;
    while (end < copy->rest.size && !strchr("\"'[]{}#, \t", copy->rest.data[end])) {
        if (hints_ends_key(slice_from(copy->rest, end))) {
            hints_pass(copy, end + 1);
            hints_pass_spaces(copy);
            copy->keyed = true;
            return;
        }
        end++;
    }
}

static void hints_pass_block(struct hints_copy *copy)
{
    hints_pass_spaces(copy);
    while (hints_peek(copy, 0) == '-' && hints_peek(copy, 1) == ' ') {
        hints_pass(copy, 1);
        hints_pass_spaces(copy);
    }
    hints_pass_key(copy);
    copy->keyed |= hints_peek(copy, 0) == '#';
    char next = hints_peek(copy, 0);
    if (next == '"' || next == '\'')
        hints_pass_quoted(copy);
    else if ((next == '[' || next == '{') && !hints_unit(copy->rest))
        hints_pass_flow(copy);
    else if (next != '|' && next != '>' && next != '#')
        hints_pass_plain(copy, false);
}

static char *hints_copied(struct slice line, void (*pass)(struct hints_copy *copy))
{
    struct hints_copy copy = {.rest = line, .out = BUFFER(4 * HINTS_LINE_LIMIT)};
    char *text = NULL;
    if (line.size <= HINTS_LINE_LIMIT) {
        pass(&copy);
        hints_pass(&copy, copy.rest.size);
    }
    bool list_goes_on = pass == hints_pass_block && (!copy.keyed || slice_ends_with(line, SLICE(",")));
    if (copy.changed)
        text = slice_to_text(buffer_slice(&copy.out));
    buffer_free(&copy.out);
    if (!text && list_goes_on) /* perhaps the middle of a flow list of several lines */
        text = hints_copied(line, hints_pass_flow);
    return text;
}

char *hints_quoted(struct slice line)
{
    return hints_copied(line, hints_pass_block);
}

static size_t hints_word_size(struct slice text)
{
    size_t size = 0;
    while (size < text.size && (islower((unsigned char)text.data[size]) || text.data[size] == '_'))
        size++;
    return size;
}

static void hints_pass_spaced(struct hints_copy *copy)
{
    bool word_may_start = true;
    while (copy->rest.size) {
        size_t size = word_may_start ? hints_word_size(copy->rest) : 0;
        struct slice after = slice_from(copy->rest, size);
        bool missing = size && after.size >= 2 && after.data[0] == ':' && !strchr(" \t/:", after.data[1]);
        bool path =
            size && after.size >= 3 && after.data[0] == ':' && after.data[1] == '/' && after.data[2] != '/';
        if ((missing || path) && setting_is_key(slice_between(copy->rest, 0, size))) {
            hints_pass(copy, size + 1);
            buffer_append_text(&copy->out, " ");
            copy->changed = true;
        }
        char passed = hints_peek(copy, 0);
        hints_pass(copy, 1);
        word_may_start = strchr(" \t{,-", passed) && passed;
    }
}

char *hints_spaced(struct slice line)
{
    return hints_copied(line, hints_pass_spaced);
}

static void hints_pass_untabbed(struct hints_copy *copy)
{
    while (hints_peek(copy, 0) == ' ' || hints_peek(copy, 0) == '\t') {
        if (hints_peek(copy, 0) == ' ') {
            hints_pass(copy, 1);
            continue;
        }
        buffer_append_text(&copy->out, "  ");
        copy->rest = slice_from(copy->rest, 1);
        copy->changed = true;
    }
}

char *hints_untabbed(struct slice line)
{
    return hints_copied(line, hints_pass_untabbed);
}

struct slice hints_line(struct slice source, int line)
{
    struct slice piece = {0};
    for (int i = 0; i < line; i++)
        if (!slice_next(&source, '\n', &piece))
            return (struct slice){0};
    if (piece.size && piece.data[piece.size - 1] == '\r')
        piece.size--;
    return piece;
}

struct hints_remedy {
    char *(*correct)(struct slice line);
    const char *text;
};

static const struct hints_remedy hints_remedies[] = {
    {hints_untabbed, "YAML is indented with spaces, never with tabs:"},
    {hints_spaced, "a colon that ends a key has a space after it:"},
    {hints_quoted, "text with {...}, [...] or a * at its start needs quotes around it:"},
};

static bool hints_add_for_line(struct config_error *error, struct slice line)
{
    for (size_t i = 0; line.data && i < sizeof hints_remedies / sizeof hints_remedies[0]; i++) {
        char *corrected = hints_remedies[i].correct(line);
        if (!corrected)
            continue;
        char *text = memory_format("%s\n  %s\n    %s", error->text, hints_remedies[i].text,
                                   corrected + strspn(corrected, " "));
        free(corrected);
        free(error->text);
        error->text = text;
        return true;
    }
    return false;
}

/* Where the key of a block line starts, behind its dashes, from 1; 0: it has none (blank, a comment, a list's
 * text). */
static int hints_key_column(struct slice line)
{
    size_t at = 0;
    while (at < line.size &&
           (line.data[at] == ' ' || (line.data[at] == '-' && at + 1 < line.size && line.data[at + 1] == ' ')))
        at++;
    size_t end = at;
    while (end < line.size && !strchr("\"'[]{}#, \t", line.data[end]) &&
           !hints_ends_key(slice_from(line, end)))
        end++;
    return end > at && end < line.size && line.data[end] == ':' ? (int)at + 1 : 0;
}

char *hints_indented(struct slice source, int line)
{
    int column = hints_key_column(hints_line(source, line)), least = INT_MAX, above = 0, above_line = 0;
    for (int i = line - 1; column && i > 0 && least > 1; i--) {
        int other = hints_key_column(hints_line(source, i));
        if (other == column && other < least)
            return NULL; /* it goes on with a mapping that is open */
        if (other && !above) {
            above = other;
            above_line = i;
        }
        if (other && other < least)
            least = other;
    }
    return above
               ? memory_format("keys of one mapping start in the same column: this one starts in column %d, "
                               "that of line %d in column %d",
                               column, above_line, above)
               : NULL;
}

static bool hints_add_indented(struct config_error *error, struct slice source)
{
    char *hint = hints_indented(source, error->place.line);
    if (!hint)
        return false;
    char *text = memory_format("%s\n  %s", error->text, hint);
    free(hint);
    free(error->text);
    error->text = text;
    return true;
}

static struct config_error *hints_last(struct config_errors *errors, struct slice source)
{
    bool none = errors->count == 0 || errors->dropped || !source.data;
    return none ? NULL : &errors->items[errors->count - 1];
}

void hints_add_to_last(struct config_errors *errors, struct slice source)
{
    struct config_error *error = hints_last(errors, source);
    if (error)
        hints_add_for_line(error, hints_line(source, error->place.line));
}

void hints_add_to_unread(struct config_errors *errors, struct slice source)
{
    struct config_error *error = hints_last(errors, source);
    if (!error || hints_add_for_line(error, hints_line(source, error->place.line)))
        return;
    /* Too early at a tab, too late at something unfinished. */
    struct slice after = hints_line(source, error->place.line + 1);
    char *untabbed = after.data ? hints_untabbed(after) : NULL;
    if (untabbed)
        hints_add_for_line(error, after);
    else if (!hints_add_indented(error, source) && error->place.line > 1)
        hints_add_for_line(error, hints_line(source, error->place.line - 1));
    free(untabbed);
}

const char *hints_nearest(struct slice word, const char *const *candidates, size_t count)
{
    const char *nearest = NULL;
    unsigned least = word.size <= 2 ? 0 : word.size <= 3 ? 1 : word.size <= 6 ? 2 : 3;
    for (size_t i = 0; i < count; i++) {
        if (word.size > 2 && slice_starts_with(slice_of_text(candidates[i]), word))
            return candidates[i];
        unsigned distance = text_distance(word, slice_of_text(candidates[i]));
        if (distance > least || (nearest && distance == least))
            continue;
        nearest = candidates[i];
        least = distance;
    }
    return nearest;
}
