#include "../support.h"

#include "base/check.h"
#include "gate/access.h"

struct fixture {
    struct fake_clock clock;
    struct loop *loop;
    struct access *access;
    int reader;
    char text[64 * 1024];
};

static void set_up(struct fixture *fixture, enum access_format format)
{
    int ends[2];
    *fixture = (struct fixture){.clock = FAKE_CLOCK(1700000000123456)};
    fixture->loop = loop_new(&fixture->clock.clock);
    assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    fixture->reader = ends[0];
    fixture->access = access_new(fixture->loop, ends[1], format);
}

static void tear_down(struct fixture *fixture)
{
    access_free(&fixture->access);
    loop_free(&fixture->loop);
    close(fixture->reader);
}

static const char *read_lines(struct fixture *fixture)
{
    fixture->clock.now_us += 25000;
    turn_all(fixture->loop);
    ssize_t got = read(fixture->reader, fixture->text, sizeof fixture->text - 1);
    fixture->text[got > 0 ? got : 0] = '\0';
    return fixture->text;
}

static void write_of(struct fixture *fixture, const char *request_text, int status, const char *user)
{
    const struct http1_limits limits = {64 * 1024, 64 * 1024};
    struct address peer;
    struct http1_head head;
    struct field storage[16];
    http1_begin(&head, storage, 16);
    CHECK(http1_parse_request(&head, slice_of_text(request_text), &limits) == HTTP1_DONE);
    CHECK(address_parse(SLICE("192.0.2.7:99"), &peer, NULL));
    const struct exchange_request request = {.head = &head, .authority = SLICE("box.lan")};
    access_write(fixture->access, &(struct http_record){.request = &request,
                                                        .peer = &peer,
                                                        .status = status,
                                                        .bytes_in = 1,
                                                        .bytes_out = 22,
                                                        .duration_us = 3456,
                                                        .route = "r.yaml:1:1",
                                                        .target = "api",
                                                        .user = user});
}

static void write_one(struct fixture *fixture, const char *request_text, int status)
{
    write_of(fixture, request_text, status, NULL);
}

#define REQUEST                                                                                              \
    "GET /x?q=\"\\ HTTP/1.1\r\nHost: box.lan\r\nUser-Agent: a\tb\xff\r\nReferer: http://r\xc3\xa9\r\n\r\n"

static void test_json(void **state)
{
    (void)state;
    struct fixture fixture;
    set_up(&fixture, ACCESS_JSON);
    write_one(&fixture, REQUEST, 200);
    const char *line = read_lines(&fixture);
    assert_string_equal(line,
                        "{\"time\":\"2023-11-14T22:13:20.123Z\",\"peer\":\"192.0.2.7\",\"method\":\"GET\","
                        "\"host\":\"box.lan\",\"path\":\"/x?q=\\\"\\\\\",\"status\":200,\"received\":1,"
                        "\"sent\":22,\"duration_ms\":3.456,\"route\":\"r.yaml:1:1\",\"target\":\"api\","
                        "\"referer\":\"http://r\xc3\xa9\",\"user_agent\":\"a\\u0009b\\u00ff\"}\n");
    tear_down(&fixture);
}

static void test_combined(void **state)
{
    (void)state;
    struct fixture fixture;
    set_up(&fixture, ACCESS_COMBINED);
    write_one(&fixture, REQUEST, 0);
    assert_string_equal(read_lines(&fixture),
                        "192.0.2.7 - - [14/Nov/2023:22:13:20 +0000] \"GET /x?q=\\\"\\\\ HTTP/1.1\" 499 22 "
                        "\"http://r\xc3\xa9\" \"a\\x09b\\xff\"\n");
    tear_down(&fixture);
}

#define SECRET "reeve_0123456789abcdefghij-_ABCDEFGHIJ0123456789abc"

static void test_who_but_no_secret(void **state)
{
    (void)state;
    const char *request =
        "GET /reeve_notes?a=" SECRET "&b=" SECRET " HTTP/1.1\r\nHost: box.lan\r\nCookie: reeve-x=s.e\r\n"
        "Authorization: Bearer " SECRET "\r\nReferer: http://r/?t=" SECRET "\r\n\r\n";
    for (enum access_format format = ACCESS_JSON; format <= ACCESS_COMBINED; format++) {
        struct fixture fixture;
        set_up(&fixture, format);
        write_of(&fixture, request, 200, "ann \"lee");
        const char *line = read_lines(&fixture);
        assert_null(strstr(line, "0123456789"));
        assert_null(strstr(line, "s.e"));
        assert_non_null(strstr(line, "/reeve_notes?a=reeve_***&b=reeve_***"));
        assert_non_null(strstr(line, "http://r/?t=reeve_***\""));
        assert_non_null(
            strstr(line, format == ACCESS_JSON ? ",\"user\":\"ann \\\"lee\"" : " - ann_\\\"lee ["));
        tear_down(&fixture);
    }
}

static void test_no_head_no_request(void **state)
{
    (void)state;
    struct fixture fixture;
    struct address peer;
    set_up(&fixture, ACCESS_COMBINED);
    CHECK(address_parse(SLICE("192.0.2.7:99"), &peer, NULL));
    access_write(fixture.access, &(struct http_record){.peer = &peer, .status = 408});
    assert_string_equal(read_lines(&fixture),
                        "192.0.2.7 - - [14/Nov/2023:22:13:20 +0000] \"\" 408 0 \"-\" \"-\"\n");
    tear_down(&fixture);
}

static void test_a_reader_that_does_not_read_costs_lines_not_time(void **state)
{
    (void)state;
    enum { LINES = 5000 };
    struct fixture fixture;
    set_up(&fixture, ACCESS_JSON);
    for (int i = 0; i < LINES; i++)
        write_one(&fixture, REQUEST, 200);
    int lines = 0, dropped = 0;
    for (const char *text = read_lines(&fixture); *text; text = read_lines(&fixture)) {
        for (const char *line = text; (line = strchr(line, '\n')); line++)
            lines++;
        write_one(&fixture, REQUEST, 200); /* tells the count as soon as there is room */
        const char *told = strstr(text, "{\"dropped\":");
        if (told) {
            dropped = (int)strtol(told + strlen("{\"dropped\":"), NULL, 10);
            break;
        }
    }
    assert_true(dropped > 1000);
    assert_true(lines > 500);
    tear_down(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_combined),
        cmocka_unit_test(test_who_but_no_secret),
        cmocka_unit_test(test_no_head_no_request),
        cmocka_unit_test(test_a_reader_that_does_not_read_costs_lines_not_time),
    };
    return run_group(tests);
}
