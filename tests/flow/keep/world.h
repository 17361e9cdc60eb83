/* What the flow tests of targets share: a configuration, real holds and programs, a keeper's targets in this
 * process (a subreaper), and what they told. */
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/memory.h"
#include "keep/instances.h"

enum { PATIENCE_MS = 20000, EVENTS_MOST = 256 };

struct world {
    char root[64];
    char count_file[96]; /* of the kept program; a line per start */
    char state[96];
    char runtime[96];
    char sockets[96];
    struct config *config;
    struct loop *loop;
    struct targets *targets;
    struct instances *instances; /* with templates in the configuration */
    char gone[256];              /* names that on_gone told: "shell/a1 " ... */
    unsigned first_port;         /* of those that services get */
    int program;
    int descriptors;              /* open at the beginning, and at the end again */
    char events[EVENTS_MOST][64]; /* "target event" of the journal */
    unsigned event_count;
    char states[512]; /* of the target "api", as on_change told them: "starting ready " ... */
    uint32_t probe;   /* the last question; 0: none or answered */
    int probe_socket;
    unsigned calls; /* of done() and the like */
    bool ok;        /* of the last verb */
    char text[512]; /* the cause that came with it */
};

int set_up(void **state);
/* Stops everything and checks that no process, socket or folder of a run is left. */
int tear_down(void **state);

/* Reads `services` (YAML below "services:", each line indented by two; $APP is "[program, count file") and
 * makes targets of it; adopts what is there. */
void keep(struct world *world, const char *services);
/* The same configuration in a new keeper, as after a crash of the last. */
void crash(struct world *world);
void keep_again(struct world *world);

const struct target_row *row(struct world *world, const char *name);
/* Turns the loop until it is true; fails after PATIENCE_MS. */
void until_state(struct world *world, const char *name, enum target_state state);
#define UNTIL(world, condition)                                                                              \
    do {                                                                                                     \
        int64_t until_end = loop_now_ms((world)->loop) + PATIENCE_MS;                                        \
        while (!(condition)) {                                                                               \
            if (loop_now_ms((world)->loop) > until_end)                                                      \
                fail_waiting((world), #condition);                                                           \
            loop_step((world)->loop, 50);                                                                    \
        }                                                                                                    \
    } while (0)
__attribute__((noreturn)) void fail_waiting(struct world *world, const char *condition);

/* The verb, until it is answered. */
void verb(struct world *world, const char *name, enum targets_verb verb);
void stop_all(struct world *world, bool now);
/* Lines in the count file. */
int starts(const struct world *world);
/* How often the journal has "target event". */
int journalled(const struct world *world, const char *event);
/* The hold of a main process; 0 when that has gone. */
pid_t parent_of(pid_t pid);
bool connects(const char *address);
