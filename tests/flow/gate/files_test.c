/* Static files, admission and the two pages of reeve's own, through a whole gate. */
#include <sys/stat.h>

#include "base/memory.h"

#include "world.h"

static int set_up(void **state)
{
    struct world *world = world_new();
    world_write_file(world, "index.html", "<h1>app</h1>");
    world_write_file(world, "app-4f3a2b1c.js", "0123456789");
    world_write_file(world, ".env", "secret");
    assert_int_equal(mkdirat(world->root_fd, "docs", 0755), 0);
    world_write_file(world, "docs/index.html", "docs");
    assert_int_equal(mkdirat(world->root_fd, "bare", 0755), 0);
    assert_int_equal(mkdirat(world->root_fd, ".well-known", 0755), 0);
    world_write_file(world, ".well-known/x", "known");
    world_write_file(world, "a b.txt", "blank");
    world_write_file(world, "users", "ann:$y$");
    world_write_file(world, "users.html", "a page");
    assert_int_equal(mkdirat(world->root_fd, "a", 0755), 0);
    assert_int_equal(mkdirat(world->root_fd, "a/state", 0755), 0);
    world_write_file(world, "a/state/reeve.db", "keys");
    world_write_file(world, "a/x", "beside");
    assert_int_equal(symlinkat("users", world->root_fd, "link"), 0);
    assert_int_equal(symlinkat("a/state", world->root_fd, "into"), 0);
    assert_int_equal(symlinkat("a/x", world->root_fd, "beside"), 0);
    assert_int_equal(mkfifoat(world->root_fd, "fifo", 0644), 0);
    world_serve(world, "[{'place': 'r.yaml:1:1', 'path': '/*', 'kind': 'files', 'root': 'files:0',"
                       "  'fallback': 'index.html', 'host': null, 'hidden': ['users', 'a/state']}]");
    *state = world;
    return 0;
}

static void test_what_answers(void **state)
{
    static const struct {
        const char *request, *start, *part;
    } rows[] = {
        {GET("/"), "HTTP/1.1 200 ", "<h1>app</h1>"},
        {GET("/index.html"), "HTTP/1.1 200 ", "Content-Type: text/html; charset=utf-8\r\n"},
        {GET("/index.html"), "HTTP/1.1 200 ", "Cache-Control: no-cache\r\n"},
        {GET("/app-4f3a2b1c.js"), "HTTP/1.1 200 ", "Cache-Control: public, max-age=31536000, immutable\r\n"},
        {GET("/a%20b.txt"), "HTTP/1.1 200 ", "\r\n\r\nblank"},
        {GET("/docs/"), "HTTP/1.1 200 ", "\r\n\r\ndocs"},
        {GET("/docs"), "HTTP/1.1 308 ", "Location: /docs/\r\n"},
        {GET("/docs?q=1"), "HTTP/1.1 308 ", "Location: /docs/?q=1\r\n"},
        {GET("//evil.example/../docs"), "HTTP/1.1 308 ", "Location: /docs/\r\n"},
        {GET("/.well-known/x"), "HTTP/1.1 200 ", "known"},
        {GET("/bare/"), "HTTP/1.1 404 ", "application/problem+json"},
        {GET("/bare"), "HTTP/1.1 404 ", NULL},
        {GET("/.env"), "HTTP/1.1 404 ", "no-store"},
        {PAGE("/.git/config"), "HTTP/1.1 404 ", NULL},
        {GET("/users"), "HTTP/1.1 404 ", NULL},
        {GET("//users"), "HTTP/1.1 404 ", NULL},
        {GET("/%75sers/"), "HTTP/1.1 404 ", NULL},
        {GET("/a/state"), "HTTP/1.1 404 ", NULL},
        {GET("/a/state/"), "HTTP/1.1 404 ", NULL},
        {GET("/a//state/reeve.db"), "HTTP/1.1 404 ", NULL},
        {GET("/a/./x/../state/reeve.db"), "HTTP/1.1 404 ", NULL},
        {GET("/link"), "HTTP/1.1 404 ", NULL},
        {PAGE("/link"), "HTTP/1.1 200 ", "<h1>app</h1>"},
        {GET("/into"), "HTTP/1.1 404 ", NULL},
        {GET("/into/reeve.db"), "HTTP/1.1 404 ", NULL},
        {GET("/beside"), "HTTP/1.1 200 ", "beside"},
        {GET("/users.html"), "HTTP/1.1 200 ", "a page"},
        {GET("/a/x"), "HTTP/1.1 200 ", "beside"},
        {GET("/fifo"), "HTTP/1.1 404 ", NULL},
        {GET("/index.html/"), "HTTP/1.1 404 ", NULL},
        {GET("/../etc/passwd"), "HTTP/1.1 400 ", NULL},
        {GET("/%2e%2e/etc/passwd"), "HTTP/1.1 400 ", NULL},
        {GET("/..%2fetc/passwd"), "HTTP/1.1 400 ", NULL},
        {GET("/a%00b"), "HTTP/1.1 400 ", NULL},
        /* the page of the app answers navigations, and nothing that looks like a file */
        {PAGE("/deep/link"), "HTTP/1.1 200 ", "<h1>app</h1>"},
        {PAGE("/bare/"), "HTTP/1.1 200 ", "<h1>app</h1>"},
        {GET("/deep/link"), "HTTP/1.1 404 ", NULL},
        {PAGE("/missing.js"), "HTTP/1.1 404 ", "text/html"},
        {"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 405 ",
         "Allow: GET, HEAD\r\n"},
        {"HEAD / HTTP/1.1\r\nHost: localhost\r\n\r\n", "HTTP/1.1 200 ", "Content-Length: 12\r\n"},
        {"GET /app-4f3a2b1c.js HTTP/1.1\r\nHost: localhost\r\nRange: bytes=2-4\r\n\r\n", "HTTP/1.1 206 ",
         "Content-Range: bytes 2-4/10\r\n"},
        {"GET /app-4f3a2b1c.js HTTP/1.1\r\nHost: localhost\r\nRange: bytes=2-4\r\n\r\n", "HTTP/1.1 206 ",
         "\r\n\r\n234"},
        {"GET /app-4f3a2b1c.js HTTP/1.1\r\nHost: localhost\r\nRange: bytes=10-\r\n\r\n", "HTTP/1.1 416 ",
         "Content-Range: bytes */10\r\n"},
        {"GET / HTTP/1.1\r\nHost: localhost\r\nIf-None-Match: *\r\n\r\n", "HTTP/1.1 304 ", "ETag: \""},
        /* Host */
        {"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n", "HTTP/1.1 421 ", "`hosts`"},
        {"GET / HTTP/1.1\r\nHost: App.Example.:99\r\n\r\n", "HTTP/1.1 200 ", NULL},
        {"GET / HTTP/1.1\r\nHost: [::1]:99\r\n\r\n", "HTTP/1.1 200 ", NULL},
        {"GET /health HTTP/1.1\r\nHost: evil.example\r\n\r\n", "HTTP/1.1 421 ", NULL},
        /* ours, below everything but a bare star */
        {GET("/health"), "HTTP/1.1 200 ", "\r\n\r\n{\"status\":\"ok\"}"},
        {"GET /health HTTP/1.0\r\n\r\n", "HTTP/1.1 200 ", "\r\n\r\n{\"status\":\"ok\"}"},
        {"GET / HTTP/1.0\r\n\r\n", "HTTP/1.1 421 ", NULL},
        {GET("/ready"), "HTTP/1.1 200 ", NULL},
        {GET("/_reeve/health"), "HTTP/1.1 200 ", "\r\n\r\n{\"status\":\"ok\"}"},
    };
    struct world *world = *state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        expect(world, rows[i].request, rows[i].start, rows[i].part);
}

static void test_a_large_file_arrives_whole(void **state)
{
    enum { SIZE = 20 * 1024 * 1024 };
    struct world *world = *state;
    char *bytes = memory_new(SIZE);
    for (size_t i = 0; i < SIZE; i++)
        bytes[i] = (char)('a' + i % 23);
    memcpy(bytes + SIZE - 3, "end", 3);
    int fd = openat(world->root_fd, "large", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    assert_int_equal(write(fd, bytes, SIZE), SIZE);
    close(fd);
    struct peer client = client_open(world);
    peer_say_text(world, &client, GET("/large"));
    peer_hear_bytes(world, &client, SIZE);
    struct slice answer = peer_hear_to(world, &client, "end");
    size_t head = (size_t)((char *)memmem(answer.data, answer.size, "\r\n\r\n", 4) - answer.data) + 4;
    assert_int_equal(answer.size - head, SIZE);
    assert_memory_equal(answer.data + head, bytes, SIZE);
    peer_close(&client);

    client = client_open(world); /* one that leaves in the middle */
    peer_say_text(world, &client, GET("/large"));
    peer_close(&client);
    turn_all(world->loop);
    free(bytes);
}

static void test_a_changed_file_is_seen(void **state)
{
    struct world *world = *state;
    expect(world, GET("/docs/"), "HTTP/1.1 200 ", "\r\n\r\ndocs");
    world_write_file(world, "docs/index.html", "news");
    world_advance(world, 3);
    expect(world, GET("/docs/"), "HTTP/1.1 200 ", "\r\n\r\nnews");
}

static void test_a_root_that_was_deleted_is_told(void **state)
{
    struct world *world = *state;
    char root[96];
    snprintf(root, sizeof root, "%s/old", world->root);
    assert_int_equal(mkdir(root, 0755), 0);
    int fd = world->root_fd;
    world->root_fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    world_serve(world, "[{'place': 'r.yaml:1:1', 'path': '/*', 'kind': 'files', 'root': 'files:0'}]");
    assert_int_equal(rmdir(root), 0);
    expect(world, GET("/x"), "HTTP/1.1 503 ", "Restart reeve");
    close(world->root_fd);
    world->root_fd = fd;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_what_answers, set_up, world_tear_down),
        cmocka_unit_test_setup_teardown(test_a_large_file_arrives_whole, set_up, world_tear_down),
        cmocka_unit_test_setup_teardown(test_a_changed_file_is_seen, set_up, world_tear_down),
        cmocka_unit_test_setup_teardown(test_a_root_that_was_deleted_is_told, set_up, world_tear_down),
    };
    return run_group(tests);
}
