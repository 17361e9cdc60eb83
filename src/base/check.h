/* Assertions that stay on in release: a failed one is a bug of ours, never a peer's doing. */
#pragma once

/* Prints file, line and the failed condition to stderr and aborts. */
#define CHECK(condition)                                                                                     \
    do {                                                                                                     \
        if (__builtin_expect(!(condition), 0))                                                               \
            check_failed(#condition, __FILE__, __LINE__);                                                    \
    } while (0)

/* Marks a place that no correct program reaches (a switch over an enum that names every case). */
#define UNREACHABLE() check_failed("unreachable", __FILE__, __LINE__)

__attribute__((noreturn, cold)) void check_failed(const char *condition, const char *file, int line);
