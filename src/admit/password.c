#include <crypt.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

#include "admit/password.h"

/* For a file without any hash. */
static const char password_nobody[] =
    "$y$j9T$AAAAAAAAAAAAAAAAAAAA..$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA.";

bool password_check(struct slice password, struct error *error)
{
    if (password.size < PASSWORD_LEAST)
        return error_set(error, "a password has at least %d characters; this one has %zu", PASSWORD_LEAST,
                         password.size);
    if (password.size > PASSWORD_MOST)
        return error_set(error, "a password has at most %d bytes; this one has %zu", PASSWORD_MOST,
                         password.size);
    if (memchr(password.data, '\0', password.size))
        return error_set(error, "a password has no NUL byte in it");
    return true;
}

/* Into `made`; false when crypt(3) cannot. */
static bool password_crypt(const char *password, const char *setting, char made[CRYPT_OUTPUT_SIZE])
{
    struct crypt_data *data = MEMORY_NEW(struct crypt_data);
    const char *result = crypt_rn(password, setting, data, sizeof *data);
    bool done = result && result[0] != '*';
    if (done)
        memcpy(made, result, strnlen(result, CRYPT_OUTPUT_SIZE - 1) + 1);
    explicit_bzero(data, sizeof *data);
    free(data);
    return done;
}

char *password_hash(const char *password, struct error *error)
{
    char setting[CRYPT_GENSALT_OUTPUT_SIZE], made[CRYPT_OUTPUT_SIZE] = "";
    if (!crypt_gensalt_rn("$y$", 0, NULL, 0, setting, sizeof setting) ||
        !password_crypt(password, setting, made)) {
        error_set(error, "the password cannot be hashed: %s", strerror(errno));
        return NULL;
    }
    return memory_text(made);
}

/* Users' costs may differ; a name that is not there looks like one that is, and always like the same one. */
static const char *password_stand_in(const struct users *users, const char *name)
{
    uint8_t digest[SEAL_SIZE];
    size_t start = 0;
    seal_digest(slice_of_text(name), digest);
    memcpy(&start, digest, sizeof start);
    for (size_t i = 0; i < users->count; i++) {
        const struct user *other = &users->items[(start + i) % users->count];
        if (!other->locked)
            return other->hash;
    }
    return password_nobody;
}

bool password_fits(const char *password, const struct users *users, const char *name)
{
    const struct user *user = users_find(users, name);
    bool open = user && !user->locked;
    const char *hash = open ? user->hash : password_stand_in(users, name);
    char made[CRYPT_OUTPUT_SIZE] = "";
    bool done = password_crypt(password, hash, made);
    size_t size = strlen(hash);
    bool same = strlen(made) == size && seal_equal(made, hash, size);
    explicit_bzero(made, sizeof made);
    return done && same && open;
}
