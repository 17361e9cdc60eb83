/* Random interleavings of a writer and two gates, from a printed seed. Each client gets every line once and
 * in order; a reset comes only where lines were lost.
 *
 * STORM_RUNS=1000000 STORM_SEED=7 runs more; STORM_SCRIPT="1 67 0 ..." runs one and tells what happens. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "storm_gates.h"

enum { SCRIPT_MOST = 201 };

/* --- a storm ----------------------------------------------------------------------------------------- */

static void storm_begin_process(void)
{
    snprintf(storm.path, sizeof storm.path, "/tmp/storm-XXXXXX");
    CHECK(mkdtemp(storm.path));
    storm.folder = open(storm.path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    storm.now_us = 1000000;
    storm.clock = (struct clock){.monotonic_us = storm_us, .boottime_ms = storm_ms, .wall_ms = storm_ms};
    for (int i = 0; i < STORM_GATES; i++) {
        storm.gates[i].loop = loop_new(&storm.clock);
        storm.gates[i].group =
            tail_group_new(&(struct tail_group_settings){.loop = storm.gates[i].loop, .owner = &storm});
    }
}

static void storm_empty_folder(void)
{
    DIR *listing = fdopendir(openat(storm.folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    for (struct dirent *entry; (entry = readdir(listing));)
        if (entry->d_name[0] != '.')
            unlinkat(storm.folder, entry->d_name, 0);
    closedir(listing);
}

static void storm_begin(unsigned mode)
{
    storm.mode = mode;
    storm.file_ns = INT64_C(1000000000) * 1000000000;
    storm.current = storm.file_count = storm.line_count = storm.number = storm.lossy = storm.inode_count = 0;
    storm.rest_size = storm.made = 0;
    storm.torn = 0;
    storm.armed_count = 0;
    storm.error[0] = '\0';
    storm_open();
    storm_append(0);
    for (int gate = 0; gate < STORM_GATES; gate++)
        loop_step(storm.gates[gate].loop, 0); /* its time is ours */
    for (int i = 0; i < STORM_CLIENTS; i++) {
        storm.clients[i] = (struct storm_client){0};
        storm_join(&storm.clients[i], i & 1, true);
        storm.clients[i].after = 0;
    }
}

/* The last line comes, and everybody gets it. */
static void storm_end(void)
{
    storm.armed_count = 0;
    STORM_SAY("the end\n");
    storm_finish();
    storm_reopen(0);
    storm_append(0);
    for (int i = 0; i < STORM_CLIENTS; i++) {
        struct storm_client *client = &storm.clients[i];
        if (client->joined && client->restless)
            tail_resume(&client->reader);
        client->restless = false;
    }
    for (int again = 0; again < 2; again++) {
        for (int i = 0; i < STORM_CLIENTS; i++) /* again: whose line was torn */
            storm_join(&storm.clients[i], i & 1, false);
        for (int gate = 0; gate < STORM_GATES; gate++)
            storm_settle(gate);
    }
    for (int i = 0; i < STORM_CLIENTS; i++)
        if (storm.clients[i].last != storm.line_count)
            STORM_FAIL("client %d: ends at %d, not at %d", i, storm.clients[i].last, storm.line_count);
    for (int i = 0; i < STORM_CLIENTS; i++)
        storm_leave(&storm.clients[i]);
    for (int k = 0; k < 2; k++) {
        storm.now_us += (TAIL_LINGER_MS + 1) * INT64_C(1000);
        for (int gate = 0; gate < STORM_GATES; gate++)
            storm_settle(gate);
    }
    close(storm.fd);
    storm_empty_folder();
}

/* NULL, or what went wrong first. */
static const char *storm_run(const uint8_t *script, size_t size)
{
    storm_begin(size ? script[0] : 0);
    for (size_t i = 1; i + 1 < size && !storm.error[0] && storm.file_count < STORM_FILES - 4; i += 2) {
        uint8_t action = script[i], argument = script[i + 1];
        if (action < 128) {
            storm_step(action, argument);
        } else if (storm.armed_count < STORM_ARMED) { /* inside of the next turn */
            storm.armed[storm.armed_count++] = (struct storm_armed){
                .calls = action % 32, .action = argument % STORM_WRITES, .argument = argument / STORM_WRITES};
        }
    }
    storm_end();
    return storm.error[0] ? storm.error : NULL;
}

/* --- scripts ----------------------------------------------------------------------------------------- */

struct script {
    size_t size;
    uint8_t bytes[SCRIPT_MOST];
};

/* splitmix64 */
static uint8_t next_byte(uint64_t *state)
{
    *state += 0x9e3779b97f4a7c15;
    uint64_t z = *state;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return (uint8_t)(z >> 40);
}

static struct script make_script(uint64_t seed, unsigned mode)
{
    struct script script = {.size = 3 + 2 * (next_byte(&seed) % 100U)};
    for (size_t i = 0; i < script.size; i++)
        script.bytes[i] = next_byte(&seed);
    script.bytes[0] = (uint8_t)mode;
    return script;
}

/* Leaves out what is not needed for the fault. */
static void shorten(struct script *script)
{
    for (size_t count = 32; count >= 1; count /= 2)
        for (size_t at = 1; at + 2 * count <= script->size;) {
            struct script less = *script;
            less.size -= 2 * count;
            memmove(less.bytes + at, less.bytes + at + 2 * count, less.size - at);
            if (storm_run(less.bytes, less.size))
                *script = less;
            else
                at += 2;
        }
}

static void tell(const struct script *script)
{
    printf("STORM_SCRIPT=\"");
    for (size_t i = 0; i < script->size; i++)
        printf("%s%d", i ? " " : "", script->bytes[i]);
    printf("\"\n");
    storm.verbose = true;
    storm_run(script->bytes, script->size);
    storm.verbose = false;
}

/* --- tests ------------------------------------------------------------------------------------------- */

static long number_of(const char *name, long otherwise)
{
    const char *text = getenv(name);
    return text ? strtol(text, NULL, 10) : otherwise;
}

static void test_given_script(void **state)
{
    struct script script = {0};
    const char *text = getenv("STORM_SCRIPT");
    (void)state;
    for (char *end; text && *text && script.size < SCRIPT_MOST; text = end) {
        script.bytes[script.size++] = (uint8_t)strtol(text, &end, 10);
        if (end == text)
            break;
    }
    if (script.size > 0)
        tell(&script);
    assert_true(script.size == 0 || !storm.error[0]);
}

static void test_storms(void **state)
{
    long runs = number_of("STORM_RUNS", 960), seed = number_of("STORM_SEED", 1);
    (void)state;
    for (long run = 0; run < runs; run++) {
        struct script script =
            make_script((uint64_t)seed * 1000003 + (uint64_t)run, (unsigned)run % STORM_MODES);
        const char *error = storm_run(script.bytes, script.size);
        if (!error)
            continue;
        printf("seed %ld run %ld: %s\n", seed, run, error);
        shorten(&script);
        tell(&script);
        fail();
    }
    assert_true(storm.calls > 10 * runs); /* the gates have done something */
}

static int set_up(void **state)
{
    (void)state;
    storm_begin_process();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    for (int i = 0; i < STORM_GATES; i++) {
        tail_group_free(&storm.gates[i].group);
        loop_free(&storm.gates[i].loop);
    }
    close(storm.folder);
    return rmdir(storm.path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_given_script),
        cmocka_unit_test(test_storms),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
