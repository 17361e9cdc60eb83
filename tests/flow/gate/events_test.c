/* Event streams through a whole gate: what is said when, and how a stream ends. Time is the test's. */
#include <sys/stat.h>

#include "base/memory.h"
#include "tail/tail.h"
#include "wire/seal.h"

#include "world.h"

#define TOKEN "reeve_robot-0123456789012345678901234567890123456"

#define ROUTES                                                                                               \
    "[{'place': 'r.yaml:1:1', 'path': '/events', 'kind': 'events', 'root': 'files:0', 'folder': '/x',"       \
    "  'file': 'events.jsonl', 'from': 'start', 'wait_ms': 60000, 'heartbeat_ms': 15000, 'host': null},"     \
    " {'place': 'r.yaml:2:1', 'path': '/job/{id}', 'kind': 'events', 'root': 'files:1', 'folder': '/x',"     \
    "  'file': '{id}.jsonl', 'target': 'job/{id}', 'from': 'start', 'wait_ms': 60000,"                       \
    "  'heartbeat_ms': 15000, 'host': null}]"

/* Whether inotify(7) can be had on this machine now or not, what was written is seen by then. */
enum { SEEN_MS = TAIL_POLL_MS + 10 };

static int set_up(void **state)
{
    struct world *world = world_new();
    world_serve(world, ROUTES);
    *state = world;
    return 0;
}

static void append(struct world *world, const char *name, const char *text)
{
    int fd = openat(world->root_fd, name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    turn_all(world->loop);
    world_advance(world, SEEN_MS);
    world_advance(world, 10);
}

static unsigned times(struct slice bytes, const char *text)
{
    unsigned count = 0;
    const char *at;
    while ((at = memmem(bytes.data, bytes.size, text, strlen(text)))) {
        count++;
        bytes = slice_from(bytes, (size_t)(at - bytes.data) + 1);
    }
    return count;
}

/* The id that the client would come back with. */
static void last_id(struct slice bytes, char *id, size_t size)
{
    char *all = slice_to_text(bytes);
    const char *last = NULL;
    for (const char *at = all; (at = strstr(at, "\nid: ")); at++)
        last = at + 5;
    assert_non_null(last);
    snprintf(id, size, "%.*s", (int)strcspn(last, "\n"), last);
    free(all);
}

/* The id whose line begins with the last bytes of `text`. */
static void id_behind(struct slice bytes, const char *text, char *id, size_t size)
{
    char *all = slice_to_text(bytes);
    const char *at = strstr(all, text);
    assert_non_null(at);
    at += strlen(text);
    snprintf(id, size, "%.*s", (int)strcspn(at, "\n"), at);
    free(all);
}

static struct slice come_back(struct world *world, struct peer *client, const char *path, const char *id)
{
    char request[256];
    snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: localhost\r\nLast-Event-ID: %s\r\n\r\n", path,
             id);
    return client_ask(world, client, request);
}

static void test_begin(void **state)
{
    struct world *world = *state;
    struct peer client, late;
    struct slice heard = client_ask(world, &client, GET("/events"));
    assert_true(says(heard, "HTTP/1.1 200 "));
    assert_true(says(heard, ": reeve\n\nretry: ") && says(heard, "\n\nid: 0:0:0\n\n"));
    append(world, "events.jsonl", "one\ntw");
    append(world, "events.jsonl", "o\n");
    heard = peer_hear(world, &client);
    assert_true(says(heard, "data: one\nid: ") && says(heard, "data: two\nid: "));
    assert_true(says(client_ask(world, &late, GET("/events")), "data: one\nid: "));
    peer_close(&client);
    peer_close(&late);
}

static void test_heartbeat(void **state)
{
    struct world *world = *state;
    struct peer client;
    append(world, "events.jsonl", "one\n");
    client_ask(world, &client, GET("/events"));
    unsigned before = times(peer_hear(world, &client), "\n:\n\n");
    for (int i = 0; i < 3; i++)
        world_advance(world, 15000);
    assert_int_equal(times(peer_hear(world, &client), "\n:\n\n"), before + 3);
    world_advance(world, 10000);
    append(world, "events.jsonl", "two\n"); /* what comes in between is a sign of life, too */
    world_advance(world, 10000);
    assert_int_equal(times(peer_hear(world, &client), "\n:\n\n"), before + 3);
    world_advance(world, 5000);
    assert_int_equal(times(peer_hear(world, &client), "\n:\n\n"), before + 4);
    peer_close(&client);
}

static void test_timeout(void **state)
{
    struct world *world = *state;
    struct peer client, found;
    client_ask(world, &client, GET("/events"));
    for (int i = 0; i < 59; i++)
        world_advance(world, 1000);
    assert_false(says(peer_hear(world, &client), "timeout"));
    world_advance(world, 1000);
    struct slice heard = peer_hear(world, &client);
    assert_true(says(heard, "event: timeout\ndata: {\"waited_ms\":60000}\n\n"));
    assert_true(says(heard, "\r\n0\r\n\r\n"));
    client_ask(world, &found, GET("/events"));
    append(world, "events.jsonl", "one\n");
    for (int i = 0; i < 61; i++)
        world_advance(world, 1000);
    assert_false(says(peer_hear(world, &found), "timeout"));
    peer_close(&client);
    peer_close(&found);
}

static void make_in_place(struct world *world, mode_t kind)
{
    if (kind == S_IFLNK)
        assert_int_equal(symlinkat("other.jsonl", world->root_fd, "events.jsonl"), 0);
    else if (kind == S_IFDIR)
        assert_int_equal(mkdirat(world->root_fd, "events.jsonl", 0700), 0);
    else
        assert_int_equal(mknodat(world->root_fd, "events.jsonl", kind | 0600, 0), 0);
}

/* It is as good as no file, but the stream only timed out, and nobody heard why. */
static void test_what_is_no_file_is_told_at_once_and_at_the_end(void **state)
{
    struct world *world = *state;
    static const struct {
        mode_t kind;
        const char *said;
    } rows[] = {
        {S_IFLNK, "a symbolic link"}, {S_IFDIR, "a folder"}, {S_IFIFO, "a FIFO"}, {S_IFSOCK, "a socket"}};
    append(world, "other.jsonl", "not ours\n");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct peer client;
        make_in_place(world, rows[i].kind);
        assert_true(says(client_ask(world, &client, GET("/events")), rows[i].said));
        for (int s = 0; s < 60; s++)
            world_advance(world, 1000);
        struct slice heard = peer_hear(world, &client);
        assert_true(says(heard, "event: timeout\ndata: {\"waited_ms\":60000,\"error\":\""));
        assert_int_equal(times(heard, rows[i].said), 2);
        peer_close(&client);
        assert_int_equal(unlinkat(world->root_fd, "events.jsonl", rows[i].kind == S_IFDIR ? AT_REMOVEDIR : 0),
                         0);
        world_advance(world, SEEN_MS);
    }
    struct peer client;
    append(world, "events.jsonl", "one\n");
    struct slice heard = client_ask(world, &client, GET("/events"));
    assert_true(says(heard, "data: one\n") && !says(heard, "not ours"));
    peer_close(&client);
}

/* A pattern reaches the users beside the files that it is for. */
static void test_what_is_reeves_own_is_not_read(void **state)
{
    struct world *world = *state;
    struct peer client;
    append(world, "users", "ann:hash\n");
    append(world, "job", "one\n");
    world_serve(world, "[{'place': 'r.yaml:1:1', 'path': '/of/{id}', 'kind': 'events', 'root': 'files:0',"
                       "  'folder': '/x', 'file': '{id}', 'from': 'start', 'wait_ms': 60000,"
                       "  'heartbeat_ms': 15000, 'host': null, 'hidden': ['users']}]");
    struct slice heard = client_ask(world, &client, GET("/of/users"));
    assert_true(says(heard, ": the file is reeve's own"));
    append(world, "users", "ben:hash\n");
    for (int s = 0; s < 60; s++)
        world_advance(world, 1000);
    heard = peer_hear(world, &client);
    assert_true(
        says(heard, "event: timeout\ndata: {\"waited_ms\":60000,\"error\":\"the file is reeve's own"));
    assert_false(says(heard, "hash"));
    peer_close(&client);
    assert_true(says(client_ask(world, &client, GET("/of/job")), "data: one\n"));
    peer_close(&client);
}

static void test_target(void **state)
{
    struct world *world = *state;
    struct peer client, again;
    char id[64];
    struct target_row row = world_row("job/a1", TARGET_READY, 0);
    expect(world, GET("/job/a1"), "HTTP/1.1 404 ", "no such event stream");
    world_set_row(world, &row);
    append(world, "a1.jsonl", "one\n");
    client_ask(world, &client, GET("/job/a1"));
    row.state = TARGET_BACKOFF; /* it will come again */
    world_set_row(world, &row);
    assert_false(says(peer_hear(world, &client), "event: end"));
    int fd = openat(world->root_fd, "a1.jsonl", O_WRONLY | O_APPEND | O_CLOEXEC);
    assert_int_equal(write(fd, "last\nhalf", 9), 9); /* not seen yet when the news come */
    close(fd);
    row.state = TARGET_FAILED;
    row.cause = (struct target_cause){.kind = TARGET_CAUSE_EXIT, .code = 7, .text = "exited with 7"};
    world_set_row(world, &row);
    struct slice heard = peer_hear(world, &client);
    char *all = slice_to_text(heard);
    const char *last = strstr(all, "data: last\n"), *end = strstr(all, "event: end\n");
    assert_true(last && end && last < end);
    assert_non_null(strstr(end, "\"state\":\"failed\""));
    assert_non_null(strstr(end, "\"code\":7"));
    assert_non_null(strstr(end, "\"unfinished_bytes\":4"));
    free(all);
    last_id(heard, id, sizeof id);
    assert_true(says(come_back(world, &again, "/job/a1", id), "HTTP/1.1 204 "));
    peer_close(&again);
    assert_true(
        says(client_ask(world, &again, GET("/job/a1")), "event: end\n")); /* late, and without a place */
    assert_true(says(peer_hear(world, &again), "data: one\n"));
    peer_close(&again);
    row.state = TARGET_STARTING; /* an operator starts it again */
    row.generation++;
    world_set_row(world, &row);
    assert_true(says(come_back(world, &again, "/job/a1", id), "HTTP/1.1 200 "));
    assert_false(says(peer_hear(world, &again), "event: end"));
    world_send(world, MESSAGE_GATE_TARGET, json_pack("{s:s, s:b}", "name", "job/a1", "gone", 1));
    assert_true(says(peer_hear(world, &again), "\"state\":\"gone\""));
    expect(world, GET("/job/a1"), "HTTP/1.1 404 ", NULL);
    peer_close(&again);
    peer_close(&client);
}

/* The end comes behind the last line, also for one who takes no more for a while. */
static void test_end_of_slow_client(void **state)
{
    struct world *world = *state;
    struct target_row row = world_row("job/a1", TARGET_READY, 0);
    char *line = memory_new(10002);
    memset(line, 'x', 10000);
    line[10000] = '\n';
    world_set_row(world, &row);
    for (int i = 0; i < 1500; i++)
        append(world, "a1.jsonl", line);
    struct peer slow = client_open(world);
    peer_say_text(world, &slow, GET("/job/a1"));
    row.state = TARGET_ENDED;
    world_set_row(world, &row);
    peer_hear_bytes(world, &slow, 1500 * 10000);
    struct slice heard = peer_hear_to(world, &slow, "event: end\n");
    assert_int_equal(times(heard, "\ndata: x"), 1500);
    assert_int_equal(times(heard, "event: end\n"), 1);
    free(line);
    peer_close(&slow);
}

static void test_reset(void **state)
{
    struct world *world = *state;
    struct peer client, again;
    char id[64], at[64], expected[192];
    append(world, "events.jsonl", "one\ntwo\n");
    client_ask(world, &client, GET("/events"));
    last_id(peer_hear(world, &client), id, sizeof id);
    world_write_file(world, "events.jsonl", "three\n");
    turn_all(world->loop);
    world_advance(world, SEEN_MS);
    struct slice heard = peer_hear(world, &client);
    snprintf(expected, sizeof expected,
             "event: reset\ndata: {\"from\":\"%s\",\"reason\":\"truncated\"}\nid: ", id);
    assert_true(says(heard, expected));
    assert_true(says(heard, "data: three\n"));
    id_behind(heard, expected, at, sizeof at);
    snprintf(expected, sizeof expected, "event: reset\ndata: {\"from\":\"%s\",", id);
    assert_true(says(come_back(world, &again, "/events", id), expected));
    peer_close(&again);
    assert_true(says(come_back(world, &again, "/events", "what is this"),
                     "event: reset\ndata: {\"from\":\"what is this\",\"reason\":\"unknown\"}\n"));
    peer_close(&again);
    /* The id of a reset is the start of what follows, wherever that goes. */
    assert_int_equal(renameat(world->root_fd, "events.jsonl", world->root_fd, "events.jsonl.1"), 0);
    append(world, "events.jsonl", "four\n");
    come_back(world, &again, "/events", at);
    heard = peer_hear_to(world, &again, "data: four\n");
    assert_true(says(heard, "data: three\n"));
    peer_close(&again);
    peer_close(&client);
}

/* Few at once, more of them spread; who takes nothing is cut. */
static void test_goodbye(void **state)
{
    enum { CLIENTS = 150 };
    struct world *world = *state;
    struct peer clients[CLIENTS];
    unsigned told[3] = {0};
    append(world, "events.jsonl", "one\n");
    for (int i = 0; i < CLIENTS; i++)
        client_ask(world, &clients[i], GET("/events"));
    world_send(world, MESSAGE_GATE_DRAIN, json_pack("{s:i}", "timeout_ms", 30000));
    for (int step = 0; step < 3; step++) {
        for (int i = 0; i < CLIENTS; i++)
            told[step] += says(peer_hear(world, &clients[i]), "event: bye\n");
        for (int i = 0; i < 100; i++)
            world_advance(world, 140);
    }
    assert_true(told[0] < 10);
    assert_true(told[1] > 40 && told[1] < 110);
    assert_int_equal(told[2], CLIENTS);
    for (int i = 0; i < CLIENTS; i++) {
        assert_true(says(peer_hear(world, &clients[i]), "retry: "));
        peer_close(&clients[i]);
    }
    turn_all(world->loop);
    assert_true(world_has_ended(world));
}

static json_t *admission(bool token)
{
    uint8_t digest[SEAL_SIZE];
    char hex[SEAL_HEX_SIZE + 1];
    json_t *data = world_json("{'method': 'password', 'tokens': [], 'revoked': [], 'cookie': 'reeve-test',"
                              " 'keys': [{'id': 1, 'key': 'AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA'}],"
                              " 'session': {'lifetime_ms': 3600000, 'idle_ms': 3600000}}");
    seal_digest(SLICE(TOKEN), digest);
    seal_to_hex(digest, hex);
    if (token)
        json_array_append_new(
            json_object_get(data, "tokens"),
            json_pack("{s:s, s:s, s:s, s:n}", "id", "t1", "name", "robot", "sha256", hex, "expires"));
    return data;
}

/* Who is not let in any more is told so, and comes back to a 401. */
static void test_auth(void **state)
{
    struct world *world = *state;
    struct peer client, other;
    append(world, "events.jsonl", "one\n");
    client_ask(world, &other, GET("/events"));
    world_send_admission(world, admission(true));
    client_ask(world, &client,
               "GET /events HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " TOKEN "\r\n\r\n");
    assert_true(says(peer_hear(world, &client), "data: one\n"));
    assert_false(says(peer_hear(world, &client), "event: auth"));
    world_send_admission(world, admission(false));
    world_advance(world, 1000);
    assert_true(says(peer_hear(world, &client), "event: auth\ndata: {\"reason\":\"signed-out\"}\n\n"));
    assert_true(says(peer_hear(world, &client), "\r\n0\r\n\r\n"));
    assert_false(says(peer_hear(world, &other), "event: auth"));
    peer_close(&client);
    peer_close(&other);
}

static void test_methods(void **state)
{
    struct world *world = *state;
    append(world, "events.jsonl", "one\n");
    expect(world, "POST /events HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 405 ",
           "Allow: GET, HEAD\r\n");
    expect(world, "HEAD /events HTTP/1.1\r\nHost: localhost\r\n\r\n", "HTTP/1.1 200 ",
           "Content-Type: text/event-stream\r\n");
    expect(world, "GET /events HTTP/1.0\r\nHost: localhost\r\n\r\n", "HTTP/1.1 200 ", "\r\n\r\n: reeve\n\n");
    expect(world, GET("/job/.hidden"), "HTTP/1.1 404 ", NULL);
    expect(world, GET("/job/a%2fb"), "HTTP/1.1 404 ", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_begin, set_up, world_tear_down),
        cmocka_unit_test_setup_teardown(test_heartbeat, set_up, world_tear_down),
        cmocka_unit_test_setup_teardown(test_timeout, set_up, world_tear_down),
        cmocka_unit_test_setup_teardown(test_what_is_no_file_is_told_at_once_and_at_the_end, set_up,
                                        world_tear_down),
        cmocka_unit_test_setup_teardown(test_what_is_reeves_own_is_not_read, set_up, world_tear_down),
        cmocka_unit_test_setup_teardown(test_target, set_up, world_tear_down),
        cmocka_unit_test_setup_teardown(test_end_of_slow_client, set_up, world_tear_down),
        cmocka_unit_test_setup_teardown(test_reset, set_up, world_tear_down),
        cmocka_unit_test_setup_teardown(test_goodbye, set_up, world_tear_down),
        cmocka_unit_test_setup_teardown(test_auth, set_up, world_tear_down),
        cmocka_unit_test_setup_teardown(test_methods, set_up, world_tear_down),
    };
    return run_group(tests);
}
