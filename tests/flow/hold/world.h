/* What the flow tests of the hold share: a real reeve-hold started by spawn_hold() under a subreaper (the
 * test itself), in a state directory of its own. A kept program is a shell script or this executable with a
 * word. */
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "link/channel.h"
#include "link/spawn.h"
#include "wire/hold.h"
#include "wire/logline.h"

enum { PATIENCE_MS = 20000, MOST_WORDS = 8 };

struct world {
    char root[64];
    char socket[96];
    int program;
    int log, run; /* directories */
    int cgroup;
    int channel;   /* -1: no keeper */
    int link;      /* of a recording with a terminal */
    json_t *early; /* news of output that came before it was expected */
    char *words[MOST_WORDS];
    char *environment[MOST_WORDS];
    struct hold_spec spec;
    pid_t hold, pid;
    size_t step;          /* of a recording; shown when it fails */
    struct buffer output; /* texts of the log, as read by read_output() */
};

int set_up(void **state);
void leave(struct world *world);
/* Waits until every process that the test started has ended. The hold must have gone by itself, and well: a
 * leak or another finding of a sanitizer shows in its status. */
void reap_all(const struct world *world);
int tear_down(void **state);
/* The next message, which must be of `type`; its body is the caller's. */
json_t *expect(struct world *world, enum message_type type);
void tell(struct world *world, enum message_type type, json_t *body);
json_t *ask(struct world *world, enum message_type type, json_t *body);
void spawn(struct world *world);
void command(struct world *world, const char *word, const char *second, const char *third);
void start(struct world *world);
/* Keeps `script`, run by the shell. */
void start_script(struct world *world, const char *script);
/* Keeps this executable with `mode` as its word. */
void start_mode(struct world *world, const char *mode);
struct hold_end decode_end(json_t *body);
/* Waits for the end, passing over news of leftovers and output. */
struct hold_end expect_end(struct world *world);
/* The hold leaves after this. */
void acknowledge(struct world *world);
struct hold_end run_to_end(struct world *world, const char *script);
struct buffer read_file(int directory, const char *name);
/* Every record as "stdout:text|", with "+" instead of "|" where the line goes on. */
const char *read_output(struct world *world);
/* Waits until the log holds `text`. */
void await_output(struct world *world, const char *text);
bool process_lives(pid_t pid);

/* In a kept mode of a test: sigaction(2) with a plain handler. */
void on_signal(int signo, void (*handler)(int signo));

#define HOLD_TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
