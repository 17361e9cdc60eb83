#include <dirent.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "admit/checker.h"
#include "link/memfd.h"
#include "link/page.h"
#include "link/record.h"

#include "sign_in.h"

/* The test's own messages: what a gate is to do, what it has seen. */
enum { DO = 47, SEEN = 79 };
enum { CHANNEL_FD = 3, TICK_MS = 100, SOCKETS = 32 };

/* --- the gate ----------------------------------------------------------------------------------- */

struct puppet {
    int helpers[SOCKETS]; /* by the question's id */
    bool told;            /* who may pass */
};

static void puppet_say(enum message_type type, uint32_t id, json_t *body)
{
    channel_send_now(CHANNEL_FD, type, id, body, NULL, 0, PATIENCE_MS);
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
                                NULL, 0, PATIENCE_MS);
    if (strcmp(manner, "hangs") == 0)
        for (;;)
            pause();
    const struct checker_start start = {.uid = (uid_t)strtoul(words[2], NULL, 10),
                                        .gid = (gid_t)strtoul(words[3], NULL, 10)};
    checker_main(&start);
}

/* --- the keeper --------------------------------------------------------------------------------- */

static int64_t moved_us(const struct clock *clock)
{
    return clock_system.monotonic_us(&clock_system) +
           ((const struct moved_clock *)(const void *)clock)->ahead_us;
}

static int64_t moved_boottime_ms(const struct clock *clock)
{
    const struct moved_clock *moved = (const void *)clock;
    return moved->boottime_ms + moved->ahead_us / 1000;
}

static int64_t moved_wall_ms(const struct clock *clock)
{
    return clock_system.wall_ms(&clock_system) +
           ((const struct moved_clock *)(const void *)clock)->ahead_us / 1000;
}

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

void write_users(const struct keeper *keeper, const char *text)
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

void open_keeper(struct keeper *keeper, struct world *world)
{
    struct error error = {0};
    *keeper = (struct keeper){
        .world = world,
        .clock = {.clock = {moved_us, moved_boottime_ms, moved_wall_ms},
                  .boottime_ms = clock_system.boottime_ms(&clock_system)},
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

void close_keeper(struct keeper *keeper)
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
void pass_ms(struct keeper *keeper, int64_t span_ms)
{
    keeper->clock.ahead_us += span_ms * 1000;
    loop_step(keeper->world->loop, 0);
}

void order(struct keeper *keeper, json_t *body)
{
    gates_send(keeper->gates, GATES_ALL,
               &(struct gates_message){.type = (enum message_type)DO, .body = body});
}

void ask(struct keeper *keeper, uint32_t id, const char *user)
{
    order(keeper, json_pack("{s:s, s:i, s:{s:s, s:s}}", "do", "ask", "id", (int)id, "question", "user", user,
                            "address", "192.0.2.7"));
}

void send_record(struct keeper *keeper, uint32_t id, const char *text)
{
    order(keeper, json_pack("{s:s, s:i, s:s}", "do", "send", "id", (int)id, "text", text));
}

/* The last answer to this question; NULL: none yet. */
const json_t *answer_to(const struct keeper *keeper, uint32_t id)
{
    for (unsigned i = keeper->answer_count; i-- > 0;)
        if (keeper->answers[i].id == id)
            return keeper->answers[i].body;
    return NULL;
}

int status_of(const struct keeper *keeper, uint32_t id)
{
    return (int)json_integer_value(json_object_get(answer_to(keeper, id), "status"));
}

int wait_for_status(struct keeper *keeper, uint32_t id, int other_than)
{
    UNTIL(keeper->world, status_of(keeper, id) != other_than);
    return status_of(keeper, id);
}

/* The whole of it; the status. */
int sign_in(struct keeper *keeper, uint32_t id, const char *user, const char *password)
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

size_t sessions(const struct keeper *keeper)
{
    json_t *rows = accounts_sessions(keeper->accounts);
    size_t count = json_array_size(rows);
    json_decref(rows);
    return count;
}

/* Pids of password helpers among our children. */
int helpers(pid_t *pids)
{
    DIR *folder = opendir("/proc");
    int count = 0;
    struct dirent *entry;
    while ((entry = readdir(folder))) {
        char path[300], words[256] = "";
        pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);
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

int journal_rows(const struct keeper *keeper, const char *event)
{
    json_t *rows = journal_read(&keeper->journal, NULL, 1000);
    int count = 0;
    for (size_t i = 0; i < json_array_size(rows); i++)
        count += strcmp(json_string_value(json_object_get(json_array_get(rows, i), "event")), event) == 0;
    json_decref(rows);
    return count;
}

struct session_key key_of(const json_t *admission)
{
    struct session_key key = {0};
    size_t size = 0;
    const json_t *first = json_array_get(json_object_get(admission, "keys"), 0);
    key.id = (unsigned)json_integer_value(json_object_get(first, "id"));
    assert_true(
        seal_decode(slice_of_text(json_string_value(json_object_get(first, "key"))), key.bytes, &size));
    return key;
}

size_t revoked(const struct keeper *keeper)
{
    return json_array_size(json_object_get(keeper->admission, "revoked"));
}

int role_of(int count, char **words)
{
    if (count > 1 && strcmp(words[1], "__gate") == 0)
        return puppet_gate();
    if (count == 4 && strcmp(words[1], "__password") == 0)
        return helper_of(words);
    return NO_ROLE;
}
