/* The two facts and the two wishes of a stream, over unix pairs and loopback TCP. */
#include "../support.h"

#include "net/listener.h"
#include "net/stream.h"

struct seen {
    struct stream *stream;
    int readable;
    int writable;
    int gone;
    bool close_when_readable;
    bool read_little;
};

static void on_readable(void *owner)
{
    struct seen *seen = owner;
    seen->readable++;
    if (seen->close_when_readable)
        stream_close(&seen->stream);
    else if (seen->read_little) {
        char byte;
        stream_read(seen->stream, &byte, 1);
    }
}

static void on_writable(void *owner)
{
    ((struct seen *)owner)->writable++;
}

static void on_gone(void *owner)
{
    ((struct seen *)owner)->gone++;
}

static const struct stream_events events = {.on_readable = on_readable, .on_writable = on_writable};

/* Connected loopback TCP; the kernel picks the port. */
static void make_tcp_pair(int pair[2])
{
    struct address address;
    assert_true(address_parse(SLICE("127.0.0.1:0"), &address, NULL));
    int listener = listener_bind(&address);
    assert_true(listener >= 0);
    assert_int_equal(address_of_socket(listener, &address), 0);
    pair[1] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(pair[1], &address.any, address.size), 0);
    settle_loopback();
    pair[0] = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    assert_true(pair[0] >= 0);
    close(listener);
    fcntl(pair[1], F_SETFL, O_NONBLOCK);
}

typedef void pair_test(struct loop *loop, struct seen *seen, int peer, bool tcp);

/* Runs a test over both kinds of socket; the test closes the peer. */
static void over_both(pair_test *test)
{
    for (int tcp = 0; tcp <= 1; tcp++) {
        struct loop *loop = loop_new(&clock_system);
        int pair[2];
        if (tcp)
            make_tcp_pair(pair);
        else
            make_pair(SOCK_STREAM, pair);
        struct seen seen = {0};
        seen.stream = stream_new(loop, pair[0], &events, &seen);
        assert_non_null(seen.stream);
        test(loop, &seen, pair[1], tcp);
        stream_close(&seen.stream);
        loop_free(&loop);
    }
}

static void read_wishes(struct loop *loop, struct seen *seen, int peer, bool tcp)
{
    (void)tcp;
    char bytes[16];
    turn_all(loop);
    assert_int_equal(write(peer, "abc", 3), 3);
    turn_all(loop);
    assert_int_equal(seen->readable, 0); /* not wanted */
    stream_want_read(seen->stream, true);
    assert_int_equal(seen->readable, 0); /* never from inside the wish */
    loop_step(loop, 0);
    assert_int_equal(seen->readable, 1);
    assert_int_equal(stream_read(seen->stream, bytes, sizeof bytes), 3);
    turn_all(loop);
    assert_int_equal(seen->readable, 1); /* the short read said: nothing left */
    assert_int_equal(stream_read(seen->stream, bytes, sizeof bytes), -EAGAIN);
    seen->read_little = true;
    assert_int_equal(write(peer, "defg", 4), 4);
    turn_all(loop);
    assert_int_equal(seen->readable, 6); /* one byte each, and the EAGAIN after the last full read */
    close(peer);
    turn_all(loop);
    assert_int_equal(seen->readable, 7);
    assert_int_equal(stream_read(seen->stream, bytes, sizeof bytes), 0);
    turn_all(loop);
    assert_int_equal(seen->readable, 7); /* an end does not repeat */
}

static void reading_is_level_like(void **state)
{
    (void)state;
    over_both(read_wishes);
}

/* The end may come while bytes wait: a short read must not hide it. */
static void data_then_end(struct loop *loop, struct seen *seen, int peer, bool tcp)
{
    (void)tcp;
    char bytes[16];
    assert_int_equal(write(peer, "abc", 3), 3);
    shutdown(peer, SHUT_WR);
    settle_loopback();
    stream_want_read(seen->stream, true);
    loop_step(loop, 0);
    assert_true(stream_peer_ended(seen->stream));
    assert_false(stream_broken(seen->stream));
    assert_int_equal(stream_read(seen->stream, bytes, sizeof bytes), 3);
    int before = seen->readable;
    loop_step(loop, 0);
    assert_int_equal(seen->readable, before + 1);
    assert_int_equal(stream_read(seen->stream, bytes, sizeof bytes), 0);
    assert_int_equal(stream_write(seen->stream, "still", 5), 5); /* half-open */
    assert_int_equal(stream_end(seen->stream), 0);
    stream_want_read(seen->stream, false);
    close(peer);
    turn_all(loop);
}

static void bytes_before_the_end_are_read_and_the_end_is_told(void **state)
{
    (void)state;
    over_both(data_then_end);
}

static size_t fill(struct stream *stream)
{
    static char block[65536];
    size_t total = 0;
    for (;;) {
        ssize_t count = stream_write(stream, block, sizeof block);
        if (count == -EAGAIN)
            return total;
        assert_true(count > 0);
        total += (size_t)count;
    }
}

static size_t drain(int peer)
{
    static char block[65536];
    size_t total = 0;
    for (ssize_t count; (count = read(peer, block, sizeof block)) > 0;)
        total += (size_t)count;
    return total;
}

static void write_wishes(struct loop *loop, struct seen *seen, int peer, bool tcp)
{
    (void)tcp;
    stream_want_write(seen->stream, true);
    assert_int_equal(seen->writable, 0);
    loop_step(loop, 0);
    assert_int_equal(seen->writable, 1);
    turn_all(loop);
    assert_int_equal(seen->writable, 1); /* wanted once */
    for (int round = 2; round < 5; round++) {
        size_t sent = fill(seen->stream), got = 0;
        stream_want_write(seen->stream, true);
        loop_step(loop, 0);
        assert_int_equal(seen->writable, round - 1);
        for (int i = 0; got < sent && i < 100000; i++) {
            got += drain(peer);
            loop_step(loop, 1);
        }
        assert_int_equal(got, sent);
        turn_all(loop);
        assert_int_equal(seen->writable, round);
    }
    close(peer);
}

static void room_is_told_once_per_wish(void **state)
{
    (void)state;
    over_both(write_wishes);
}

static void close_in_callback(struct loop *loop, struct seen *seen, int peer, bool tcp)
{
    (void)tcp;
    seen->close_when_readable = true;
    stream_want_read(seen->stream, true);
    stream_want_write(seen->stream, true);
    stream_watch_gone(seen->stream, on_gone);
    assert_int_equal(write(peer, "x", 1), 1);
    close(peer);
    turn_all(loop);
    assert_int_equal(seen->readable, 1);
    assert_null(seen->stream);
    assert_int_equal(seen->writable + seen->gone, 0);
}

static void a_stream_may_be_closed_in_its_callback(void **state)
{
    (void)state;
    over_both(close_in_callback);
}

static void reset(int peer)
{
    struct linger now = {.l_onoff = 1};
    setsockopt(peer, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close(peer);
}

static void gone_unread(struct loop *loop, struct seen *seen, int peer, bool tcp)
{
    (void)tcp;
    stream_watch_gone(seen->stream, on_gone);
    assert_int_equal(write(peer, "unread", 6), 6);
    turn_all(loop);
    assert_int_equal(seen->gone, 0);
    shutdown(peer, SHUT_WR);
    turn_all(loop);
    assert_int_equal(seen->gone, 1);
    assert_false(stream_broken(seen->stream));
    reset(peer);
    turn_all(loop);
    assert_int_equal(seen->gone, 2);
    assert_true(stream_broken(seen->stream));
    assert_int_equal(seen->readable, 0);
    char bytes[16];
    assert_int_equal(stream_read(seen->stream, bytes, sizeof bytes), 6); /* what came before stays */
    assert_int_equal(stream_read(seen->stream, bytes, sizeof bytes), 0);
    ssize_t written = stream_write(seen->stream, "x", 1); /* and no SIGPIPE */
    assert_int_equal(written, -EPIPE);
}

static void a_lost_peer_is_noticed_while_reading_is_not_wanted(void **state)
{
    (void)state;
    over_both(gone_unread);
}

static void broken_unread(struct loop *loop, struct seen *seen, int peer, bool tcp)
{
    char bytes[16];
    stream_watch_gone(seen->stream, on_gone);
    assert_int_equal(write(peer, "unread", 6), 6);
    reset(peer);
    turn_all(loop);
    assert_int_equal(seen->gone, 1);
    assert_true(stream_peer_ended(seen->stream) && stream_broken(seen->stream));
    stream_want_read(seen->stream, true);
    loop_step(loop, 0);
    assert_int_equal(stream_read(seen->stream, bytes, sizeof bytes), 6);
    assert_int_equal(stream_read(seen->stream, bytes, sizeof bytes), tcp ? -ECONNRESET : 0);
    turn_all(loop);
    assert_int_equal(seen->gone, 1);
}

static void a_reset_is_told_once_and_spares_what_came_before(void **state)
{
    (void)state;
    over_both(broken_unread);
}

static void own_end(struct loop *loop, struct seen *seen, int peer, bool tcp)
{
    (void)tcp;
    stream_watch_gone(seen->stream, on_gone);
    stream_end(seen->stream);
    shutdown(peer, SHUT_WR);
    turn_all(loop);
    assert_int_equal(seen->gone, 1);
    assert_false(stream_broken(seen->stream)); /* both have ended in order: HUP, but nothing broke */
    stream_watch_gone(seen->stream, NULL);
    close(peer);
}

static void two_orderly_ends_are_no_break(void **state)
{
    (void)state;
    over_both(own_end);
}

static void pieces_and_files(struct loop *loop, struct seen *seen, int peer, bool tcp)
{
    (void)loop, (void)tcp;
    char one[] = "one ", two[] = "two ", bytes[32] = {0};
    struct iovec pieces[] = {{one, 4}, {two, 4}};
    assert_int_equal(stream_write_pieces(seen->stream, pieces, 2), 8);
    FILE *file = tmpfile();
    fputs("0123456789", file);
    fflush(file);
    int64_t offset = 4;
    assert_int_equal(stream_write_file(seen->stream, fileno(file), &offset, 100), 6);
    assert_int_equal(offset, 10);
    assert_int_equal(stream_write_file(seen->stream, fileno(file), &offset, 100), 0);
    fclose(file);
    assert_int_equal(read(peer, bytes, sizeof bytes), 14);
    assert_string_equal(bytes, "one two 456789");
    close(peer);
}

static void pieces_and_files_are_written(void **state)
{
    (void)state;
    over_both(pieces_and_files);
}

static void abort_resets_a_tcp_peer(void **state)
{
    (void)state;
    struct loop *loop = loop_new(&clock_system);
    int pair[2];
    make_tcp_pair(pair);
    struct seen seen = {0};
    seen.stream = stream_new(loop, pair[0], &events, &seen);
    stream_abort(seen.stream);
    stream_close(&seen.stream);
    stream_close(&seen.stream); /* NULL is fine */
    char byte;
    assert_int_equal(read(pair[1], &byte, 1), -1);
    assert_int_equal(errno, ECONNRESET);
    close(pair[1]);
    loop_free(&loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reading_is_level_like),
        cmocka_unit_test(bytes_before_the_end_are_read_and_the_end_is_told),
        cmocka_unit_test(room_is_told_once_per_wish),
        cmocka_unit_test(a_stream_may_be_closed_in_its_callback),
        cmocka_unit_test(a_lost_peer_is_noticed_while_reading_is_not_wanted),
        cmocka_unit_test(a_reset_is_told_once_and_spares_what_came_before),
        cmocka_unit_test(two_orderly_ends_are_no_break),
        cmocka_unit_test(pieces_and_files_are_written),
        cmocka_unit_test(abort_resets_a_tcp_peer),
    };
    return run_group(tests);
}
