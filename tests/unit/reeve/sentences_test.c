/* The journal in words: a table of rows and what they become. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "reeve/sentences.h"

/* 2026-11-25 14:02:11 UTC */
#define NOON 1795615331000

struct row {
    int at_ms; /* from NOON */
    const char *target, *event, *evidence;
};

enum { ROWS_MOST = 8 };

struct cell {
    struct row rows[ROWS_MOST];
    const char *text; /* each sentence on a line of its own */
};

#define PROCESS "'pid': 812, 'start_time': 5, 'started_ms': 1795597202000, 'nonce': 'ok', 'generation': 4"

static const struct cell cells[] = {
    {{{0, "api", "stop",
       "{" PROCESS ", 'signal': 15, 'grace_ms': 10000, 'reason': 'idle 15 m', 'last_request': "
       "{'time_ms': 1795614430000, 'request': 'GET /x', 'from': 'ann'}}"},
      {300, "api", "exit", "{'cause': 'exit', 'text': 'exited with 0 after 5 h', 'code': 0, 'signal': 0}"}},
     "14:02:11 api was stopped: idle 15 m (last request 13:47:10 GET /x from ann); SIGTERM to pid 812 "
     "(started "
     "09:00:02, nonce ok); exited 0 after 0.3 s\n"},
    {{{0, "api", "start-asked", "{'state': 'down', 'by': 'ann'}"},
      {1, "api", "spawn", "{'nonce': 'abc', 'address': '127.0.0.1:20001', 'generation': 4}"},
      {5, "api", "started", "{" PROCESS ", 'hold': 811}"},
      {310, "api", "ready", "{'generation': 4, 'pid': 812, 'ready_after_ms': 305}"}},
     "14:02:11 api was started: by ann (it was down); generation 4 on 127.0.0.1:20001, pid 812; ready after "
     "0.3 "
     "s\n"},
    {{{0, "api", "start-asked", "{'state': 'failed', 'by': 'ann'}"}},
     "14:02:11 api was not started again, which takes a restart: by ann (it was failed)\n"},
    {{{0, "api", "restart-asked", "{'state': 'ready', 'by': 'uid 0'}"},
      {1, "api", "stop", "{" PROCESS ", 'signal': 15, 'reason': 'restarted'}"},
      {10001, "api", "exit", "{'cause': 'signal', 'signal': 9, 'code': -1, 'leftovers': 2, 'remaining': 1}"},
      {10002, "api", "spawn", "{'generation': 5, 'address': ''}"}},
     "14:02:11 api was restarted: by uid 0; SIGTERM to pid 812 (started 09:00:02, nonce ok); killed by "
     "SIGKILL "
     "after 10 s; 1 process that it left behind ended with it; 1 could not be ended\n"
     "14:02:21 api was started: generation 5\n"},
    {{{0, "api", "exit", "{'text': 'exited with 7 after 0.2 s', 'pid': 812, 'code': 7, 'signal': 0}"},
      {1, "api", "backoff", "{'text': 'exited with 7 after 0.2 s', 'delay_ms': 2500}"}},
     "14:02:11 api exited with 7 after 0.2 s (pid 812); next attempt in 2.5 s\n"},
    {{{0, "api", "exit", "{'text': 'killed by SIGHUP after 9.0 s', 'pid': 812, 'signal': 1}"}},
     "14:02:11 api was killed by SIGHUP after 9.0 s (pid 812)\n"},
    {{{0, "api", "start-failed", "{'text': 'no such file'}"}, {1, "api", "backoff", "{'delay_ms': 200}"}},
     "14:02:11 api could not be started: no such file; next attempt in 0.2 s\n"},
    {{{0, "api", "started", "{" PROCESS "}"},
      {30000, "api", "not-ready", "{'text': 'nothing listened within 30 s'}"},
      {30001, "api", "stop", "{" PROCESS ", 'signal': 15, 'reason': 'nothing listened within 30 s'}"},
      {30101, "api", "exit", "{'code': 0, 'signal': 0}"}},
     "14:02:11 api runs: pid 812 (started 09:00:02, nonce ok); did not get ready: nothing listened within 30 "
     "s; "
     "SIGTERM to pid 812 (started 09:00:02, nonce ok); exited 0 after 0.1 s\n"},
    {{{0, "sh", "terminal",
       "{'action': 'attach', 'user': 'ann', 'viewer': 3, 'view': false, 'generation': 4}"},
      {1, "sh", "terminal", "{'action': 'attach', 'user': 'eve', 'viewer': 4, 'view': true}"},
      {2000, "sh", "terminal",
       "{'action': 'input', 'user': 'ann', 'viewer': 3, 'bytes': 41, 'first_ms': 1795615331000, 'last_ms': "
       "1795615332000}"},
      {2001, "sh", "terminal", "{'action': 'detach', 'user': 'ann', 'viewer': 3}"},
      {3000, "sh", "terminal",
       "{'action': 'attach', 'user': 'ann', 'viewer': 90, 'view': false, 'times': 80, 'first_ms': "
       "1795615331000, 'last_ms': 1795615332000}"},
      {3001, "sh", "terminal",
       "{'action': 'detach', 'user': null, 'viewer': 90, 'times': 1, 'first_ms': 1795615331000, 'last_ms': "
       "1795615332000}"},
      {3002, "sh", "terminal",
       "{'action': 'input', 'user': 'ann', 'viewer': 90, 'times': 80, 'bytes': 160, 'first_ms': "
       "1795615331000, "
       "'last_ms': 1795615332000}"}},
     "14:02:11 sh: ann attached to its terminal (viewer 3)\n14:02:11 sh: eve watches its terminal (viewer "
     "4)\n"
     "14:02:13 sh: ann typed 41 bytes into its terminal until 14:02:12 (viewer 3)\n"
     "14:02:13 sh: ann left its terminal (viewer 3)\n"
     "14:02:14 sh: ann attached to its terminal 80 more times until 14:02:12 (the last as viewer 90)\n"
     "14:02:14 sh: others left its terminal 1 more time at 14:02:12 (viewer 90)\n"
     "14:02:14 sh: ann typed 160 bytes into its terminal until 14:02:12 (the last as viewer 90)\n"},
    {{{0, "api", "adopted", "{" PROCESS ", 'hold': 811}"}, {5, "api", "ready", "{'ready_after_ms': 20}"}},
     "14:02:11 api was adopted: pid 812 (started 09:00:02, nonce ok), kept by hold 811; ready after 0.0 s\n"},
    {{{0, "api", "refused", "{'what': 'hello of a hold', 'text': 'other nonce'}"},
      {1, "api", "lost", "{'text': 'the hold is not the one that was recorded'}"},
      {2, "api", "signal",
       "{'signal': 9, 'pid': 900, 'start_time': 5, 'found_by': 'nonce', 'command': 'sleep 9'}"},
      {3, "api", "remaining", "{'processes': 3}"},
      {4, "api", "hold-stays", "{'pid': 811}"}},
     "14:02:11 api: hello of a hold was refused: other nonce\n"
     "14:02:11 api was lost: the hold is not the one that was recorded\n"
     "14:02:11 api got a signal: SIGKILL to pid 900, found by nonce: sleep 9\n"
     "14:02:11 api left 3 processes that could not be ended\n"
     "14:02:11 api: its hold, pid 811, did not leave and was killed\n"},
    {{{0, "api", "signal", "{" PROCESS ", 'signal': 1, 'by': 'token ci'}"}},
     "14:02:11 api got a signal: SIGHUP to pid 812 (started 09:00:02, nonce ok), by token ci\n"},
    {{{0, NULL, "start", "{'pid': 700, 'nonce': 'x'}"},
      {1, NULL, "serving", "{}"},
      {2, NULL, "signal-received", "{'signal': 15, 'from_pid': 1, 'from_uid': 0}"},
      {3, NULL, "stop", "{'now': false}"},
      {4, NULL, "end", "{'exit_code': 0}"}},
     "14:02:11 reeve was started: pid 700\n"
     "14:02:11 reeve serves\n"
     "14:02:11 reeve got SIGTERM from pid 1 (uid 0)\n"
     "14:02:11 reeve was stopped\n"
     "14:02:11 reeve ended with 0\n"},
    {{{0, NULL, "port-takeover",
       "{'address': '127.0.0.1:80', 'pid': 5, 'uid': 33, 'command': 'nginx', 'signal': 15}"},
      {1, NULL, "port-refused", "{'address': '127.0.0.1:80', 'pid': 5, 'uid': 33, 'command': 'nginx'}"},
      {2, NULL, "port-refused", "{}"},
      {3, NULL, "gate-killed", "{'pid': 6, 'signal': 9, 'reason': 'it did not turn for 10 s'}"},
      {4, NULL, "predecessor-evicted", "{'pid': 7, 'signal': 15}"},
      {5, NULL, "name-refused", "{'error': 'another reeve runs as app'}"},
      {6, NULL, "name-refused", "{}"}},
     "14:02:11 reeve took 127.0.0.1:80 over: SIGTERM to pid 5 (uid 33, nginx)\n"
     "14:02:11 reeve left 127.0.0.1:80 alone: it is held by pid 5 (uid 33, nginx)\n"
     "14:02:11 reeve left a port alone\n"
     "14:02:11 reeve killed a gate: SIGKILL to pid 6: it did not turn for 10 s\n"
     "14:02:11 reeve ended the one before it: SIGTERM to pid 7\n"
     "14:02:11 reeve did not start: another reeve runs as app\n"
     "14:02:11 reeve did not start: its name is taken\n"},
    {{{0, "job/a1", "instance-created", "{'by': 'uid 0'}"},
      {1, NULL, "phase", "{'phase': 'drain', 'budget_ms': 33000}"},
      {2, NULL, "phase", "{'phase': 'startup hooks', 'budget_ms': 0}"},
      {3, NULL, "gate-start", "{'slot': 0, 'generation': 1, 'pid': 42, 'start_time': 5}"},
      {4, NULL, "gate-exit", "{'slot': 0, 'pid': 42, 'signal': 9, 'after_ms': 300}"},
      {5, NULL, "reloaded", "{'by': 'uid 0', 'changes': ['routes', 'log.level']}"},
      {6, NULL, "reloaded", "{'changes': []}"},
      {7, "loop:tick", "loop-failed", "{'text': 'exited with 1 after 0.1 s', 'failures': 3}"}},
     "14:02:11 job/a1 was created by uid 0\n"
     "14:02:11 reeve goes on to: drain (at most 33 s)\n"
     "14:02:11 reeve goes on to: startup hooks\n"
     "14:02:11 reeve started gate 0: pid 42\n"
     "14:02:11 reeve lost gate 0: pid 42, killed by SIGKILL after 0.3 s\n"
     "14:02:11 reeve read its configuration again, asked by uid 0; changed: routes, log.level\n"
     "14:02:11 reeve read its configuration again\n"
     "14:02:11 loop:tick failed: exited with 1 after 0.1 s; failures in a row: 3\n"},
    /* others in between, and what comes too late, begin anew; so does what nobody has words for */
    {{{0, "api", "stop", "{'pid': 1, 'signal': 15, 'reason': 'x'}"},
      {1, "db", "exit", "{'text': 'exited with 1 after 1.0 s'}"},
      {2, "api", "exit", "{'text': 'exited with 0 after 1.0 s'}"},
      {3, "api", "stop", "{'pid': 1, 'signal': 15}"},
      {90000, "api", "exit", "{'text': 'exited with 0 after 90 s'}"},
      {90001, "api", "flew-away", "{'how': 'high', 'metres': 7, 'list': [1]}"},
      {90002, "api", "sang", "{}"}},
     "14:02:11 api was stopped: x; SIGTERM to pid 1\n"
     "14:02:11 db exited with 1 after 1.0 s\n"
     "14:02:11 api exited with 0 after 1.0 s\n"
     "14:02:11 api was stopped: for no reason that was noted; SIGTERM to pid 1\n"
     "14:03:41 api exited with 0 after 90 s\n"
     "14:03:41 api: flew-away (how high, metres 7, list [1])\n"
     "14:03:41 api: sang\n"},
};

static json_t *evidence_of(const char *text)
{
    char copy[1024];
    snprintf(copy, sizeof copy, "%s", text);
    for (char *at = copy; *at; at++)
        if (*at == '\'')
            *at = '"';
    json_t *evidence = json_loads(copy, 0, NULL);
    if (!evidence)
        fail_msg("%s", copy);
    return evidence;
}

static json_t *rows_of(const struct cell *cell)
{
    json_t *rows = json_array();
    for (size_t i = 0; i < ROWS_MOST && cell->rows[i].event; i++)
        json_array_append_new(rows, json_pack("{s:I, s:s?, s:s, s:o}", "time_ms",
                                              (json_int_t)(NOON + cell->rows[i].at_ms), "target",
                                              cell->rows[i].target, "event", cell->rows[i].event, "evidence",
                                              evidence_of(cell->rows[i].evidence)));
    return rows;
}

static void test_rows_become_sentences(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cells / sizeof *cells; i++) {
        char text[4096] = "", time[SENTENCES_TIME_SIZE];
        json_t *rows = rows_of(&cells[i]), *sentences = sentences_make(rows);
        size_t events = 0;
        for (size_t j = 0; j < json_array_size(sentences); j++) {
            const json_t *row = json_array_get(sentences, j);
            size_t used = strlen(text);
            snprintf(text + used, sizeof text - used, "%s %s\n",
                     sentences_time(json_integer_value(json_object_get(row, "time_ms")), NOON, time),
                     json_string_value(json_object_get(row, "text")));
            events += (size_t)json_integer_value(json_object_get(row, "events"));
        }
        assert_string_equal(text, cells[i].text);
        assert_int_equal(events, json_array_size(rows));
        json_decref(sentences);
        json_decref(rows);
    }
}

static void test_another_day_has_its_date(void **state)
{
    char text[SENTENCES_TIME_SIZE];
    (void)state;
    assert_string_equal(sentences_time(NOON - 86400000LL, NOON, text), "2026-11-24 14:02:11");
    assert_string_equal(sentences_time(NOON, NOON, text), "14:02:11");
}

static void test_rows_that_are_none(void **state)
{
    (void)state;
    json_t *rows = json_pack("[i, {}, {s:i}]", 5, "event", 7), *sentences = sentences_make(rows);
    assert_int_equal(json_array_size(sentences), 3);
    json_decref(sentences);
    json_decref(rows);
    sentences = sentences_make(NULL);
    assert_int_equal(json_array_size(sentences), 0);
    json_decref(sentences);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_become_sentences),
        cmocka_unit_test(test_another_day_has_its_date),
        cmocka_unit_test(test_rows_that_are_none),
    };
    setenv("TZ", "UTC", 1);
    tzset();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
