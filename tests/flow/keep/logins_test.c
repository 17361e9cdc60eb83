/* Signing in, seen from the keeper: this program is the keeper; started once more it is a gate that does what
 * the test says, or a password helper, the real one or one that does not behave. */
#include <dirent.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "admit/checker.h"
#include "admit/usersfile.h"
#include "keep/accounts.h"
#include "keep/logins.h"
#include "keep/operate_accounts.h"
#include "link/memfd.h"
#include "link/page.h"
#include "link/record.h"
#include "wire/session.h"

#include "world.h"

/* The test's own messages: what a gate is to do, what it has seen. */
enum { DO = 47, SEEN = 79 };
enum { CHANNEL_FD = 3, TICK_MS = 100, SOCKETS = 16, ANSWERS = 32 };

#define ANN                                                                                                     \
    "ann:$y$j9T$F5Jx5fExrKuPp53xLKQ..1$tnSYvahCwPBHKZUspmcxMfb0.WiB9W.zEaKlOBL35rC:ops,mentors\n" /* "password" \
                                                                                                   */

/* --- the gate ----------------------------------------------------------------------------------- */

struct puppet {
    int helpers[SOCKETS]; /* by the question's id */
    bool told;            /* who may pass */
};

static void puppet_say(enum message_type type, uint32_t id, json_t *body)
{
    channel_send_now(CHANNEL_FD, type, id, body, NULL, 0, 1000);
}

static void puppet_do(struct puppet *puppet, const json_t *body)
{
    const char *what = json_string_value(json_object_get(body, "do"));
    const char *text = json_string_value(json_object_get(body, "text"));
    uint32_t id = (uint32_t)json_integer_value(json_object_get(body, "id"));
    if (strcmp(what, "die") == 0)
        _exit(0);
    if (strcmp(what, "ask") == 0)
        puppet_say(MESSAGE_GATE_LOGIN, id, json_incref(json_object_get(body, "question")));
    if (strcmp(what, "send") == 0)
        record_send(puppet->helpers[id], &(struct record){.bytes = slice_of_text(text)});
    if (strcmp(what, "close") == 0)
        close(puppet->helpers[id]);
}

/* Everything that is not the test's goes back to it. */
static void puppet_obey(struct puppet *puppet, const struct channel_message *message)
{
    struct slice bytes = {0};
    json_int_t number = json_integer_value(json_object_get(message->body, "snapshot"));
    switch ((int)message->type) {
    case MESSAGE_GATE_HELLO: /* it never turns, and is not taken for hung */
        atomic_store(&page_map(message->descriptors[0], 1)->tick_ms, UINT64_MAX / 2);
        puppet_say(MESSAGE_GATE_READY, 0, json_pack("{s:i}", "slot", 0));
        break;
    case MESSAGE_GATE_PREPARE:
        puppet_say(MESSAGE_GATE_PREPARED, 0, json_pack("{s:I, s:b}", "snapshot", number, "ok", 1));
        break;
    case MESSAGE_GATE_COMMIT:
        if (!puppet->told)
            _exit(1);
        break;
    case MESSAGE_GATE_ADMISSION:
        puppet->told = memfd_map(message->descriptors[0], 1 << 20, &bytes) == 0;
        puppet_say((enum message_type)SEEN, 0, json_loadb(bytes.data, bytes.size, 0, NULL));
        break;
    case MESSAGE_GATE_LOGIN_ANSWER:
        if (message->descriptor_count)
            puppet->helpers[message->id] = message->descriptors[0];
        puppet_say((enum message_type)SEEN, message->id, json_incref(message->body));
        break;
    case DO:
        puppet_do(puppet, message->body);
        break;
    default:
        break;
    }
}

static int puppet_gate(void)
{
    struct puppet puppet = {0};
    for (;;) {
        struct channel_message message;
        int error = channel_receive_now(CHANNEL_FD, &message, TICK_MS);
        if (error == -EPIPE)
            return 0;
        if (error)
            continue;
        puppet_obey(&puppet, &message);
        json_decref(message.body);
    }
}

/* --- the helper --------------------------------------------------------------------------------- */

static int helper_of(char **words)
{
    const char *manner = getenv("LC_ALL"); /* which helpers inherit */
    if (strcmp(manner, "dies") == 0)
        return 3;
    if (strcmp(manner, "babbles") == 0)
        return channel_send_now(CHECKER_KEEPER_FD, MESSAGE_HELPER_VERDICT, 0, json_pack("{s:b}", "ok", 1),
                                NULL, 0, 1000);
    if (strcmp(manner, "hangs") == 0)
        for (;;)
            pause();
    const struct checker_start start = {.uid = (uid_t)atol(words[2]), .gid = (gid_t)atol(words[3])};
    checker_main(&start);
}

/* --- the keeper --------------------------------------------------------------------------------- */

/* The kernel's clock, moved forward by hand. */
struct moved_clock {
    struct clock clock;
    int64_t ahead_us;
};

static int64_t moved_us(const struct clock *clock)
{
    return clock_system.monotonic_us(&clock_system) +
           ((const struct moved_clock *)(const void *)clock)->ahead_us;
}

static int64_t moved_boottime_ms(const struct clock *clock)
{
    return clock_system.boottime_ms(&clock_system) +
           ((const struct moved_clock *)(const void *)clock)->ahead_us / 1000;
}

static int64_t moved_wall_ms(const struct clock *clock)
{
    return clock_system.wall_ms(&clock_system) +
           ((const struct moved_clock *)(const void *)clock)->ahead_us / 1000;
}

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

static void on_target(void *owner, const char *target, unsigned slot)
{
    (void)owner, (void)target, (void)slot;
}

static void on_slot_start(void *owner, unsigned slot)
{
    struct keeper *keeper = owner;
    accounts_tell(keeper->accounts, slot);
}

static void on_slot_gone(void *owner, unsigned slot)
{
    struct keeper *keeper = owner;
    logins_forget(keeper->logins, slot);
    keeper->gone++;
}

static bool on_message(void *owner, unsigned slot, struct channel_message *message)
{
    struct keeper *keeper = owner;
    if (message->type == MESSAGE_GATE_LOGIN) {
        logins_ask(keeper->logins, slot, message);
    } else if (message->id) {
        assert_true(keeper->answer_count < ANSWERS);
        keeper->answers[keeper->answer_count++] =
            (struct answer){.id = message->id, .body = json_incref(message->body)};
    } else {
        json_decref(keeper->admission);
        keeper->admission = json_incref(message->body);
    }
    return true;
}

static void on_gates_journal(void *owner, const char *event, const json_t *evidence)
{
    (void)owner, (void)event, (void)evidence;
}

static void on_served(void *owner, bool ok, const char *text)
{
    struct keeper *keeper = owner;
    if (!ok)
        fail_msg("%s", text);
    keeper->served = true;
}

static void on_ended(void *owner)
{
    (void)owner;
}

static void log_nowhere(void *sink, const char *line, size_t size)
{
    (void)sink;
    assert_null(memmem(line, size, "wrong password", strlen("wrong password"))); /* what tests type in */
}

static void write_users(const struct keeper *keeper, const char *text)
{
    FILE *out = fopen(keeper->users, "we");
    fputs(text, out);
    fclose(out);
}

static void open_gates(struct keeper *keeper)
{
    static const struct gates_events events = {.on_want = on_target,
                                               .on_unwant = on_target,
                                               .on_slot_start = on_slot_start,
                                               .on_slot_gone = on_slot_gone,
                                               .on_message = on_message,
                                               .on_journal = on_gates_journal,
                                               .on_served = on_served,
                                               .on_ended = on_ended};
    struct world *world = keeper->world;
    struct error error;
    const struct gates_settings settings = {
        .loop = world->loop,
        .log = &keeper->log,
        .name = "test",
        .state_directory = world->state,
        .runtime_directory = world->runtime,
        .workers = 1,
        .user = {.uid = getuid(), .gid = getgid()},
        .targets = world->targets,
        .events = &events,
        .owner = keeper,
    };
    keeper->gates = gates_new(&settings, &error);
    assert_non_null(keeper->gates);
}

static void serve(struct keeper *keeper)
{
    struct snapshot *snapshot = MEMORY_NEW(struct snapshot);
    snapshot->number = 1;
    snapshot->memfd = memfd_seal("reeve-test", slice_of_text("{}"));
    gates_serve(keeper->gates, snapshot);
    UNTIL(keeper->world, keeper->served && keeper->admission);
}

static void open_keeper(struct keeper *keeper, struct world *world)
{
    struct error error = {0};
    *keeper = (struct keeper){
        .world = world,
        .clock = {.clock = {moved_us, moved_boottime_ms, moved_wall_ms}},
        .log = {.clock = &clock_system, .write = log_nowhere},
    };
    loop_free(&world->loop);
    world->loop = loop_new(&keeper->clock.clock);
    assert_int_equal(loop_reap(world->loop, NULL, NULL), 0);
    keeper->journal = (struct journal){.clock = &keeper->clock.clock, .log = &keeper->log};
    snprintf(keeper->users, sizeof keeper->users, "%s/users", world->root);
    write_users(keeper, ANN);
    keep(world, "  api: {address: \"127.0.0.1:9\"}\n"
                "auth: {method: password, session: {lifetime: 1h, idle_timeout: 10m}}\n");
    setenv("LC_ALL", "C", 1);
    journal_open(&keeper->journal, world->state);
    open_gates(keeper);
    const struct accounts_settings settings = {
        .loop = world->loop,
        .log = &keeper->log,
        .config = world->config,
        .journal = &keeper->journal,
        .gates = keeper->gates,
        .user = {.uid = 65534, .gid = 65534},
    };
    keeper->accounts = accounts_new(&settings, &error);
    if (!keeper->accounts)
        fail_msg("%s", error.text);
    keeper->logins = logins_new(&settings, keeper->accounts);
    serve(keeper);
}

static void forget_answers(struct keeper *keeper)
{
    for (unsigned i = 0; i < keeper->answer_count; i++)
        json_decref(keeper->answers[i].body);
    keeper->answer_count = 0;
}

static void close_keeper(struct keeper *keeper)
{
    logins_free(&keeper->logins);
    gates_free(&keeper->gates);
    accounts_free(&keeper->accounts);
    journal_close(&keeper->journal);
    forget_answers(keeper);
    json_decref(keeper->admission);
    stop_all(keeper->world, true);
    while (waitpid(-1, NULL, WNOHANG) > 0)
        ;
}

/* --- what tests say and see ----------------------------------------------------------------------- */

/* Time goes by for the keeper; what is due then is done. */
static void pass_ms(struct keeper *keeper, int64_t span_ms)
{
    keeper->clock.ahead_us += span_ms * 1000;
    loop_step(keeper->world->loop, 0);
}

static void order(struct keeper *keeper, json_t *body)
{
    gates_send(keeper->gates, GATES_ALL,
               &(struct gates_message){.type = (enum message_type)DO, .body = body});
}

static void ask(struct keeper *keeper, uint32_t id, const char *user)
{
    order(keeper, json_pack("{s:s, s:i, s:{s:s, s:s}}", "do", "ask", "id", (int)id, "question", "user", user,
                            "address", "192.0.2.7"));
}

static void send_record(struct keeper *keeper, uint32_t id, const char *text)
{
    order(keeper, json_pack("{s:s, s:i, s:s}", "do", "send", "id", (int)id, "text", text));
}

/* The last answer to this question; NULL: none yet. */
static const json_t *answer_to(const struct keeper *keeper, uint32_t id)
{
    for (unsigned i = keeper->answer_count; i-- > 0;)
        if (keeper->answers[i].id == id)
            return keeper->answers[i].body;
    return NULL;
}

static int status_of(const struct keeper *keeper, uint32_t id)
{
    return (int)json_integer_value(json_object_get(answer_to(keeper, id), "status"));
}

static int wait_for_status(struct keeper *keeper, uint32_t id, int other_than)
{
    UNTIL(keeper->world, status_of(keeper, id) != other_than);
    return status_of(keeper, id);
}

/* The whole of it; the status. */
static int sign_in(struct keeper *keeper, uint32_t id, const char *user, const char *password)
{
    ask(keeper, id, user);
    int status = wait_for_status(keeper, id, 0);
    if (status != 100)
        return status;
    char *record = memory_format("{\"user\": \"%s\", \"password\": \"%s\"}", user, password);
    send_record(keeper, id, record);
    free(record);
    return wait_for_status(keeper, id, 100);
}

static size_t sessions(const struct keeper *keeper)
{
    json_t *rows = accounts_sessions(keeper->accounts);
    size_t count = json_array_size(rows);
    json_decref(rows);
    return count;
}

/* Pids of password helpers among our children. */
static int helpers(pid_t *pids)
{
    DIR *folder = opendir("/proc");
    int count = 0;
    struct dirent *entry;
    while ((entry = readdir(folder))) {
        char path[300], words[256] = "";
        pid_t pid = (pid_t)atol(entry->d_name);
        snprintf(path, sizeof path, "/proc/%s/cmdline", entry->d_name);
        int fd = pid > 0 && parent_of(pid) == getpid() ? open(path, O_RDONLY | O_CLOEXEC) : -1;
        if (fd >= 0 && read(fd, words, sizeof words - 1) > 0 && strcmp(words, "reeve-password") == 0)
            pids[count++] = pid;
        if (fd >= 0)
            close(fd);
    }
    closedir(folder);
    return count;
}

static int journal_rows(const struct keeper *keeper, const char *event)
{
    json_t *rows = journal_read(&keeper->journal, NULL, 1000);
    int count = 0;
    for (size_t i = 0; i < json_array_size(rows); i++)
        count += strcmp(json_string_value(json_object_get(json_array_get(rows, i), "event")), event) == 0;
    json_decref(rows);
    return count;
}

/* --- tests ---------------------------------------------------------------------------------------- */

static struct session_key key_of(const json_t *admission)
{
    struct session_key key = {0};
    size_t size = 0;
    const json_t *first = json_array_get(json_object_get(admission, "keys"), 0);
    key.id = (unsigned)json_integer_value(json_object_get(first, "id"));
    assert_true(
        seal_decode(slice_of_text(json_string_value(json_object_get(first, "key"))), key.bytes, &size));
    return key;
}

static void test_the_right_password_makes_a_session(void **state)
{
    static struct keeper keeper; /* its clock is the loop's to the end */
    open_keeper(&keeper, *state);
    assert_int_equal(sign_in(&keeper, 1, "ann", "password"), 200);
    const json_t *answer = answer_to(&keeper, 1);
    struct session_key key = key_of(keeper.admission);
    struct arena arena = ARENA(65536);
    struct session session;
    assert_true(session_open(slice_of_text(json_string_value(json_object_get(answer, "cookie"))), &key, 1,
                             &arena, &session));
    assert_string_equal(session.user, "ann");
    assert_int_equal(session.group_count, 2);
    assert_string_equal(session.groups[1], "mentors");
    assert_int_equal(session.expires_ms - session.issued_ms, 3600000);
    assert_int_equal(json_integer_value(json_object_get(answer, "max_age_s")), 3600);
    assert_string_equal(accounts_session_user(keeper.accounts, session.id), "ann");
    assert_int_equal(journal_rows(&keeper, "signed-in"), 1);
    assert_string_equal(json_string_value(json_object_get(keeper.admission, "method")), "password");
    assert_string_equal(json_string_value(json_object_get(keeper.admission, "cookie")), "reeve-test");
    assert_true(accounts_session_revoke(keeper.accounts, session.id, "ann"));
    UNTIL(keeper.world, json_array_size(json_object_get(keeper.admission, "revoked")) == 1);
    arena_free(&arena);
    close_keeper(&keeper);
}

static void test_wrong_users_and_wrong_passwords_are_one_answer(void **state)
{
    static struct keeper keeper; /* its clock is the loop's to the end */
    open_keeper(&keeper, *state);
    assert_int_equal(sign_in(&keeper, 1, "ann", "wrong password"), 401);
    assert_int_equal(sign_in(&keeper, 2, "nobody", "wrong password"), 401);
    assert_int_equal(sign_in(&keeper, 3, "ann", "short"), 401);
    assert_true(json_equal(answer_to(&keeper, 1), answer_to(&keeper, 2)));
    assert_true(json_equal(answer_to(&keeper, 1), answer_to(&keeper, 3)));
    /* A gate that asks for one name and tries another, and one that talks nonsense. */
    ask(&keeper, 4, "bob");
    assert_int_equal(wait_for_status(&keeper, 4, 0), 100);
    send_record(&keeper, 4, "{\"user\": \"ann\", \"password\": \"password\"}");
    assert_int_equal(wait_for_status(&keeper, 4, 100), 401);
    ask(&keeper, 5, "ann");
    assert_int_equal(wait_for_status(&keeper, 5, 0), 100);
    send_record(&keeper, 5, "let me in");
    assert_int_equal(wait_for_status(&keeper, 5, 100), 401);
    order(&keeper, json_pack("{s:s, s:i, s:{s:i}}", "do", "ask", "id", 6, "question", "user", 1));
    assert_int_equal(wait_for_status(&keeper, 6, 0), 401);
    assert_int_equal(sessions(&keeper), 0);
    assert_true(journal_rows(&keeper, "sign-in-failed") >= 1);
    close_keeper(&keeper);
}

/* Nothing of ours but its three descriptors; what a sanitizer reads at its start is closed soon. */
static bool has_only_its_own(pid_t pid)
{
    char path[64];
    int most = -1;
    snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
    DIR *folder = opendir(path);
    struct dirent *entry;
    while (folder && (entry = readdir(folder)))
        most = strtol(entry->d_name, NULL, 10) > most ? (int)strtol(entry->d_name, NULL, 10) : most;
    if (folder)
        closedir(folder);
    return most == CHECKER_USERS_FD;
}

/* No right of any kind. */
static void check_confined(pid_t pid)
{
    char path[64], status[8192] = "";
    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0 && read(fd, status, sizeof status - 1) > 0);
    close(fd);
    assert_non_null(strstr(status, "\nCapEff:\t0000000000000000\n"));
    if (getuid() == 0)
        assert_non_null(strstr(status, "\nUid:\t65534\t65534\t65534\t65534\n"));
}

static bool is_confined(pid_t pid)
{
    char path[64], status[8192] = "";
    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    bool read_it = fd >= 0 && read(fd, status, sizeof status - 1) > 0;
    if (fd >= 0)
        close(fd);
    return read_it && strstr(status, "\nNoNewPrivs:\t1\n");
}

static void test_four_at_once(void **state)
{
    static struct keeper keeper; /* its clock is the loop's to the end */
    pid_t pids[16];
    open_keeper(&keeper, *state);
    for (uint32_t id = 1; id <= 4; id++) {
        ask(&keeper, id, "ann");
        assert_int_equal(wait_for_status(&keeper, id, 0), 100);
    }
    ask(&keeper, 5, "ann");
    assert_int_equal(wait_for_status(&keeper, 5, 0), 503);
    assert_true(json_integer_value(json_object_get(answer_to(&keeper, 5), "retry_after_s")) >= 1);
    UNTIL(keeper.world, helpers(pids) == 4);
    for (int i = 0; i < 4; i++) {
        UNTIL(keeper.world, is_confined(pids[i]) && (getuid() != 0 || has_only_its_own(pids[i])));
        check_confined(pids[i]);
        assert_true(logins_has(keeper.logins, pids[i]));
    }
    assert_false(logins_has(keeper.logins, getpid()));
    for (uint32_t id = 1; id <= 4; id++) { /* the clients leave */
        order(&keeper, json_pack("{s:s, s:i}", "do", "close", "id", (int)id));
        assert_int_equal(wait_for_status(&keeper, id, 100), 401);
    }
    UNTIL(keeper.world, helpers(pids) == 0);
    assert_int_equal(sign_in(&keeper, 6, "ann", "password"), 200); /* nothing of it counted */
    close_keeper(&keeper);
}

static void test_helpers_that_fail(void **state)
{
    static const char *const manners[] = {"dies", "babbles"};
    static struct keeper keeper; /* its clock is the loop's to the end */
    pid_t pids[16];
    open_keeper(&keeper, *state);
    for (uint32_t id = 1; id <= 2; id++) {
        setenv("LC_ALL", manners[id - 1], 1);
        ask(&keeper, id, "ann");
        UNTIL(keeper.world, status_of(&keeper, id) == 503);
        UNTIL(keeper.world, helpers(pids) == 0);
    }
    setenv("LC_ALL", "hangs", 1);
    ask(&keeper, 3, "ann");
    assert_int_equal(wait_for_status(&keeper, 3, 0), 100);
    UNTIL(keeper.world, helpers(pids) == 1);
    pass_ms(&keeper, 10001);
    UNTIL(keeper.world, status_of(&keeper, 3) == 503);
    UNTIL(keeper.world, helpers(pids) == 0);
    assert_int_equal(journal_rows(&keeper, "helper-killed"), 1);
    setenv("LC_ALL", "C", 1);
    write_users(&keeper, "ann\n"); /* then nobody can be checked */
    assert_int_equal(sign_in(&keeper, 4, "ann", "password"), 503);
    write_users(&keeper, ANN);
    assert_int_equal(sign_in(&keeper, 5, "ann", "password"), 200);
    close_keeper(&keeper);
}

static void test_a_gate_that_dies_in_between(void **state)
{
    static struct keeper keeper; /* its clock is the loop's to the end */
    pid_t pids[16];
    open_keeper(&keeper, *state);
    setenv("LC_ALL", "hangs", 1);
    for (uint32_t id = 1; id <= 4; id++) {
        ask(&keeper, id, "ann");
        assert_int_equal(wait_for_status(&keeper, id, 0), 100);
    }
    setenv("LC_ALL", "C", 1);
    json_decref(keeper.admission);
    keeper.admission = NULL;
    order(&keeper, json_pack("{s:s}", "do", "die"));
    UNTIL(keeper.world, keeper.gone == 1 && helpers(pids) == 0);
    UNTIL(keeper.world, keeper.admission); /* the next one knows who may pass */
    assert_int_equal(sign_in(&keeper, 5, "ann", "password"), 200);
    close_keeper(&keeper);
}

static void test_failures_in_a_row_have_to_wait(void **state)
{
    static struct keeper keeper; /* its clock is the loop's to the end */
    open_keeper(&keeper, *state);
    for (uint32_t id = 1; id <= 5; id++)
        assert_int_equal(sign_in(&keeper, id, "ann", "wrong password"), 401);
    assert_int_equal(sign_in(&keeper, 6, "ann", "password"), 429);
    assert_int_equal(json_integer_value(json_object_get(answer_to(&keeper, 6), "retry_after_s")), 1);
    pass_ms(&keeper, 1000);
    assert_int_equal(sign_in(&keeper, 7, "ann", "password"), 200);
    assert_int_equal(sign_in(&keeper, 8, "ann", "password"), 200);
    close_keeper(&keeper);
}

static size_t revoked(const struct keeper *keeper)
{
    return json_array_size(json_object_get(keeper->admission, "revoked"));
}

static void test_users_who_change_are_signed_out(void **state)
{
    static struct keeper keeper; /* its clock is the loop's to the end */
    struct error error;
    open_keeper(&keeper, *state);
    assert_int_equal(sign_in(&keeper, 1, "ann", "password"), 200);
    assert_int_equal(usersfile_change(keeper.users, "bob", "bob:*:ops", &error), USERSFILE_ADDED);
    pass_ms(&keeper, 1000);
    assert_int_equal(sessions(&keeper), 1);
    assert_int_equal(usersfile_change(keeper.users, "ann", NULL, &error), USERSFILE_REMOVED);
    pass_ms(&keeper, 1000);
    UNTIL(keeper.world, revoked(&keeper) == 1);
    assert_int_equal(sessions(&keeper), 0);
    write_users(&keeper, ANN); /* the same line is not another sign-in */
    pass_ms(&keeper, 1000);
    assert_int_equal(sessions(&keeper), 0);
    assert_int_equal(sign_in(&keeper, 2, "ann", "password"), 200);
    pass_ms(&keeper, 600000); /* idle */
    UNTIL(keeper.world, revoked(&keeper) == 2);
    close_keeper(&keeper);
}

static void test_a_database_that_fails_keeps_new_ones_out(void **state)
{
    static struct keeper keeper; /* its clock is the loop's to the end */
    open_keeper(&keeper, *state);
    assert_int_equal(sign_in(&keeper, 1, "ann", "password"), 200);
    journal_close(&keeper.journal);
    assert_int_equal(sign_in(&keeper, 2, "ann", "password"), 503);
    pass_ms(&keeper, 1000);
    assert_int_equal(sessions(&keeper), 1);
    assert_int_equal(revoked(&keeper), 0);
    close_keeper(&keeper);
}

static void test_tokens_come_and_go(void **state)
{
    static struct keeper keeper; /* its clock is the loop's to the end */
    struct error error;
    struct tokens_made made;
    open_keeper(&keeper, *state);
    struct accounts_token ci = {.name = "ci", .expires_in_ms = 5000}, backup = {.name = "backup"};
    assert_int_equal(accounts_token_create(keeper.accounts, &ci, "uid 0", &made, &error), 201);
    assert_int_equal(accounts_token_create(keeper.accounts, &backup, "uid 0", &made, &error), 201);
    UNTIL(keeper.world, json_array_size(json_object_get(keeper.admission, "tokens")) == 2);
    const json_t *row = json_array_get(json_object_get(keeper.admission, "tokens"), 0);
    assert_int_equal(json_integer_value(json_object_get(row, "expires")), ci.expires_ms);
    assert_int_equal(json_string_length(json_object_get(row, "sha256")), 64);
    pass_ms(&keeper, 5000);
    UNTIL(keeper.world, json_array_size(json_object_get(keeper.admission, "tokens")) == 1);
    journal_close(&keeper.journal); /* taken back all the same */
    assert_int_equal(accounts_token_revoke(keeper.accounts, "backup", "uid 0", &error), 503);
    UNTIL(keeper.world, json_array_size(json_object_get(keeper.admission, "tokens")) == 0);
    close_keeper(&keeper);
}

/* --- what gates and the command ask ----------------------------------------------------------------- */

struct reply {
    int status;
    json_t *body;
};

static void on_reply(void *owner, int status, json_t *body)
{
    struct reply *reply = owner;
    json_decref(reply->body);
    *reply = (struct reply){status, body};
}

/* The status; the body stays in `reply`. */
static int operate(struct operations *operations, const char *name, const struct principal *who,
                   json_t *arguments, struct reply *reply)
{
    const struct operation_request request = {.name = name, .arguments = arguments, .who = who};
    reply->status = 0;
    operations_ask(operations, &request, on_reply, reply);
    json_decref(arguments);
    return reply->status;
}

static const char *first_session(const struct reply *reply)
{
    return json_string_value(
        json_object_get(json_array_get(json_object_get(reply->body, "sessions"), 0), "id"));
}

static void test_operations(void **state)
{
    static struct keeper keeper; /* its clock is the loop's to the end */
    const struct principal command = {.kind = PRINCIPAL_OPERATOR, .credential = "uid 0"};
    struct principal ann = {.kind = PRINCIPAL_SESSION, .user = "ann"};
    struct reply reply = {0};
    char id[SESSIONS_ID_SIZE];
    open_keeper(&keeper, *state);
    struct operations *operations = operations_new(&(struct operations_settings){.log = &keeper.log});
    operate_accounts(operations, keeper.accounts);
    assert_int_equal(sign_in(&keeper, 1, "ann", "password"), 200);
    assert_int_equal(operate(operations, "users", &command, NULL, &reply), 200);
    assert_int_equal(json_array_size(json_object_get(reply.body, "users")), 1);
    assert_int_equal(operate(operations, "sessions", &command, NULL, &reply), 200);
    snprintf(id, sizeof id, "%s", first_session(&reply));
    ann.credential = id;
    /* Nobody looks at others, or signs them out; a gate reports use only of who asks. */
    assert_int_equal(operate(operations, "sessions", &ann, NULL, &reply), 403);
    assert_int_equal(operate(operations, "session-revoke", &ann, json_pack("{s:s}", "id", id), &reply), 403);
    assert_int_equal(operate(operations, "session-used", &ann, NULL, &reply), 200);
    assert_int_equal(operate(operations, "session-used", &principal_nobody, NULL, &reply), 404);
    assert_int_equal(operate(operations, "sign-out", &principal_nobody, NULL, &reply), 200);
    assert_int_equal(sessions(&keeper), 1);
    assert_int_equal(operate(operations, "sign-out", &ann, NULL, &reply), 200);
    assert_int_equal(sessions(&keeper), 0);
    assert_int_equal(operate(operations, "session-used", &ann, NULL, &reply), 404);
    assert_int_equal(operate(operations, "session-revoke", &command, json_pack("{s:s}", "id", id), &reply),
                     404);
    assert_int_equal(operate(operations, "session-revoke", &command, NULL, &reply), 422);
    assert_int_equal(operate(operations, "token-create", &command, NULL, &reply), 422);
    assert_int_equal(operate(operations, "token-create", &command,
                             json_pack("{s:s, s:i}", "name", "ci", "expires_ms", -1), &reply),
                     422);
    assert_int_equal(operate(operations, "token-create", &command,
                             json_pack("{s:s, s:i}", "name", "ci", "expires_ms", 1000), &reply),
                     201);
    assert_int_equal(json_string_length(json_object_get(reply.body, "token")), 49);
    assert_int_equal(operate(operations, "tokens", &command, NULL, &reply), 200);
    assert_int_equal(operate(operations, "token-revoke", &command, json_pack("{s:s}", "name", "ci"), &reply),
                     200);
    assert_int_equal(operate(operations, "token-revoke", &command, json_pack("{s:s}", "name", "ci"), &reply),
                     404);
    json_decref(reply.body);
    operations_free(&operations);
    close_keeper(&keeper);
}

/* Another configuration: sign-in goes and comes back, and who was in is in again. */
static void test_reload(void **state)
{
    static struct keeper keeper; /* its clock is the loop's to the end */
    open_keeper(&keeper, *state);
    assert_int_equal(sign_in(&keeper, 1, "ann", "password"), 200);
    struct session_key key = key_of(keeper.admission);
    struct config without = *keeper.world->config;
    without.auth.method = CONFIG_AUTH_NONE;
    accounts_reload(keeper.accounts, &without);
    UNTIL(keeper.world, json_array_size(json_object_get(keeper.admission, "keys")) == 0);
    assert_int_equal(sign_in(&keeper, 2, "ann", "password"), 503);
    accounts_reload(keeper.accounts, keeper.world->config);
    UNTIL(keeper.world, json_array_size(json_object_get(keeper.admission, "keys")) == 1);
    struct session_key again = key_of(keeper.admission);
    assert_memory_equal(&key, &again, sizeof key);
    assert_int_equal(sessions(&keeper), 1);
    assert_int_equal(sign_in(&keeper, 3, "ann", "password"), 200);
    close_keeper(&keeper);
}

int main(int count, char **words)
{
    if (count > 1 && strcmp(words[1], "__gate") == 0)
        return puppet_gate();
    if (count == 4 && strcmp(words[1], "__password") == 0)
        return helper_of(words);
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_the_right_password_makes_a_session),
        TEST(test_wrong_users_and_wrong_passwords_are_one_answer),
        TEST(test_four_at_once),
        TEST(test_helpers_that_fail),
        TEST(test_a_gate_that_dies_in_between),
        TEST(test_failures_in_a_row_have_to_wait),
        TEST(test_users_who_change_are_signed_out),
        TEST(test_a_database_that_fails_keeps_new_ones_out),
        TEST(test_tokens_come_and_go),
        TEST(test_operations),
        TEST(test_reload),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
