/* Signing in, seen from the keeper: a test is the keeper; started once more it is a gate that does what the
 * test says, or a password helper, the real one or one that does not behave (LC_ALL says how: dies, babbles,
 * hangs). */
#pragma once

#include "keep/accounts.h"
#include "keep/logins.h"
#include "wire/session.h"

#include "world.h"

enum { ANSWERS = 64 };

/* Her password is "password". */
#define ANN "ann:$y$j9T$F5Jx5fExrKuPp53xLKQ..1$tnSYvahCwPBHKZUspmcxMfb0.WiB9W.zEaKlOBL35rC:ops,mentors\n"

/* The kernel's clock, moved forward by hand. Its boot time, by which attempts have to wait, moves in no other
 * way: a slow machine waits no second of it by itself. */
struct moved_clock {
    struct clock clock;
    int64_t ahead_us;
    int64_t boottime_ms; /* at the beginning */
};

struct answer {
    uint32_t id;
    json_t *body;
};

struct keeper {
    struct world *world;
    struct moved_clock clock;
    struct journal journal;
    struct log log;
    struct gates *gates;
    struct accounts *accounts;
    struct logins *logins;
    bool served;
    unsigned gone;
    json_t *admission; /* told last */
    struct answer answers[ANSWERS];
    unsigned answer_count;
    char users[96];
};

/* The users file has this text from now on. */
void write_users(const struct keeper *keeper, const char *text);

/* A keeper with sign-in, ANN in its users file, and one gate that does what the test says. Its clock is the
 * loop's, so it outlives the world. */
void open_keeper(struct keeper *keeper, struct world *world);

void close_keeper(struct keeper *keeper);

/* Time goes by for the keeper; what is due then is done. */
void pass_ms(struct keeper *keeper, int64_t span_ms);

/* The gate does it: {do: "ask", id, question} | {do: "send", id, text} | {do: "close", id} | {do: "die"}. */
void order(struct keeper *keeper, json_t *body);

void ask(struct keeper *keeper, uint32_t id, const char *user);

void send_record(struct keeper *keeper, uint32_t id, const char *text);

/* The last answer to this question; NULL: none yet. */
const json_t *answer_to(const struct keeper *keeper, uint32_t id);

int status_of(const struct keeper *keeper, uint32_t id);

int wait_for_status(struct keeper *keeper, uint32_t id, int other_than);

/* The whole of it; the status. */
int sign_in(struct keeper *keeper, uint32_t id, const char *user, const char *password);

size_t sessions(const struct keeper *keeper);

/* Pids of password helpers among our children. */
int helpers(pid_t *pids);

int journal_rows(const struct keeper *keeper, const char *event);

/* The key that signs, of what the gate was told. */
struct session_key key_of(const json_t *admission);

/* How many sessions gates know to be taken back. */
size_t revoked(const struct keeper *keeper);

/* What a test's main() does first: this program started once more is a gate or a password helper. */
enum { NO_ROLE = -1 };
int role_of(int count, char **words);
