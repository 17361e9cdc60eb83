#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/memory.h"

#include "admit/users.h"

enum { USERS_NAME_MOST = 64, USERS_HASH_MOST = 384 };

/* All texts are in the arena, so that users_free() finds them in one place. */
struct users_memory {
    struct users users; /* first */
    struct arena arena;
    char *text; /* the file's, cut into its parts */
    size_t size;
};

/* --- names, groups, hashes ---------------------------------------------------------------------------------
 */

static bool users_is_letter(char byte, const char *others)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9') ||
           (byte && strchr(others, byte));
}

static bool users_is_word(struct slice word, const char *others)
{
    if (word.size == 0 || word.size > USERS_NAME_MOST || !users_is_letter(word.data[0], "_"))
        return false;
    for (size_t i = 1; i < word.size; i++)
        if (!users_is_letter(word.data[i], others))
            return false;
    return true;
}

bool users_check_name(struct slice name, struct error *error)
{
    return users_is_word(name, "._@-") ||
           error_set(error,
                     "a user's name is 1 to 64 letters, digits and . _ @ - and begins with a letter, a digit "
                     "or _");
}

bool users_check_group(struct slice group, struct error *error)
{
    return users_is_word(group, "._-") ||
           error_set(error,
                     "a group's name is 1 to 64 letters, digits and . _ - and begins with a letter, a digit "
                     "or _");
}

static bool users_is_locked(struct slice hash)
{
    return hash.size && (hash.data[0] == '!' || hash.data[0] == '*');
}

/* crypt(5): "$y$" parameters "$" salt "$" hash, all of the letters of its base 64. */
static bool users_is_hash(struct slice hash)
{
    size_t dollars = 0;
    for (size_t i = 0; i < hash.size; i++) {
        if (!users_is_letter(hash.data[i], users_is_locked(hash) ? "./$!*" : "./$"))
            return false;
        dollars += hash.data[i] == '$';
    }
    return hash.size <= USERS_HASH_MOST &&
           (users_is_locked(hash) || (slice_starts_with(hash, SLICE("$y$")) && dollars == 4));
}

/* --- reading -----------------------------------------------------------------------------------------------
 */

struct users_reader {
    struct users_memory *memory;
    const char *name;
    size_t line;
    struct error *error;
};

#define USERS_BAD(reader, format, ...)                                                                       \
    error_set((reader)->error, "%s:%zu: " format, (reader)->name, (reader)->line __VA_OPT__(, ) __VA_ARGS__)

/* The piece lies in our copy of the file, so its end can be marked there. */
static const char *users_cut(struct slice piece)
{
    char *text = (char *)(uintptr_t)piece.data;
    text[piece.size] = '\0';
    return text;
}

static bool users_read_groups(struct users_reader *reader, struct slice text, struct user *user)
{
    const char *groups[USERS_GROUPS_MOST];
    struct error why;
    struct slice group;
    if (text.size > USERS_GROUPS_SIZE_MOST)
        return USERS_BAD(reader, "the groups of \"%s\" are too long; at most %d characters", user->name,
                         USERS_GROUPS_SIZE_MOST);
    for (struct slice rest = text; text.size && slice_next(&rest, ',', &group);) {
        if (!users_check_group(group, &why))
            return USERS_BAD(reader, "a group of \"%s\" has no fit name: %s", user->name, why.text);
        if (user->group_count == USERS_GROUPS_MOST)
            return USERS_BAD(reader, "\"%s\" is in too many groups; at most %d", user->name,
                             USERS_GROUPS_MOST);
        groups[user->group_count++] = users_cut(group);
    }
    size_t size = sizeof groups[0] * user->group_count;
    const char **kept = arena_new(&reader->memory->arena, size);
    if (size)
        memcpy(kept, groups, size);
    user->groups = kept;
    return true;
}

static bool users_read_line(struct users_reader *reader, struct slice line, struct user *user)
{
    struct slice rest = line, name, hash = {0}, groups = {0};
    struct error why;
    uint8_t digest[SEAL_SIZE];
    seal_digest(line, digest);
    slice_next(&rest, ':', &name);
    if (!users_check_name(name, &why))
        return USERS_BAD(reader, "%s", why.text);
    if (!slice_next(&rest, ':', &hash))
        return USERS_BAD(reader, "expected NAME:HASH:GROUPS, found no colon after the name");
    slice_next(&rest, ':', &groups);
    *user = (struct user){.name = users_cut(name), .line = reader->line, .locked = users_is_locked(hash)};
    if (rest.data)
        return USERS_BAD(reader, "expected NAME:HASH:GROUPS, found a third colon");
    if (!users_is_hash(hash))
        return USERS_BAD(reader,
                         "the password of \"%s\" is no yescrypt hash ($y$...); `reeve user add %s` makes one",
                         user->name, user->name);
    user->hash = users_cut(hash);
    seal_to_hex(digest, user->stamp);
    return users_read_groups(reader, groups, user);
}

static bool users_take_line(struct users_reader *reader, struct slice line)
{
    struct users *users = &reader->memory->users;
    struct slice trimmed = slice_trim(line);
    if (trimmed.size == 0 || trimmed.data[0] == '#')
        return true;
    if (users->count == USERS_MOST)
        return USERS_BAD(reader, "more than %d users", USERS_MOST);
    struct user user;
    if (!users_read_line(reader, trimmed, &user))
        return false;
    if ((users->count & (users->count - 1)) == 0) /* the capacity is the next power of two */
        users->items = memory_resize(users->items, sizeof user * (users->count ? 2 * users->count : 1));
    users->items[users->count++] = user;
    return true;
}

static int users_compare(const void *a, const void *b)
{
    const struct user *const *one = a, *const *other = b;
    int order = strcmp((*one)->name, (*other)->name);
    return order ? order : (int)(*one)->line - (int)(*other)->line;
}

static bool users_differ(struct users_reader *reader)
{
    const struct users *users = &reader->memory->users;
    const struct user **sorted = MEMORY_ARRAY(const struct user *, users->count + 1);
    bool good = true;
    for (size_t i = 0; i < users->count; i++)
        sorted[i] = &users->items[i];
    qsort(sorted, users->count, sizeof(const struct user *), users_compare);
    for (size_t i = 1; good && i < users->count; i++) {
        reader->line = sorted[i]->line;
        if (strcmp(sorted[i - 1]->name, sorted[i]->name) == 0)
            good = USERS_BAD(reader, "\"%s\" is in line %zu already", sorted[i]->name, sorted[i - 1]->line);
    }
    free(sorted);
    return good;
}

struct users *users_parse(struct slice text, const char *name, struct error *error)
{
    struct users_memory *memory = MEMORY_NEW(struct users_memory);
    *memory = (struct users_memory){
        .arena = ARENA(SIZE_MAX), .text = memory_text_of(text.data, text.size), .size = text.size};
    struct users_reader reader = {.memory = memory, .name = name, .error = error};
    struct users *users = &memory->users;
    bool good =
        text.size <= USERS_FILE_MOST || error_set(error, "%s is larger than %d bytes", name, USERS_FILE_MOST);
    struct slice rest = slice_of(memory->text, text.size), line;
    while (good && slice_next(&rest, '\n', &line)) {
        reader.line++;
        good = users_take_line(&reader, line);
    }
    if (!good || !users_differ(&reader))
        users_free(&users);
    return users;
}

const struct user *users_find(const struct users *users, const char *name)
{
    for (size_t i = 0; i < users->count; i++)
        if (strcmp(users->items[i].name, name) == 0)
            return &users->items[i];
    return NULL;
}

void users_free(struct users **users)
{
    struct users_memory *memory = (struct users_memory *)(void *)*users;
    if (!memory)
        return;
    seal_wipe(memory->text, memory->size);
    free(memory->text);
    free(memory->users.items);
    arena_free(&memory->arena);
    free(memory);
    *users = NULL;
}

/* --- writing -----------------------------------------------------------------------------------------------
 */

char *users_line(const char *name, const char *hash, const char *const *groups, size_t group_count)
{
    struct buffer out = BUFFER(USERS_FILE_MOST);
    buffer_append_format(&out, "%s:%s:", name, hash);
    for (size_t i = 0; i < group_count; i++)
        buffer_append_format(&out, "%s%s", i ? "," : "", groups[i]);
    char *line = slice_to_text(buffer_slice(&out));
    buffer_free(&out);
    return line;
}

char *users_edit(struct slice text, const char *name, const char *line)
{
    struct buffer out = BUFFER(SIZE_MAX / 2);
    struct slice rest = slice_of(text.data ? text.data : "", text.size), old, its;
    while (rest.size && slice_next(&rest, '\n', &old)) {
        struct slice fields = slice_trim(old);
        bool is_user = fields.size && slice_next(&fields, ':', &its) && slice_equal(its, slice_of_text(name));
        if (!is_user) {
            buffer_append(&out, old);
            buffer_append_text(&out, "\n");
        } else if (line) {
            buffer_append_format(&out, "%s\n", line);
            line = NULL;
        }
    }
    if (line)
        buffer_append_format(&out, "%s\n", line);
    char *edited = slice_to_text(buffer_slice(&out));
    buffer_free(&out);
    return edited;
}
