/* Recorded conversations of version 1, replayed against the hold of today: holds outlive versions, so a
 * keeper of any later version must be able to speak like this, and a hold must answer like this
 * (src/hold/PROTOCOL.md).
 *
 * Nothing here uses our own encoders: header and body are taken apart as a stranger would. */
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "world.h"

struct recorded_header {
    uint16_t version, type;
    uint32_t id, size, reserved;
};

static void fail_at(const char *what, const json_t *found)
{
    char *text = json_dumps(found, JSON_ENCODE_ANY);
    print_message("%s: found %s\n", what, text ? text : "nothing");
    free(text);
    fail();
}

/* Every recorded member is there, of the recorded type and value; more may be. "#": any number. */
static void assert_has(const char *name, const json_t *recorded, const json_t *found)
{
    const char *key;
    json_t *member;
    if (json_is_string(recorded) && strcmp(json_string_value(recorded), "#") == 0) {
        if (!json_is_integer(found) || json_integer_value(found) < 0)
            fail_at(name, found);
    } else if (!json_is_object(recorded)) {
        if (!json_equal(recorded, found))
            fail_at(name, found);
    } else {
        json_object_foreach((json_t *)(uintptr_t)recorded, key, member)
            assert_has(key, member, json_object_get(found, key));
    }
}

/* --- a hold without spawn_hold() ------------------------------------------------------------------ */

static int listen_at(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(fd, 4), 0);
    return fd;
}

static int spec_memfd(json_t *spec)
{
    char *text = json_dumps(spec, JSON_COMPACT);
    int fd = memfd_create("spec", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE), 0);
    free(text);
    return fd;
}

/* Descriptors 3 to 7 as version 1 has them. */
static void start_recorded(struct world *world, json_t *spec)
{
    int pair[2], fds[5];
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
    json_object_set_new(spec, "keeper_uid", json_integer(getuid()));
    const int given[5] = {pair[1], listen_at(world->socket), spec_memfd(spec), world->log, world->run};
    pid_t starter = fork();
    if (starter == 0) {
        for (int i = 0; i < 5; i++)
            fds[i] = fcntl(given[i], F_DUPFD_CLOEXEC, 100);
        for (int i = 0; i < 5; i++)
            dup2(fds[i], 3 + i);
        execl(REEVE_HOLD, "reeve-hold", "--start", (char *)NULL);
        _exit(127);
    }
    for (int i = 0; i < 3; i++)
        close(given[i]);
    world->channel = pair[0];
}

/* --- steps ------------------------------------------------------------------------------------------ */

static void step_send(struct world *world, const char *hex, const char *text)
{
    char record[4096];
    size_t size = 0;
    for (const char *at = hex; *at; at++) {
        char digits[3] = {at[0], at[1], 0};
        if (*at == ' ')
            continue;
        record[size++] = (char)strtol(digits, NULL, 16);
        at++;
    }
    assert_int_equal(size, 16);
    assert_true(strlen(text) < sizeof record - size);
    memcpy(record + size, text, strlen(text));
    size += strlen(text);
    assert_int_equal(send(world->channel, record, size, 0), (ssize_t)size);
}

static void step_receive(struct world *world, const json_t *recorded, const json_t *body)
{
    char record[70000];
    struct recorded_header header;
    struct pollfd poller = {.fd = world->channel, .events = POLLIN};
    assert_int_equal(poll(&poller, 1, PATIENCE_MS), 1);
    ssize_t size = recv(world->channel, record, sizeof record, 0);
    assert_true(size >= (ssize_t)sizeof header);
    memcpy(&header, record, sizeof header);
    assert_int_equal(header.size, (size_t)size - sizeof header);
    assert_int_equal(header.reserved, 0);
    json_t *found =
        json_pack("{s:i, s:i, s:i}", "version", header.version, "type", header.type, "id", (int)header.id);
    assert_has("header", recorded, found);
    json_decref(found);
    found = json_loadb(record + sizeof header, header.size, JSON_REJECT_DUPLICATES, NULL);
    assert_has("body", body, found);
    if (json_object_get(found, "hold_pid"))
        world->hold = (pid_t)json_integer_value(json_object_get(found, "hold_pid"));
    json_decref(found);
}

static void step_reconnect(struct world *world)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", world->socket);
    close(world->channel);
    world->channel = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    assert_true(world->channel >= 0);
    assert_int_equal(connect(world->channel, (const struct sockaddr *)&address, sizeof address), 0);
}

static void step_exit_json(struct world *world, const json_t *recorded)
{
    struct buffer file = read_file(world->run, "exit.json");
    json_t *found = json_loadb(file.data, buffer_size(&file), 0, NULL);
    assert_has("exit.json", recorded, found);
    json_decref(found);
    buffer_free(&file);
}

static void step_closed(struct world *world)
{
    struct pollfd poller = {.fd = world->channel, .events = POLLIN};
    char byte;
    assert_int_equal(poll(&poller, 1, PATIENCE_MS), 1);
    assert_int_equal(recv(world->channel, &byte, 1, 0), 0);
    leave(world);
}

static void await_log(struct world *world, const char *text)
{
    for (int waited = 0;; waited += 5) {
        struct buffer file = read_file(world->log, "current.jsonl");
        bool found = buffer_size(&file) && memmem(file.data, buffer_size(&file), text, strlen(text));
        buffer_free(&file);
        if (found)
            return;
        assert_true(waited < PATIENCE_MS);
        poll(NULL, 0, 5);
    }
}

static void replay_step(struct world *world, const json_t *step)
{
    if (json_object_get(step, "send"))
        step_send(world, json_string_value(json_object_get(step, "send")),
                  json_string_value(json_object_get(step, "text")));
    else if (json_object_get(step, "receive"))
        step_receive(world, json_object_get(step, "receive"), json_object_get(step, "body"));
    else if (json_object_get(step, "reconnect"))
        step_reconnect(world);
    else if (json_object_get(step, "await_log"))
        await_log(world, json_string_value(json_object_get(step, "await_log")));
    else if (json_object_get(step, "exit_json"))
        step_exit_json(world, json_object_get(step, "exit_json"));
    else if (json_object_get(step, "closed"))
        step_closed(world);
    else
        fail_at("unknown step", step);
}

static void replay(struct world *world, const char *name)
{
    char *path = memory_format("%s/%s", RECORDINGS, name);
    json_error_t trouble;
    json_t *recording = json_load_file(path, 0, &trouble), *step;
    size_t index;
    if (!recording)
        print_message("%s:%d: %s\n", path, trouble.line, trouble.text);
    assert_non_null(recording);
    start_recorded(world, json_object_get(recording, "spec"));
    json_array_foreach(json_object_get(recording, "steps"), index, step)
    {
        world->step = index + 1;
        replay_step(world, step);
    }
    json_decref(recording);
    free(path);
}

static void test_a_run(void **state)
{
    replay(*state, "v1-run.json");
}

static void test_a_failure(void **state)
{
    replay(*state, "v1-failure.json");
}

static void test_leftovers(void **state)
{
    replay(*state, "v1-leftovers.json");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HOLD_TEST(test_a_run),
        HOLD_TEST(test_a_failure),
        HOLD_TEST(test_leftovers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
