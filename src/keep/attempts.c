#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <uthash.h>

#include "base/memory.h"

#include "keep/attempts.h"

enum {
    ATTEMPTS_KEYS_MOST = 4096, /* of each kind; then the one that failed longest ago is forgotten */
    ATTEMPTS_BURST = 100,
    ATTEMPTS_EACH_MS = 100, /* one more of all together */
    ATTEMPTS_KEY_SIZE = 256,
    ATTEMPTS_NETWORK_BYTES = 8, /* what one customer has of IPv6 */
};

const struct attempts_policy attempts_for_user = {
    .free = 5, .first_ms = 1000, .most_ms = 60000, .forget_ms = 900000};
const struct attempts_policy attempts_for_address = {
    .free = 20, .first_ms = 1000, .most_ms = 300000, .forget_ms = 900000};

/* What is known of one name or address. */
struct attempts_key {
    char key[ATTEMPTS_KEY_SIZE];
    unsigned failures; /* in a row */
    int64_t last_ms;
    UT_hash_handle hh; /* in the order of the last failure */
};

struct attempts {
    struct attempts_key *users;
    struct attempts_key *addresses;
    int64_t full_ms; /* when all together have their burst again */
};

struct attempts *attempts_new(void)
{
    return MEMORY_NEW(struct attempts);
}

static void attempts_forget(struct attempts_key **keys, struct attempts_key *key)
{
    HASH_DEL(*keys, key);
    free(key);
}

static void attempts_forget_all(struct attempts_key **keys)
{
    while (*keys)
        attempts_forget(keys, *keys);
}

void attempts_free(struct attempts **attempts)
{
    if (!*attempts)
        return;
    attempts_forget_all(&(*attempts)->users);
    attempts_forget_all(&(*attempts)->addresses);
    free(*attempts);
    *attempts = NULL;
}

int64_t attempts_wait(const struct attempts_policy *policy, unsigned failures)
{
    int64_t wait = policy->first_ms;
    if (failures < policy->free)
        return 0;
    for (unsigned i = policy->free; i < failures && wait < policy->most_ms; i++)
        wait *= 2;
    return wait < policy->most_ms ? wait : policy->most_ms;
}

/* An IPv6 address as its network: whoever has one has them all. */
static void attempts_address_key(const char *address, char key[ATTEMPTS_KEY_SIZE])
{
    unsigned char bytes[sizeof(struct in6_addr)];
    snprintf(key, ATTEMPTS_KEY_SIZE, "%s", address);
    if (inet_pton(AF_INET6, address, bytes) != 1)
        return;
    memset(bytes + ATTEMPTS_NETWORK_BYTES, 0, sizeof bytes - ATTEMPTS_NETWORK_BYTES);
    inet_ntop(AF_INET6, bytes, key, ATTEMPTS_KEY_SIZE);
}

static struct attempts_key *attempts_find(struct attempts_key *keys, const char *text)
{
    struct attempts_key *key = NULL;
    HASH_FIND_STR(keys, text, key);
    return key;
}

static int64_t attempts_key_wait(struct attempts_key *key, const struct attempts_policy *policy,
                                 int64_t now_ms)
{
    if (!key)
        return 0;
    if (now_ms - key->last_ms >= policy->forget_ms)
        key->failures = 0;
    int64_t wait = key->last_ms + attempts_wait(policy, key->failures) - now_ms;
    return wait > 0 ? wait : 0;
}

static void attempts_count(struct attempts_key **keys, const char *text, int64_t now_ms)
{
    struct attempts_key *key = attempts_find(*keys, text);
    if (key) {
        HASH_DEL(*keys, key); /* and to the end */
    } else {
        if (HASH_COUNT(*keys) >= ATTEMPTS_KEYS_MOST)
            attempts_forget(keys, *keys);
        key = MEMORY_NEW(struct attempts_key);
        snprintf(key->key, sizeof key->key, "%s", text);
    }
    key->failures++;
    key->last_ms = now_ms;
    HASH_ADD_STR(*keys, key, key);
}

/* All together: a bucket that is full again at full_ms. */
static int64_t attempts_all_wait(const struct attempts *attempts, int64_t now_ms)
{
    int64_t missing_ms = attempts->full_ms - now_ms;
    int64_t wait = missing_ms - (ATTEMPTS_BURST - 1) * ATTEMPTS_EACH_MS;
    return wait > 0 ? wait : 0;
}

struct attempts_answer attempts_begin(struct attempts *attempts, const char *user, const char *address,
                                      int64_t now_ms)
{
    char network[ATTEMPTS_KEY_SIZE], name[ATTEMPTS_KEY_SIZE];
    attempts_address_key(address, network);
    snprintf(name, sizeof name, "%s", user);
    struct attempts_key *of_user = attempts_find(attempts->users, name);
    struct attempts_key *of_address = attempts_find(attempts->addresses, network);
    const struct attempts_answer answers[] = {
        {ATTEMPTS_ADDRESS, attempts_key_wait(of_address, &attempts_for_address, now_ms)},
        {ATTEMPTS_USER, attempts_key_wait(of_user, &attempts_for_user, now_ms)},
        {ATTEMPTS_ALL, attempts_all_wait(attempts, now_ms)},
    };
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++)
        if (answers[i].wait_ms > 0)
            return answers[i];
    attempts_count(&attempts->users, name, now_ms);
    attempts_count(&attempts->addresses, network, now_ms);
    attempts->full_ms = (attempts->full_ms > now_ms ? attempts->full_ms : now_ms) + ATTEMPTS_EACH_MS;
    return (struct attempts_answer){ATTEMPTS_NONE, 0};
}

static void attempts_give_back(struct attempts_key *keys, const char *text)
{
    struct attempts_key *key = attempts_find(keys, text);
    if (key && key->failures > 0)
        key->failures--;
}

void attempts_leave(struct attempts *attempts, const char *user)
{
    char name[ATTEMPTS_KEY_SIZE];
    snprintf(name, sizeof name, "%s", user);
    attempts_give_back(attempts->users, name);
}

void attempts_take_back(struct attempts *attempts, const char *user, const char *address)
{
    char network[ATTEMPTS_KEY_SIZE];
    attempts_address_key(address, network);
    attempts_leave(attempts, user);
    attempts_give_back(attempts->addresses, network);
}

void attempts_succeed(struct attempts *attempts, const char *user, const char *address)
{
    char name[ATTEMPTS_KEY_SIZE];
    snprintf(name, sizeof name, "%s", user);
    attempts_take_back(attempts, user, address);
    struct attempts_key *key = attempts_find(attempts->users, name);
    if (key)
        attempts_forget(&attempts->users, key);
}
