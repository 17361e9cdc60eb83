/* A channel between two ends in one process; where the other end must misbehave it is a raw socket. */
#include <poll.h>
#include <sys/wait.h>

#include "../support.h"

#include "link/channel.h"

struct end {
    struct channel *channel;
    int messages;
    int last_type;
    uint32_t last_id;
    json_t *last_body;
    int taken; /* first descriptor of the last message, when take is set */
    int descriptors;
    int ends;
    int error;
    bool take;
    bool close_on_message;
    bool close_on_end;
    bool echo;
};

static void on_message(void *owner, struct channel_message *message)
{
    struct end *end = owner;
    end->messages++;
    end->last_type = message->type;
    end->last_id = message->id;
    json_decref(end->last_body);
    end->last_body = json_incref(message->body);
    end->descriptors = message->descriptor_count;
    if (end->take && message->descriptor_count > 0) {
        end->taken = message->descriptors[0];
        message->descriptors[0] = -1;
    }
    if (end->echo)
        channel_send(end->channel, MESSAGE_OK, message->id, json_incref(message->body), message->descriptors,
                     message->descriptor_count);
    if (end->close_on_message)
        channel_close(&end->channel);
}

static void on_end(void *owner, int error)
{
    struct end *end = owner;
    end->ends++;
    end->error = error;
    if (end->close_on_end)
        channel_close(&end->channel);
}

static const struct channel_events events = {.on_message = on_message, .on_end = on_end};

struct world {
    struct fake_clock clock;
    struct loop *loop;
    struct end a, b; /* b may be a raw socket instead */
    int raw;
};

static int set_up(void **state)
{
    struct world *world = calloc(1, sizeof *world);
    int pair[2];
    world->clock = (struct fake_clock)FAKE_CLOCK(1000000);
    world->loop = loop_new(&world->clock.clock);
    make_pair(SOCK_SEQPACKET, pair);
    world->a.channel = channel_new(world->loop, pair[0], &events, &world->a);
    world->raw = pair[1];
    *state = world;
    return 0;
}

static void open_b(struct world *world)
{
    world->b.channel = channel_new(world->loop, world->raw, &events, &world->b);
    world->raw = -1;
}

static int tear_down(void **state)
{
    struct world *world = *state;
    channel_close(&world->a.channel);
    channel_close(&world->b.channel);
    if (world->raw >= 0)
        close(world->raw);
    json_decref(world->a.last_body);
    json_decref(world->b.last_body);
    loop_free(&world->loop);
    free(world);
    return 0;
}

static void messages_and_sixteen_descriptors_arrive(void **state)
{
    struct world *world = *state;
    open_b(world);
    int before = open_descriptors(), descriptors[CHANNEL_MOST_DESCRIPTORS];
    for (int i = 0; i < CHANNEL_MOST_DESCRIPTORS; i++)
        descriptors[i] = 1;
    world->b.take = true;
    assert_int_equal(channel_send(world->a.channel, MESSAGE_CONTROL_ASK, 77, json_pack("{s:i}", "n", 5),
                                  descriptors, CHANNEL_MOST_DESCRIPTORS),
                     0);
    assert_true(channel_drained(world->a.channel));
    assert_int_equal(world->b.messages, 0); /* only from the loop */
    turn_all(world->loop);
    assert_int_equal(world->b.messages, 1);
    assert_int_equal(world->b.last_type, MESSAGE_CONTROL_ASK);
    assert_int_equal(world->b.last_id, 77);
    assert_int_equal(json_integer_value(json_object_get(world->b.last_body, "n")), 5);
    assert_int_equal(world->b.descriptors, CHANNEL_MOST_DESCRIPTORS);
    assert_int_equal(open_descriptors(), before + 1); /* what was not taken is closed */
    close(world->b.taken);
    world->a.echo = true;
    channel_send(world->b.channel, MESSAGE_OK, 1, NULL, NULL, 0);
    turn_all(world->loop);
    assert_int_equal(world->b.messages, 2);
    assert_true(json_is_object(world->b.last_body));
    pid_t pid;
    uid_t uid;
    assert_int_equal(channel_peer(world->a.channel, &pid, &uid), 0);
    assert_int_equal(pid, getpid());
    assert_int_equal(uid, getuid());
}

static void too_large_is_refused_and_the_largest_passes(void **state)
{
    struct world *world = *state;
    open_b(world);
    static char text[MESSAGE_BODY_LARGEST + 1];
    memset(text, 'x', MESSAGE_BODY_LARGEST);
    assert_int_equal(channel_send(world->a.channel, MESSAGE_OK, 0, json_pack("{s:s}", "t", text), NULL, 0),
                     -EMSGSIZE);
    text[MESSAGE_BODY_LARGEST - 8] = 0; /* {"t":""} */
    assert_int_equal(channel_send(world->a.channel, MESSAGE_OK, 0, json_pack("{s:s}", "t", text), NULL, 0),
                     0);
    turn_all(world->loop);
    assert_int_equal(world->b.messages, 1);
    assert_int_equal(world->b.ends, 0);
}

static void a_malformed_record_ends_with_eproto(void **state)
{
    struct world *world = *state;
    world->a.close_on_end = true;
    assert_int_equal(send(world->raw, "garbage", 7, 0), 7);
    turn_all(world->loop);
    assert_int_equal(world->a.messages, 0);
    assert_int_equal(world->a.ends, 1);
    assert_int_equal(world->a.error, EPROTO);
    assert_null(world->a.channel);
}

static void an_oversize_record_ends_with_eproto(void **state)
{
    struct world *world = *state;
    static char large[LOOP_SCRATCH_SIZE + 1];
    assert_int_equal(send(world->raw, large, sizeof large, 0), sizeof large);
    turn_all(world->loop);
    assert_int_equal(world->a.error, EPROTO);
    assert_int_equal(channel_send(world->a.channel, MESSAGE_OK, 0, NULL, NULL, 0), -EPIPE);
}

static void the_peers_close_is_told_after_its_last_messages(void **state)
{
    struct world *world = *state;
    for (int i = 0; i < 40; i++) /* more than one wake's batch */
        assert_int_equal(channel_send_now(world->raw, MESSAGE_OK, 0, NULL, NULL, 0, 1000), 0);
    close(world->raw);
    world->raw = -1;
    /* A send that fails first must not hide them. */
    assert_int_equal(channel_send(world->a.channel, MESSAGE_OK, 0, NULL, NULL, 0), -EPIPE);
    assert_int_equal(world->a.ends, 0);
    turn_all(world->loop);
    assert_int_equal(world->a.messages, 40);
    assert_int_equal(world->a.ends, 1);
    assert_int_equal(world->a.error, 0);
}

static void a_peer_that_only_stops_reading_is_an_end_too(void **state)
{
    struct world *world = *state;
    shutdown(world->raw, SHUT_RD);
    turn_all(world->loop);
    assert_int_equal(world->a.ends, 0);
    assert_int_equal(channel_send(world->a.channel, MESSAGE_OK, 0, NULL, NULL, 0), -EPIPE);
    turn_all(world->loop);
    assert_int_equal(world->a.ends, 1);
}

static json_t *some_body(size_t size)
{
    static char text[MESSAGE_BODY_LARGEST];
    memset(text, 'x', size);
    text[size] = 0;
    return json_pack("{s:s}", "t", text);
}

static int send_until_queued(struct channel *channel)
{
    int sent = 0;
    while (channel_drained(channel) && sent++ < 10000)
        assert_int_equal(channel_send(channel, MESSAGE_OK, (uint32_t)sent, some_body(1000), NULL, 0), 0);
    return sent;
}

static void what_waits_leaves_in_order_with_its_descriptors(void **state)
{
    struct world *world = *state;
    int before = open_descriptors();
    int sent = send_until_queued(world->a.channel);
    int descriptor = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    for (int i = 0; i < 300; i++)
        assert_int_equal(channel_send(world->a.channel, MESSAGE_OK, (uint32_t)++sent, NULL, &descriptor, 1),
                         0);
    close(descriptor); /* the queue has its own copies */
    for (int id = 1; id <= sent; id++) {
        struct channel_message message;
        assert_int_equal(channel_receive_now(world->raw, &message, PATIENCE_MS), 0);
        assert_int_equal(message.id, id);
        for (int i = 0; i < message.descriptor_count; i++)
            close(message.descriptors[i]);
        json_decref(message.body);
        loop_step(world->loop, 0);
    }
    assert_true(channel_drained(world->a.channel));
    world->clock.now_us += 60000000;
    turn_all(world->loop);
    assert_int_equal(world->a.ends, 0); /* no stall is left armed */
    assert_int_equal(open_descriptors(), before);
}

static void a_peer_that_never_reads_ends_it_after_five_seconds(void **state)
{
    struct world *world = *state;
    send_until_queued(world->a.channel);
    turn_all(world->loop);
    world->clock.now_us += 4999000;
    turn_all(world->loop);
    assert_int_equal(world->a.ends, 0);
    world->clock.now_us += 1000;
    turn_all(world->loop);
    assert_int_equal(world->a.ends, 1);
    assert_int_equal(world->a.error, ETIMEDOUT);
    assert_int_equal(channel_send(world->a.channel, MESSAGE_OK, 0, NULL, NULL, 0), -EPIPE);
}

static void progress_restarts_the_five_seconds(void **state)
{
    struct world *world = *state;
    send_until_queued(world->a.channel);
    for (int i = 0; i < 100; i++)
        channel_send(world->a.channel, MESSAGE_OK, 0, some_body(1000), NULL, 0);
    for (int i = 0; i < 20 && !channel_drained(world->a.channel); i++) {
        world->clock.now_us += 4000000;
        char record[2000];
        for (int k = 0; k < 60; k++)
            recv(world->raw, record, sizeof record, 0);
        turn_all(world->loop);
        assert_int_equal(world->a.ends, 0);
    }
    assert_true(channel_drained(world->a.channel));
}

static void a_full_queue_is_refused_and_ends_it(void **state)
{
    struct world *world = *state;
    int sent = 0, error;
    while ((error = channel_send(world->a.channel, MESSAGE_OK, 0, some_body(60000), NULL, 0)) == 0)
        assert_true(++sent < 100);
    assert_int_equal(error, -ENOBUFS);
    assert_int_equal(world->a.ends, 0);
    turn_all(world->loop);
    assert_int_equal(world->a.error, ETIMEDOUT);
    assert_int_equal(world->a.ends, 1);
}

static void it_may_be_closed_in_its_callback(void **state)
{
    struct world *world = *state;
    open_b(world);
    world->b.close_on_message = true;
    int before = open_descriptors();
    for (int i = 0; i < 3; i++)
        channel_send(world->a.channel, MESSAGE_OK, 0, NULL, (int[]){1}, 1);
    turn_all(world->loop);
    assert_int_equal(world->b.messages, 1);
    assert_int_equal(world->b.ends, 0);
    assert_int_equal(world->a.ends, 1);
    assert_int_equal(world->a.error, 0);
    assert_int_equal(open_descriptors(), before - 1);
}

static void without_a_loop_there_are_limits_too(void **state)
{
    struct world *world = *state;
    struct channel_message message;
    assert_int_equal(channel_receive_now(world->raw, &message, 1), -ETIMEDOUT);
    channel_send(world->a.channel, MESSAGE_ERROR, 3, json_pack("{s:s}", "text", "no"), NULL, 0);
    assert_int_equal(channel_receive_now(world->raw, &message, 1000), 0);
    assert_int_equal(message.type, MESSAGE_ERROR);
    assert_string_equal(json_string_value(json_object_get(message.body, "text")), "no");
    json_decref(message.body);
    int error;
    while ((error = channel_send_now(world->raw, MESSAGE_OK, 0, some_body(60000), NULL, 0, 1)) == 0)
        ;
    assert_int_equal(error, -ETIMEDOUT);
    channel_close(&world->a.channel);
    assert_int_equal(channel_send_now(world->raw, MESSAGE_OK, 0, NULL, NULL, 0, 1000), -EPIPE);
    assert_int_equal(channel_receive_now(world->raw, &message, 1000), -EPIPE);
    int pair[2];
    make_pair(SOCK_SEQPACKET, pair);
    assert_int_equal(send(pair[0], "garbage", 7, 0), 7);
    assert_int_equal(channel_receive_now(pair[1], &message, 1000), -EPROTO);
    close(pair[0]), close(pair[1]);
}

static void without_a_loop_and_a_limit_it_waits(void **state)
{
    struct channel_message message;
    int pair[2], go[2];
    char byte;
    (void)state;
    make_pair(SOCK_SEQPACKET, pair);
    assert_int_equal(pipe(go), 0);
    pid_t child = fork();
    if (child == 0) {
        /* The parent's signal to go is its last act before it waits. */
        if (read(go[0], &byte, 1) == 1 && poll(NULL, 0, 20) == 0)
            channel_send_now(pair[0], MESSAGE_OK, 5, NULL, NULL, 0, -1);
        _exit(0);
    }
    assert_int_equal(write(go[1], "g", 1), 1);
    assert_int_equal(channel_receive_now(pair[1], &message, -1), 0);
    assert_int_equal(message.id, 5);
    json_decref(message.body);
    assert_int_equal(waitpid(child, NULL, 0), child);
    close(pair[0]), close(pair[1]), close(go[0]), close(go[1]);
}

#define test(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(messages_and_sixteen_descriptors_arrive),
        test(too_large_is_refused_and_the_largest_passes),
        test(a_malformed_record_ends_with_eproto),
        test(an_oversize_record_ends_with_eproto),
        test(the_peers_close_is_told_after_its_last_messages),
        test(a_peer_that_only_stops_reading_is_an_end_too),
        test(what_waits_leaves_in_order_with_its_descriptors),
        test(a_peer_that_never_reads_ends_it_after_five_seconds),
        test(progress_restarts_the_five_seconds),
        test(a_full_queue_is_refused_and_ends_it),
        test(it_may_be_closed_in_its_callback),
        test(without_a_loop_there_are_limits_too),
        test(without_a_loop_and_a_limit_it_waits),
    };
    return run_group(tests);
}
