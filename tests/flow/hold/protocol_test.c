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

enum { RECORD_MOST = 70000 };

/* Bytes written as hex digits, then a text, as one record. */
static size_t step_record(char *record, const char *hex, const char *text)
{
    size_t size = 0;
    for (const char *at = hex; *at; at++) {
        char digits[3] = {at[0], at[1], 0};
        if (*at == ' ')
            continue;
        record[size++] = (char)strtol(digits, NULL, 16);
        at++;
    }
    assert_true(strlen(text) < 4096);
    memcpy(record + size, text, strlen(text));
    return size + strlen(text);
}

/* `descriptor` -1: none goes with it. */
static void step_send(struct world *world, const char *hex, const char *text, int descriptor)
{
    static char bytes[RECORD_MOST];
    union {
        char room[CMSG_SPACE(sizeof descriptor)];
        struct cmsghdr align;
    } control = {{0}};
    struct iovec record = {.iov_base = bytes, .iov_len = step_record(bytes, hex, text)};
    struct msghdr message = {.msg_iov = &record, .msg_iovlen = 1};
    assert_int_equal(record.iov_len, 16 + strlen(text));
    if (descriptor >= 0) {
        message.msg_control = control.room;
        message.msg_controllen = sizeof control.room;
        struct cmsghdr *part = CMSG_FIRSTHDR(&message);
        *part = (struct cmsghdr){
            .cmsg_len = CMSG_LEN(sizeof descriptor), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
        memcpy(CMSG_DATA(part), &descriptor, sizeof descriptor);
    }
    assert_int_equal(sendmsg(world->channel, &message, 0), (ssize_t)record.iov_len);
}

static struct recorded_header step_take(struct world *world, char *record, ssize_t *size)
{
    struct recorded_header header;
    struct pollfd poller = {.fd = world->channel, .events = POLLIN};
    assert_int_equal(poll(&poller, 1, PATIENCE_MS), 1);
    *size = recv(world->channel, record, RECORD_MOST, 0);
    assert_true(*size >= (ssize_t)sizeof header);
    memcpy(&header, record, sizeof header);
    return header;
}

static void step_receive(struct world *world, const json_t *recorded, const json_t *body)
{
    enum { TERMINAL_NEWS = 139 }; /* come when they come */
    static char record[RECORD_MOST];
    json_int_t type = json_integer_value(json_object_get(recorded, "type"));
    ssize_t size;
    struct recorded_header header = step_take(world, record, &size);
    while (header.type == TERMINAL_NEWS && type != TERMINAL_NEWS)
        header = step_take(world, record, &size);
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

/* --- the terminal link ------------------------------------------------------------------------------ */

/* Sends the message with one end of a new link. */
static void step_attach(struct world *world, const char *hex, const char *text)
{
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    step_send(world, hex, text, pair[1]);
    close(pair[1]);
    world->link = pair[0];
}

/* The next record of the link, into record[RECORD_MOST] with a NUL behind it. */
static ssize_t step_link_take(struct world *world, char *record)
{
    struct pollfd poller = {.fd = world->link, .events = POLLIN};
    assert_int_equal(poll(&poller, 1, PATIENCE_MS), 1);
    ssize_t size = recv(world->link, record, RECORD_MOST - 1, 0);
    assert_true(size > 0);
    record[size] = 0;
    return size;
}

/* Records until one begins with this byte; with `hex`, it must be these bytes. */
static void step_link_until(struct world *world, const char *type, const char *hex)
{
    static char record[RECORD_MOST], expected[RECORD_MOST];
    ssize_t size = step_link_take(world, record);
    while (record[0] != type[0])
        size = step_link_take(world, record);
    if (!hex)
        return;
    assert_int_equal(size, step_record(expected, hex, ""));
    assert_memory_equal(record, expected, (size_t)size);
}

/* Output until this text is in a record of it. */
static void step_link_see(struct world *world, const char *text)
{
    static char record[RECORD_MOST];
    ssize_t size = step_link_take(world, record);
    while (record[0] != '0' || !memmem(record, (size_t)size, text, strlen(text)))
        size = step_link_take(world, record);
}

static void step_link_send(struct world *world, const char *hex)
{
    static char record[RECORD_MOST];
    size_t size = step_record(record, hex, "");
    assert_int_equal(send(world->link, record, size, 0), (ssize_t)size);
}

static void step_link_closed(struct world *world)
{
    char byte;
    assert_int_equal(recv(world->link, &byte, 1, 0), 0);
    close(world->link);
}

/* Whether it is a step of the link. */
static bool replay_link_step(struct world *world, const json_t *step)
{
    const char *text;
    if ((text = json_string_value(json_object_get(step, "attach"))))
        step_attach(world, text, json_string_value(json_object_get(step, "text")));
    else if ((text = json_string_value(json_object_get(step, "link_until"))))
        step_link_until(world, text, json_string_value(json_object_get(step, "bytes")));
    else if ((text = json_string_value(json_object_get(step, "link_see"))))
        step_link_see(world, text);
    else if ((text = json_string_value(json_object_get(step, "link_send"))))
        step_link_send(world, text);
    else if (json_object_get(step, "link_closed"))
        step_link_closed(world);
    else
        return false;
    return true;
}

/* --- the replay ------------------------------------------------------------------------------------- */

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
                  json_string_value(json_object_get(step, "text")), -1);
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
    else if (!replay_link_step(world, step))
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

static void test_a_terminal(void **state)
{
    replay(*state, "v1-terminal.json");
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
        HOLD_TEST(test_a_terminal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
