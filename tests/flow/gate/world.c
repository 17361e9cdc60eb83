#include "world.h"

#include <arpa/inet.h>
#include <ftw.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/stat.h>

#include "base/memory.h"
#include "link/memfd.h"
#include "net/listener.h"

enum { HEAR_WAITS = 1000, HEAR_WAIT_MS = 20 };

/* --- sockets ------------------------------------------------------------------------------------- */

int world_listen(int *port)
{
    struct address any;
    struct sockaddr_in bound;
    socklen_t size = sizeof bound;
    assert_true(address_parse(SLICE("127.0.0.1:0"), &any, NULL));
    int fd = listener_bind(&any);
    assert_true(fd >= 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&bound, &size), 0);
    *port = ntohs(bound.sin_port);
    return fd;
}

int world_connect_from(uint32_t address, int port)
{
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(address)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&from, sizeof from), 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    return fd;
}

int world_connect(int port)
{
    return world_connect_from(INADDR_LOOPBACK, port);
}

/* --- the keeper's side --------------------------------------------------------------------------- */

static void world_on_message(void *owner, struct channel_message *message)
{
    struct world *world = owner;
    assert_true(world->told_count < MESSAGES_MOST);
    world->told[world->told_count++] = (struct told){.type = message->type,
                                                     .id = message->id,
                                                     .body = json_incref(message->body),
                                                     .descriptors = message->descriptor_count};
}

static void world_on_channel_end(void *owner, int error)
{
    struct world *world = owner;
    assert_int_equal(error, 0);
    world->keeper_ended = true;
    channel_close(&world->keeper);
}

static const struct channel_events world_channel_events = {.on_message = world_on_message,
                                                           .on_end = world_on_channel_end};

static void world_on_end(void *owner)
{
    ((struct world *)owner)->ended = true;
}

size_t told_times(const struct world *world, enum message_type type)
{
    size_t count = 0;
    for (size_t i = 0; i < world->told_count; i++)
        count += world->told[i].type == type;
    return count;
}

const json_t *told_last(const struct world *world, enum message_type type)
{
    for (size_t i = world->told_count; i > 0; i--)
        if (world->told[i - 1].type == type)
            return world->told[i - 1].body;
    fail_msg("the gate did not send %d", type);
    return NULL;
}

void world_send(struct world *world, enum message_type type, json_t *body)
{
    assert_int_equal(channel_send(world->keeper, type, 0, body, NULL, 0), 0);
    turn_all(world->loop);
}

json_t *world_json(const char *text)
{
    char *copy = memory_text(text);
    for (char *byte = copy; *byte; byte++)
        if (*byte == '\'')
            *byte = '"';
    json_error_t error;
    json_t *json = json_loads(copy, 0, &error);
    if (!json)
        fail_msg("%s in %s", error.text, copy);
    free(copy);
    return json;
}

static void world_send_json(struct world *world, enum message_type type, json_t *body, json_t *large)
{
    char *text = json_dumps(large, 0);
    int memfd = memfd_seal("test", slice_of_text(text));
    assert_true(memfd >= 0);
    assert_int_equal(channel_send(world->keeper, type, 0, body, &memfd, 1), 0);
    close(memfd);
    free(text);
    json_decref(large);
    turn_all(world->loop);
}

void world_send_admission(struct world *world, json_t *data)
{
    world_send_json(world, MESSAGE_GATE_ADMISSION, NULL, data);
}

/* Routes that do not say who may pass are for anyone. */
static json_t *world_routes(const char *text)
{
    json_t *rows = world_json(text), *row;
    size_t i;
    json_array_foreach(rows, i, row) if (!json_object_get(row, "allow"))
        json_object_set_new(row, "allow", json_pack("[s]", "anyone"));
    return rows;
}

void world_prepare(struct world *world, const char *routes)
{
    json_t *snapshot =
        world_json("{'snapshot': 1, 'name': 'test', 'version': '0', 'hosts': ['app.example'], 'origins': "
                   "['https://app.example'], 'trusted_proxies': ['127.0.0.7'],"
                   " 'access': 'none', 'access_format': 'json', 'log_level': 'error', 'drain_ms': 30000}");
    json_object_set_new(snapshot, "listeners",
                        json_pack("[{s:s, s:s, s:b}]", "descriptor", "listener:0", "address", "127.0.0.1:0",
                                  "console", world->console));
    json_object_set_new(snapshot, "console",
                        json_pack("{s:s, s:o, s:b, s:b}", "path", "/_reeve/", "allow",
                                  world_json(world->console_allow ? world->console_allow : "['anyone']"),
                                  "open", !world->console_allow, "auth", world->console_allow != NULL));
    json_object_set_new(snapshot, "routes", world_routes(routes));
    if (world->policies)
        json_object_set_new(snapshot, "tls", world_json(world->policies));
    int fds[3] = {world->listener, world->root_fd, world->root_fd};
    world->snapshot++;
    json_t *names = json_pack("{s:i, s:[s, s, s]}", "snapshot", world->snapshot, "names", "listener:0",
                              "files:0", "files:1");
    assert_int_equal(channel_send(world->keeper, MESSAGE_GATE_DESCRIPTORS, 0, names, fds, 3), 0);
    world_send_json(world, MESSAGE_GATE_PREPARE, json_pack("{s:i}", "snapshot", world->snapshot), snapshot);
}

void world_commit(struct world *world)
{
    const json_t *answer = told_last(world, MESSAGE_GATE_PREPARED);
    const char *error = json_string_value(json_object_get(answer, "error"));
    if (!json_is_true(json_object_get(answer, "ok")))
        fail_msg("%s", error ? error : "not prepared");
    world_send(world, MESSAGE_GATE_COMMIT, json_pack("{s:i}", "snapshot", world->snapshot));
}

void world_serve(struct world *world, const char *routes)
{
    world_prepare(world, routes);
    world_commit(world);
    world_send(world, MESSAGE_GATE_PHASE, json_pack("{s:s}", "phase", "serving"));
}

struct target_row world_row(const char *name, enum target_state state, int port)
{
    struct target_row row = {.state = state,
                             .ready = state == TARGET_READY,
                             .wanted = true,
                             .hold_ms = 30000,
                             .terminal.there = strchr(name, '/') != NULL,
                             .generation = 1,
                             .ready_after_ms = -1};
    snprintf(row.name, sizeof row.name, "%s", name);
    if (port > 0)
        snprintf(row.addresses[row.address_count++], TARGET_ADDRESS_SIZE, "127.0.0.1:%d", port);
    return row;
}

void world_set_row(struct world *world, const struct target_row *row)
{
    world_send(world, MESSAGE_GATE_TARGET,
               target_row_encode(row, true, fake_ms(&world->clock.clock), fake_ms(&world->clock.clock)));
}

void world_advance(struct world *world, int64_t ms)
{
    world->clock.now_us += ms * 1000;
    turn_all(world->loop);
}

/* --- birth and burial ---------------------------------------------------------------------------- */

void world_open(struct world *world, int handover)
{
    world_open_with(world, handover, NULL);
}

void world_open_with(struct world *world, int handover, const char *name_servers)
{
    int pair[2];
    *world = (struct world){.clock = FAKE_CLOCK(1000000000), .log = {.least = LOG_ERROR}};
    world->log.clock = &world->clock.clock;
    world->loop = loop_new(&world->clock.clock);
    make_pair(SOCK_SEQPACKET, pair);
    world->keeper = channel_new(world->loop, pair[0], &world_channel_events, world);
    world->gate = gate_new(&(struct gate_settings){.loop = world->loop,
                                                   .log = &world->log,
                                                   .channel = pair[1],
                                                   .handover = handover,
                                                   .output = -1,
                                                   .name_servers = name_servers,
                                                   .on_end = world_on_end,
                                                   .owner = world});
    assert_non_null(world->gate);
    world->page_fd = page_create("own");
    world->keeper_page_fd = page_create("keeper");
    world->page = page_map(world->page_fd, 1);
    world->listener = world_listen(&world->port);
    snprintf(world->root, sizeof world->root, "/tmp/reeve-gate-XXXXXX");
    assert_non_null(mkdtemp(world->root));
    world->root_fd = open(world->root, O_PATH | O_DIRECTORY | O_CLOEXEC);

    int pages[2] = {world->page_fd, world->keeper_page_fd};
    json_t *hello = json_pack("{s:s, s:i, s:i, s:i, s:i}", "name", "test", "slot", 0, "generation", 7,
                              "workers", 1, "pages", 2);
    assert_int_equal(channel_send(world->keeper, MESSAGE_GATE_HELLO, 0, hello, pages, 2), 0);
    world_send_json(world, MESSAGE_GATE_TABLE, NULL, json_array());
    told_last(world, MESSAGE_GATE_READY);
}

static int world_remove_one(const char *path, const struct stat *about, int kind, struct FTW *where)
{
    (void)about, (void)kind, (void)where;
    return remove(path);
}

void world_close(struct world *world)
{
    gate_free(&world->gate);
    channel_close(&world->keeper);
    loop_free(&world->loop);
    for (size_t i = 0; i < world->told_count; i++)
        json_decref(world->told[i].body);
    page_unmap(&world->page);
    close(world->page_fd);
    close(world->keeper_page_fd);
    close(world->listener);
    close(world->root_fd);
    assert_int_equal(nftw(world->root, world_remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

struct world *world_new(void)
{
    struct world *world = MEMORY_NEW(struct world);
    world_open(world, -1);
    return world;
}

int world_tear_down(void **state)
{
    struct world *world = *state;
    world_close(world);
    free(world);
    return 0;
}

void world_write_file(const struct world *world, const char *name, const char *content)
{
    int fd = openat(world->root_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, content, strlen(content)), strlen(content));
    close(fd);
}

/* --- peers: clients and programs behind ---------------------------------------------------------- */

struct peer peer_of(int fd)
{
    return (struct peer){.fd = fd, .received = BUFFER(RECEIVED_MOST)};
}

struct peer client_open(struct world *world)
{
    struct peer client = peer_of(world_connect(world->port));
    turn_all(world->loop);
    return client;
}

struct peer program_accept(struct world *world, int listener)
{
    struct pollfd arrival = {.fd = listener, .events = POLLIN};
    int fd = -1;
    for (int waits = 0; fd < 0 && waits < HEAR_WAITS; waits++) { /* the kernel may take its time */
        turn_all(world->loop);
        poll(&arrival, 1, waits ? HEAR_WAIT_MS : 0);
        fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    }
    assert_true(fd >= 0);
    return peer_of(fd);
}

bool program_is_left_alone(struct world *world, int listener)
{
    turn_all(world->loop);
    return accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK) < 0 && errno == EAGAIN;
}

void peer_close(struct peer *peer)
{
    if (peer->fd >= 0)
        close(peer->fd);
    peer->fd = -1;
    buffer_free(&peer->received);
}

static void peer_read(struct peer *peer)
{
    while (!peer->ended) {
        char *place = buffer_reserve(&peer->received, 65536);
        assert_non_null(place);
        ssize_t got = read(peer->fd, place, 65536);
        if (got > 0) {
            buffer_added(&peer->received, (size_t)got);
        } else {
            peer->ended = got == 0 || errno != EAGAIN;
            return;
        }
    }
}

/* True when something came. */
static bool peer_hears_more(struct world *world, struct peer *peer)
{
    size_t before = buffer_size(&peer->received);
    turn_all(world->loop);
    peer_read(peer);
    return buffer_size(&peer->received) != before;
}

struct slice peer_hear(struct world *world, struct peer *peer)
{
    while (peer_hears_more(world, peer))
        ;
    return buffer_slice(&peer->received);
}

bool peer_has_ended(struct world *world, struct peer *peer)
{
    for (int waits = 0; waits < HEAR_WAITS; waits++) {
        peer_hear(world, peer);
        if (peer->ended)
            return true;
        poll(&(struct pollfd){.fd = peer->fd, .events = POLLIN}, 1, HEAR_WAIT_MS);
    }
    return false;
}

bool world_has_ended(struct world *world)
{
    turn_all(world->loop);
    for (int waits = 0; waits < HEAR_WAITS && !world->ended; waits++)
        loop_step(world->loop, HEAR_WAIT_MS);
    return world->ended;
}

bool target_is_idle(struct world *world, unsigned slot)
{
    turn_all(world->loop);
    for (int waits = 0; waits < HEAR_WAITS && world->page->targets[slot].streams; waits++)
        loop_step(world->loop, HEAR_WAIT_MS);
    return world->page->targets[slot].streams == 0;
}

struct slice peer_hear_bytes(struct world *world, struct peer *peer, size_t least)
{
    struct pollfd watch = {.fd = peer->fd, .events = POLLIN};
    for (int waits = 0; peer_hear(world, peer).size < least && !peer->ended; waits++) {
        assert_true(waits < HEAR_WAITS);
        poll(&watch, 1, HEAR_WAIT_MS);
    }
    return buffer_slice(&peer->received);
}

struct slice peer_hear_to(struct world *world, struct peer *peer, const char *end)
{
    struct pollfd watch = {.fd = peer->fd, .events = POLLIN};
    for (int waits = 0; !says(peer_hear(world, peer), end) && !peer->ended; waits++) {
        assert_true(waits < HEAR_WAITS);
        poll(&watch, 1, HEAR_WAIT_MS);
    }
    return buffer_slice(&peer->received);
}

void peer_say(struct world *world, struct peer *peer, struct slice bytes)
{
    while (bytes.size > 0) {
        ssize_t put = send(peer->fd, bytes.data, bytes.size, MSG_NOSIGNAL);
        assert_true(put > 0 || errno == EAGAIN);
        bytes = slice_from(bytes, put > 0 ? (size_t)put : 0);
        loop_step(world->loop, 0);
    }
    turn_all(world->loop);
}

void peer_say_text(struct world *world, struct peer *peer, const char *text)
{
    peer_say(world, peer, slice_of_text(text));
}

struct slice client_ask(struct world *world, struct peer *client, const char *request)
{
    *client = client_open(world);
    peer_say_text(world, client, request);
    return peer_hear(world, client);
}

bool says(struct slice bytes, const char *text)
{
    return bytes.size > 0 && memmem(bytes.data, bytes.size, text, strlen(text)) != NULL;
}

void expect(struct world *world, const char *request, const char *start, const char *part)
{
    struct peer client;
    struct slice answer = client_ask(world, &client, request);
    if (!slice_starts_with(answer, slice_of_text(start)) || (part && !says(answer, part)))
        fail_msg("%s -> " SLICE_FORMAT, request, SLICE_ARGUMENTS(answer));
    peer_close(&client);
}
