/* What all settings have in common as prose, then one heading for each key of the top level. */
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/text.h"

#include "config/document.h"
#include "config/setting.h"

enum { DOCUMENT_LIMIT = 1 << 20 };

static const char document_head[] =
    "# Configuration\n"
    "\n"
    "<!-- Made by tools/generated from src/config/settings_*.c: change those. -->\n"
    "\n"
    "`reeve` reads one YAML 1.2 file: `-c FILE`, else `$REEVE_CONFIG`, else `reeve.yaml` in the working "
    "directory or\n"
    "a directory above it, else `/etc/reeve/reeve.yaml`. `reeve check` says what is wrong with it, `reeve "
    "config`\n"
    "shows it with all defaults. `reeve.schema.json` tells the same to editors. A key that reeve does not "
    "know is an\n"
    "error, and so is one that is not supported yet.\n"
    "\n"
    "## Values\n"
    "\n"
    "- **Durations** are a whole number and a unit: `250ms`, `2s`, `5m`, `1h`, `7d`. **Sizes** are bytes, or "
    "`64k`,\n"
    "  `8M`, `1G` (k is 1024).\n"
    "- **Quotes.** A value with `{x}` or `${X}` inside `[...]` or `{...}`, or one that starts with `{`, `[` "
    "or `*`,\n"
    "  needs quotes. A number or `true` in quotes is text.\n"
    "- **Paths** start at the directory of the file they are written in; those in `command` (its first word) "
    "and\n"
    "  `env_file` at the service's `directory`.\n"
    "- **Variables.** `${NAME}` is replaced by its value, `${NAME:-default}` by the default when NAME is not "
    "set or\n"
    "  empty, `${NAME:?message}` is an error then; `$$` is a plain `$`. A name without value is an error. "
    "What a\n"
    "  variable gives is not looked at again, and no shell is involved.\n"
    "  - Everywhere: `name` (of reeve; in a service: of the service), `state`, `config_dir`, and reeve's "
    "environment.\n"
    "  - In a service also its `env_file`, before the environment.\n"
    "  - In `command` and `env` also what a start knows: `PORT` or `SOCKET` (where it shall listen), `user`, "
    "`prefix`\n"
    "    (the path before the `*` of the first route to it), `services.NAME.port`, `services.NAME.socket`; "
    "in a\n"
    "    template `name` (`TEMPLATE/ID`), `id`, `instance_dir` and its parameters.\n"
    "- **Commands** are a list of words, or one text that is split into words at spaces. `'...'` and "
    "`\"...\"` hold\n"
    "  words together. There is no shell: for `|`, `>`, `&&` and the like write `[sh, -c, \"...\"]`.\n"
    "- **Anchors** (`&name`) and **aliases** (`*name`) work; tags and merge keys (`<<`) do not.\n"
    "- **Several files.** With `include` their lists and named entries are added up; the same key twice is "
    "an error.\n"
    "\n"
    "## Settings\n"
    "\n"
    "In a key, `NAME` stands for a name of your choice and `[]` for any item of a list.\n";

/* Inside a cell of a table a | has a backslash before it. */
static void document_add(struct buffer *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '|')
            buffer_append_text(out, "\\");
        buffer_append(out, slice_of(text, 1));
    }
}

/* "services.NAME.ready.timeout", "listen[].address" */
static void document_path(struct buffer *out, const struct setting *row, const struct setting *top)
{
    struct slice rest = slice_of_text(row->path), segment;
    const char *star = top->type->shape == TYPE_ITEMS ? "[]" : ".NAME";
    bool first = true;
    while (slice_next(&rest, '.', &segment)) {
        if (slice_equal(segment, SLICE("*")))
            buffer_append_text(out, star);
        else
            buffer_append_format(out, "%s" SLICE_FORMAT, first ? "" : ".", SLICE_ARGUMENTS(segment));
        if (slice_equal(segment, SLICE("*")))
            star = ".NAME";
        first = false;
    }
}

static void document_choices(struct buffer *out, const struct setting *row)
{
    struct slice rest = slice_of_text(row->values), piece;
    const char *between = "";
    while (slice_next(&rest, '|', &piece)) {
        buffer_append_format(out, "%s`" SLICE_FORMAT "`", between, SLICE_ARGUMENTS(slice_trim(piece)));
        between = ", ";
    }
}

static void document_range(struct buffer *out, const struct setting *row)
{
    char least[TEXT_NUMBER_SIZE];
    if (row->type == &types_count && row->most)
        buffer_append_format(out, " from %lld to %lld", (long long)row->least, (long long)row->most);
    else if (row->type == &types_count && row->least)
        buffer_append_format(out, ", %lld or more", (long long)row->least);
    else if (row->type == &types_size && row->least > 1)
        buffer_append_format(out, ", %s or more", text_of_size(row->least, least));
}

static void document_value(struct buffer *out, const struct setting *row, bool in_cell)
{
    if (row->type == &types_choice) {
        document_choices(out, row);
        return;
    }
    buffer_append_text(out, row->type->name);
    if (row->values) {
        buffer_append_text(out, ": ");
        document_choices(out, row);
    }
    document_range(out, row);
    if (row->pattern && row->type->shape == TYPE_VALUE) {
        buffer_append_text(out, " matching `");
        if (in_cell)
            document_add(out, row->pattern);
        else
            buffer_append_text(out, row->pattern);
        buffer_append_text(out, "`");
    }
}

static void document_default(struct buffer *out, const struct setting *row)
{
    if (row->required)
        buffer_append_text(out, "required");
    else if (row->standard)
        buffer_append_format(out, "`%s`", row->standard);
    else if (row->computed)
        document_add(out, row->computed);
}

/* NULL, or the row at or above this one that is not built. */
static const struct setting *document_later(const struct setting *row)
{
    for (size_t size = strlen(row->path); size; size--) {
        const struct setting *above = row->path[size] == '.' || row->path[size] == '\0'
                                          ? setting_find(slice_of(row->path, size))
                                          : NULL;
        if (above && above->later)
            return above;
    }
    return NULL;
}

/* "`a` and `b`" of "a | b". */
static void document_built(struct buffer *out, const struct setting *row)
{
    struct slice rest = slice_of_text(row->harmless), built;
    const char *between = "";
    while (slice_next(&rest, '|', &built)) {
        struct slice value = slice_trim(built);
        buffer_append_format(out, "%s`" SLICE_FORMAT "`", between, SLICE_ARGUMENTS(value));
        between = " and ";
    }
}

static void document_row(struct buffer *out, const struct setting *row, const struct setting *top)
{
    const struct setting *later = document_later(row);
    buffer_append_text(out, "| `");
    document_path(out, row, top);
    buffer_append_text(out, "` | ");
    document_value(out, row, true);
    buffer_append_text(out, " | ");
    document_default(out, row);
    buffer_append_text(out, " | ");
    document_add(out, row->about);
    if (row->example && row->type->shape == TYPE_VALUE) {
        buffer_append_text(out, " Example: `");
        document_add(out, row->example);
        buffer_append_text(out, "`.");
    }
    if (later && later->harmless) {
        buffer_append_text(out, " **Not supported yet**, but for ");
        document_built(out, later);
        buffer_append_text(out, ".");
    } else if (later)
        buffer_append_text(out, " **Not supported yet.**");
    buffer_append_text(out, " |\n");
}

static void document_children(struct buffer *out, const struct setting *row, const struct setting *top)
{
    const struct setting *child = NULL;
    while ((child = setting_child(row, child))) {
        bool own =
            strncmp(child->path, row->path, strlen(row->path)) == 0; /* else it is told where it is from */
        bool item = slice_equal(setting_key(child), SLICE("*"));
        if (own && !item)
            document_row(out, child, top);
        if (own)
            document_children(out, child, top);
    }
}

static void document_top(struct buffer *out, const struct setting *row)
{
    buffer_append_format(out, "\n### `%s`\n\n%s%s\n", row->path, row->about,
                         row->later ? " **Not supported yet.**" : "");
    if (row->type->shape == TYPE_VALUE) {
        buffer_append_text(out, "\nValue: ");
        document_value(out, row, false);
        buffer_append_text(out, row->standard || row->computed ? ". Default: " : ". No default");
        document_default(out, row);
        buffer_append_text(out, ".\n");
    } else if (row->computed) {
        buffer_append_format(out, "\nDefault: %s.\n", row->computed);
    }
    if (row->short_form)
        buffer_append_format(out, "\nShort form: `%s: VALUE` sets `%s.%s`.\n", row->path, row->path,
                             row->short_form);
    if (row->example)
        buffer_append_format(out, "\n```yaml\n%s: %s\n```\n", row->path, row->example);
    if (row->type->shape == TYPE_VALUE)
        return;
    buffer_append_text(out, "\n| key | value | default | meaning |\n|---|---|---|---|\n");
    document_children(out, row, row);
}

char *document_markdown(void)
{
    struct buffer out = BUFFER(DOCUMENT_LIMIT);
    buffer_append_text(&out, document_head);
    const struct setting *row = NULL;
    while ((row = setting_child(NULL, row)))
        document_top(&out, row);
    char *text = slice_to_text(buffer_slice(&out));
    buffer_free(&out);
    return text;
}
