/* What unit tests of loop, net and link share: a clock that the test moves, a loop driven until something
 * holds, and the count of open descriptors. Header-only: each test is one executable of one file. */
#pragma once

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "loop/loop.h"

/* --- a clock moved by hand --- */

struct fake_clock {
    struct clock clock;
    int64_t now_us;
};

static inline int64_t fake_monotonic_us(const struct clock *clock)
{
    return ((const struct fake_clock *)(const void *)clock)->now_us;
}

static inline int64_t fake_ms(const struct clock *clock)
{
    return fake_monotonic_us(clock) / 1000;
}

#define FAKE_CLOCK(start_us)                                                                                 \
    {                                                                                                        \
        .clock = {.monotonic_us = fake_monotonic_us, .boottime_ms = fake_ms, .wall_ms = fake_ms},            \
        .now_us = (start_us)                                                                                 \
    }

/* A write to a pipe that nobody reads is an error and no signal, as in a gate. */
static inline void ignore_broken_pipes(void)
{
    struct sigaction ignored = {.sa_handler = SIG_IGN};
    assert_int_equal(sigaction(SIGPIPE, &ignored, NULL), 0);
}

/* --- driving a loop --- */

enum { PATIENCE_MS = 20000 }; /* how long a test waits for what must happen, however slow the machine */

/* Turns the loop until *done; fails the test when that takes longer than PATIENCE_MS. */
static inline void turn_until(struct loop *loop, const bool *done)
{
    int64_t end = clock_system.monotonic_us(&clock_system) + PATIENCE_MS * 1000LL;
    while (!*done) {
        loop_step(loop, 50);
        assert_true(clock_system.monotonic_us(&clock_system) < end);
    }
}

/* Waits until the kernel has delivered what this process has sent over loopback so far, which a busy machine
 * may put off (ksoftirqd): each CPU's queue is in order, so a datagram of our own comes behind it. For that
 * the process stays on one CPU. */
static inline void settle_loopback(void)
{
    struct sockaddr_in self = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct timeval patience = {.tv_sec = PATIENCE_MS / 1000};
    socklen_t size = sizeof self;
    char mark = 0;
    cpu_set_t cpus;
    if (sched_getaffinity(0, sizeof cpus, &cpus) == 0 && CPU_COUNT(&cpus) > 1) {
        CPU_ZERO(&cpus);
        CPU_SET((unsigned)sched_getcpu(), &cpus);
        sched_setaffinity(0, sizeof cpus, &cpus);
    }
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) /* a test has none left */
        return;
    assert_int_equal(bind(fd, (struct sockaddr *)&self, size), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&self, &size), 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), 0);
    assert_int_equal(sendto(fd, &mark, 1, 0, (struct sockaddr *)&self, size), 1);
    assert_int_equal(recv(fd, &mark, 1, 0), 1);
    close(fd);
}

/* Turns until nothing is left to dispatch and nothing is on its way; an acknowledgement may let more go, so
 * one looks again. */
static inline void turn_all(struct loop *loop)
{
    for (int quiet = 0, turns = 0; quiet < 3; turns++) {
        quiet = loop_step(loop, 0) ? 0 : quiet + 1;
        if (quiet > 0 && quiet < 3)
            settle_loopback();
        assert_true(turns < 1000000);
    }
}

/* The same where nothing goes over loopback: a tenth of the cost, for tests that turn many thousand times. */
static inline void turn_here(struct loop *loop)
{
    for (int quiet = 0, turns = 0; quiet < 3; turns++) {
        quiet = loop_step(loop, 0) ? 0 : quiet + 1;
        assert_true(turns < 1000000);
    }
}

/* --- descriptors --- */

static inline int open_descriptors(void)
{
    DIR *folder = opendir("/proc/self/fd");
    assert_non_null(folder);
    int count = 0;
    while (readdir(folder))
        count++;
    closedir(folder);
    return count;
}

static inline void make_pair(int type, int pair[2])
{
    assert_int_equal(socketpair(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
}

/* Runs the group and fails when it leaves a descriptor open. */
#define run_group(tests) run_group_and_count((tests), sizeof(tests) / sizeof((tests)[0]))

static inline int run_group_and_count(const struct CMUnitTest *tests, size_t count)
{
    int before = open_descriptors();
    int failed = _cmocka_run_group_tests("tests", tests, count, NULL, NULL);
    int after = open_descriptors();
    if (after != before)
        fprintf(stderr, "descriptors left open: %d before, %d after\n", before, after);
    return failed || after != before;
}
