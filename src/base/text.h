/* The spellings of durations and sizes that users write and read (contract §1, "Values"). */
#pragma once

#include "base/slice.h"

/* "250ms" "2s" "5m" "1h" "7d" → milliseconds; a whole number and one unit, nothing else. */
bool text_to_duration(struct slice text, int64_t *milliseconds);
/* "0" "512" "64k" "8M" "1G" → bytes (k = 1024); false on anything else or overflow. */
bool text_to_size(struct slice text, int64_t *bytes);

enum { TEXT_NUMBER_SIZE = 32 };

/* The shortest spelling that reads back to the same number, into text[TEXT_NUMBER_SIZE]; returns text. */
char *text_of_duration(int64_t milliseconds, char *text);
char *text_of_size(int64_t bytes, char *text);

/* "TERM" "SIGTERM" "sigterm" "15" → 15; a signal that this system has, never 0. */
bool text_to_signal(struct slice text, int *signo);
enum { TEXT_SIGNAL_SIZE = 16 };
/* "SIGTERM"; "signal 99" for one without a name. Into text[TEXT_SIGNAL_SIZE]; returns text. */
char *text_of_signal(int signo, char *text);

/* Edits (insert, delete, replace, swap of neighbours) that turn a into b; for "did you mean". */
unsigned text_distance(struct slice a, struct slice b);
