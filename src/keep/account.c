/* getpwnam(3) with a buffer that grows to a cap. */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"

#include "keep/account.h"

enum { ACCOUNT_BUFFER_LARGEST = 1 << 20, ACCOUNT_GROUPS_MOST = 65536 };

static void account_set_groups(struct account *account, const char *name)
{
    int room = 32;
    int count;
    do {
        count = room;
        account->groups = memory_resize(account->groups, (size_t)room * sizeof *account->groups);
        if (getgrouplist(name, account->gid, account->groups, &count) >= 0)
            break;
        room = count > room ? count : room * 2;
    } while (room <= ACCOUNT_GROUPS_MOST);
    account->group_count = count < room ? count : room;
}

static void account_set(struct account *account, const struct passwd *entry)
{
    *account = (struct account){
        .uid = entry->pw_uid,
        .gid = entry->pw_gid,
        .name = memory_text(entry->pw_name),
        .home = memory_text(entry->pw_dir[0] ? entry->pw_dir : "/"),
        .shell = memory_text(entry->pw_shell[0] ? entry->pw_shell : "/bin/sh"),
    };
    account_set_groups(account, entry->pw_name);
}

/* Asks by name, or by uid when `name` is NULL. 0, -ENOENT or -errno. */
static int account_ask(const char *name, uid_t uid, struct account *account)
{
    size_t size = 4096;
    char *buffer = NULL;
    struct passwd entry;
    struct passwd *found = NULL;
    int error = ERANGE;
    for (; error == ERANGE && size <= ACCOUNT_BUFFER_LARGEST; size *= 2) {
        buffer = memory_resize(buffer, size);
        error = name ? getpwnam_r(name, &entry, buffer, size, &found)
                     : getpwuid_r(uid, &entry, buffer, size, &found);
    }
    if (!error && found)
        account_set(account, found);
    free(buffer);
    return error ? -error : found ? 0 : -ENOENT;
}

bool account_find(const char *name, struct account *account, struct error *error)
{
    int failed = account_ask(name, 0, account);
    if (failed == 0)
        return true;
    *account = (struct account){0};
    return failed == -ENOENT ? error_set(error, "there is no user `%s` on this machine", name)
                             : error_set(error, "cannot look up the user `%s`: %s", name, strerror(-failed));
}

void account_own(struct account *account)
{
    if (account_ask(NULL, geteuid(), account) == 0)
        return;
    *account = (struct account){
        .uid = geteuid(),
        .gid = getegid(),
        .name = memory_format("%u", (unsigned)geteuid()),
        .home = memory_text("/"),
        .shell = memory_text("/bin/sh"),
    };
}

static const char *account_lookup(void *owner, struct slice name)
{
    const struct instance *instance = owner;
    return instance && slice_equal(name, SLICE("id")) ? instance->id : NULL;
}

bool account_of(const struct config_service *service, const struct instance *instance,
                struct account *account, struct error *error)
{
    *account = (struct account){0};
    if (!service->user) {
        account_own(account);
        return true;
    }
    char *name = config_expand(service->user, account_lookup, (void *)(uintptr_t)instance, error);
    bool found = name && account_find(name, account, error);
    if (found && strchr(service->user, '$') && account->uid < ACCOUNT_FIRST_PERSON) {
        account_free(account);
        found = error_set(error, "`%s` is no account of a person: its uid is below %d", name,
                          ACCOUNT_FIRST_PERSON);
    }
    free(name);
    return found;
}

void account_free(struct account *account)
{
    free(account->groups);
    free(account->name);
    free(account->home);
    free(account->shell);
    *account = (struct account){0};
}
