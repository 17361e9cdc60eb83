/* Who cannot accept says so, once, and when it can again. */
#include "../support.h"

#include <sys/resource.h>

#include "gate/entrance.h"
#include "net/listener.h"

struct seen {
    int accepted, troubles, ends;
    char text[256];
};

static void on_accept(void *owner, int fd, const struct address *peer, unsigned index)
{
    struct seen *seen = owner;
    (void)peer;
    (void)index;
    close(fd);
    seen->accepted++;
}

static void on_trouble(void *owner, const char *text)
{
    struct seen *seen = owner;
    if (text)
        snprintf(seen->text, sizeof seen->text, "%s", text);
    seen->troubles += text != NULL;
    seen->ends += text == NULL;
}

/* Lets time pass in steps that its timers see. */
static void pass(struct loop *loop, struct fake_clock *clock, int64_t ms)
{
    for (int64_t gone = 0; gone < ms; gone += 50) {
        clock->now_us += 50 * 1000;
        turn_all(loop);
    }
}

static void without_descriptors_it_says_so_once_and_when_it_is_over(void **state)
{
    (void)state;
    struct fake_clock clock = FAKE_CLOCK(1000);
    struct loop *loop = loop_new(&clock.clock);
    struct seen seen = {0};
    struct address address;
    struct rlimit old, none;
    int page = page_create("reeve-test");
    struct pages pages = {.own = page_map(page, 1)};
    assert_true(address_parse(SLICE("127.0.0.1:0"), &address, NULL));
    int fd = listener_bind(&address);
    assert_int_equal(address_of_socket(fd, &address), 0);
    const char *const addresses[] = {"127.0.0.1:0"};
    struct entrance *entrance = entrance_new(loop, &pages, on_accept, on_trouble, &seen);
    entrance_open(entrance, &fd, addresses, 1);
    int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(client, &address.any, address.size), 0);

    getrlimit(RLIMIT_NOFILE, &old);
    none = (struct rlimit){.rlim_cur = 3, .rlim_max = old.rlim_max};
    setrlimit(RLIMIT_NOFILE, &none);
    pass(loop, &clock, 20000);
    setrlimit(RLIMIT_NOFILE, &old);
    assert_int_equal(seen.accepted, 0);
    assert_int_equal(seen.troubles, 1);
    assert_int_equal(seen.ends, 0);
    assert_non_null(strstr(seen.text, "Too many open files; raise"));

    pass(loop, &clock, 1000);
    assert_int_equal(seen.accepted, 1);
    assert_int_equal(seen.ends, 0); /* it may come again at once */
    pass(loop, &clock, 6000);
    assert_int_equal(seen.troubles, 1);
    assert_int_equal(seen.ends, 1);

    close(client);
    entrance_free(&entrance);
    page_unmap(&pages.own);
    close(page);
    loop_free(&loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_descriptors_it_says_so_once_and_when_it_is_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
