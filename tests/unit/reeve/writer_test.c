/* Whatever is behind the descriptor and does not read: the caller is never kept waiting. */
#include "../support.h"

#include <fcntl.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

#include "reeve/writer.h"

enum { LINE_SIZE = 1000, LINES = 4000, PATIENCE_S = 60 /* then SIGALRM ends the test */ };

/* More than any queue of the kernel's and the writer's own holds. */
static void write_lines(struct writer *writer)
{
    char line[LINE_SIZE];
    memset(line, 'x', sizeof line);
    line[LINE_SIZE - 1] = '\n';
    alarm(PATIENCE_S);
    for (int i = 0; i < LINES; i++)
        writer_write(writer, slice_of(line, sizeof line));
    writer_free(&writer);
    alarm(0);
}

static void a_terminal_that_nobody_reads_stops_nobody(void **state)
{
    (void)state;
    int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    assert_true(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0);
    int terminal = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
    assert_true(terminal >= 0);
    write_lines(writer_new(terminal));
    assert_false(fcntl(terminal, F_GETFL) & O_NONBLOCK); /* a shell may have it too */
    close(terminal), close(master);
}

static void a_pipe_that_nobody_reads_stops_nobody(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    write_lines(writer_new(ends[1]));
    assert_false(fcntl(ends[1], F_GETFL) & O_NONBLOCK);
    close(ends[0]), close(ends[1]);
}

static void a_socket_that_nobody_reads_stops_nobody(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    write_lines(writer_new(ends[1]));
    close(ends[0]), close(ends[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_terminal_that_nobody_reads_stops_nobody),
        cmocka_unit_test(a_pipe_that_nobody_reads_stops_nobody),
        cmocka_unit_test(a_socket_that_nobody_reads_stops_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
