#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/check.h"
#include "base/memory.h"

/* Runs `fatal` in a child and returns what it wrote to stderr; it must have ended by SIGABRT. */
static char *last_words(void (*fatal)(void))
{
    int pipe_ends[2];
    assert_int_equal(pipe(pipe_ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        dup2(pipe_ends[1], STDERR_FILENO);
        fatal();
        _exit(0);
    }
    close(pipe_ends[1]);
    char *text = memory_new(4096);
    for (size_t size = 0; size < 4095;) {
        ssize_t got = read(pipe_ends[0], text + size, 4095 - size);
        if (got <= 0)
            break;
        size += (size_t)got;
    }
    close(pipe_ends[0]);
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGABRT);
    return text;
}

static void break_a_rule(void)
{
    int size = 3;
    CHECK(size == 4);
}

static void overflow_an_array(void)
{
    free(memory_new_array(SIZE_MAX / 2, 3));
}

static void test_a_failed_check_names_place_and_condition(void **state)
{
    (void)state;
    CHECK(1 == 1);
    char *text = last_words(break_a_rule);
    assert_non_null(strstr(text, "check_test.c:"));
    assert_non_null(strstr(text, "size == 4"));
    free(text);
}

static void test_an_array_that_cannot_be_is_fatal(void **state)
{
    (void)state;
    char *text = last_words(overflow_an_array);
    assert_non_null(strstr(text, "memory.c:"));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_failed_check_names_place_and_condition),
        cmocka_unit_test(test_an_array_that_cannot_be_is_fatal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
