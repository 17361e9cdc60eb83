#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "keep/record.h"

struct place {
    char path[64];
    int fd;
};

static int make_place(void **state)
{
    static struct place place;
    snprintf(place.path, sizeof place.path, "/tmp/record_test.XXXXXX");
    if (!mkdtemp(place.path))
        return -1;
    place.fd = open(place.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    *state = &place;
    return place.fd < 0 ? -1 : 0;
}

static int remove_place(void **state)
{
    struct place *place = *state;
    DIR *folder = opendir(place->path);
    for (struct dirent *entry = readdir(folder); entry; entry = readdir(folder))
        unlinkat(place->fd, entry->d_name, 0);
    closedir(folder);
    close(place->fd);
    return rmdir(place->path);
}

static struct record full_record(void)
{
    struct record record = {
        .target = "shell/a.1",
        .generation = 12,
        .nonce = "00112233445566778899aabbccddeeff",
        .boot = "9a5c7d3e-0000-4000-8000-000000000000",
        .socket = "/run/reeve/x/hold-a",
        .address = "127.0.0.1:20001",
        .user = 1000,
        .hold = {.pid = 100, .start_time = 5000, .boot = "9a5c7d3e-0000-4000-8000-000000000000"},
        .main = {.pid = 101, .start_time = 5001, .boot = "9a5c7d3e-0000-4000-8000-000000000000"},
        .started_ms = 77,
        .started_wall_ms = 1700000000000,
        .ready_after_ms = 30,
        .restarts = 3,
    };
    return record;
}

static void put(const struct place *place, const char *name, const char *text)
{
    int fd = openat(place->fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

static void test_a_record_survives_the_way(void **state)
{
    const struct place *place = *state;
    struct record record = full_record();
    assert_int_equal(record_write(place->fd, &record), 0);
    struct record read;
    struct error error = {0};
    assert_true(record_read(place->fd, "shell@a.1.12", &read, &error));
    assert_memory_equal(&read, &record, sizeof record);
    record.hold = record.main = (struct identity){0};
    record.ready_after_ms = -1;
    record.over = true;
    assert_int_equal(record_write(place->fd, &record), 0);
    assert_true(record_read(place->fd, "shell@a.1.12", &read, &error));
    assert_memory_equal(&read, &record, sizeof record);
    struct stat about;
    assert_int_equal(fstatat(place->fd, "shell@a.1.12.json", &about, 0), 0);
    assert_int_equal(about.st_mode & 07777, 0600);
}

static void test_records_are_listed_oldest_first(void **state)
{
    const struct place *place = *state;
    static const uint64_t generations[] = {2, 10, 9};
    struct record record = full_record();
    for (int i = 0; i < 3; i++) {
        snprintf(record.target, sizeof record.target, "api");
        record.generation = generations[i];
        assert_int_equal(record_write(place->fd, &record), 0);
    }
    static const char *const others[] = {
        "api.11",      "x.json",  "api.x.json", "api.0.json",
        ".api.3.json", ".1.json", "api.json",   "api.99999999999999999999.json"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        put(place, others[i], "{}");
    struct record_entry *entries;
    int count = record_list(place->fd, &entries);
    assert_int_equal(count, 3);
    assert_string_equal(entries[0].name, "api.2");
    assert_string_equal(entries[1].name, "api.9");
    assert_string_equal(entries[2].name, "api.10");
    assert_string_equal(entries[2].target, "api");
    assert_int_equal(entries[2].generation, 10);
    free(entries);
}

static bool reads(const struct place *place, const char *text)
{
    put(place, "api.1.json", text);
    struct record record;
    struct error error = {0};
    bool fine = record_read(place->fd, "api.1", &record, &error);
    assert_true(fine || error.text[0]);
    return fine;
}

static void test_every_cut_of_a_record_is_refused(void **state)
{
    const struct place *place = *state;
    struct record record = full_record();
    snprintf(record.target, sizeof record.target, "api");
    record.generation = 1;
    assert_int_equal(record_write(place->fd, &record), 0);
    char text[4096] = {0};
    int fd = openat(place->fd, "api.1.json", O_RDONLY | O_CLOEXEC);
    ssize_t size = read(fd, text, sizeof text - 1);
    close(fd);
    assert_true(size > 100 && reads(place, text));
    for (ssize_t cut = size - 1; cut >= 0; cut -= 7) {
        text[cut] = '\0';
        assert_false(reads(place, text));
    }
}

static void wrong_member(const struct place *place, const char *key, json_t *value)
{
    struct record record = full_record();
    snprintf(record.target, sizeof record.target, "api");
    record.generation = 1;
    assert_int_equal(record_write(place->fd, &record), 0);
    int fd = openat(place->fd, "api.1.json", O_RDONLY | O_CLOEXEC);
    json_t *object = json_loadfd(fd, 0, NULL);
    close(fd);
    if (value)
        json_object_set_new(object, key, value);
    else
        json_object_del(object, key);
    char *text = json_dumps(object, 0);
    if (reads(place, text))
        fail_msg("accepted a wrong %s", key);
    free(text);
    json_decref(object);
}

static void test_wrong_members_are_refused(void **state)
{
    const struct place *place = *state;
    static const char *const needed[] = {
        "target",   "generation", "nonce",           "boot", "socket", "address", "user",
        "restarts", "started_ms", "started_wall_ms", "hold", "main",   "over",    "ready_after_ms"};
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++) {
        wrong_member(place, needed[i], NULL);
        wrong_member(place, needed[i], json_real(1.5));
    }
    wrong_member(place, "nonce", json_string(""));
    wrong_member(place, "nonce", json_string("0011223344556677889/aabbccddeeff"));
    wrong_member(place, "generation", json_integer(2));
    wrong_member(place, "generation", json_integer(-1));
    wrong_member(place, "target", json_string("db"));
    wrong_member(place, "hold", json_pack("{s:i, s:i}", "pid", 0, "start_time", 1));
    wrong_member(place, "hold", json_pack("{s:I, s:i}", "pid", (json_int_t)1 << 33, "start_time", 1));
    wrong_member(place, "main", json_pack("{s:i}", "pid", 7));
    wrong_member(place, "user", json_integer(-1));
}

static void test_a_corrupt_record_is_set_aside(void **state)
{
    const struct place *place = *state;
    put(place, "api.1.json", "{");
    assert_int_equal(record_set_aside(place->fd, "api.1"), 0);
    assert_int_equal(faccessat(place->fd, "api.1.corrupt", F_OK, 0), 0);
    struct record_entry *entries;
    assert_int_equal(record_list(place->fd, &entries), 0);
    free(entries);
}

static void test_a_link_is_no_record(void **state)
{
    const struct place *place = *state;
    struct record record = full_record();
    assert_int_equal(record_write(place->fd, &record), 0);
    assert_int_equal(symlinkat("shell@a.1.12.json", place->fd, "api.1.json"), 0);
    struct error error = {0};
    assert_false(record_read(place->fd, "api.1", &record, &error));
}

static void test_a_record_goes_with_its_folder(void **state)
{
    const struct place *place = *state;
    struct record record = full_record();
    assert_int_equal(record_write(place->fd, &record), 0);
    assert_int_equal(mkdirat(place->fd, "shell@a.1.12", 0700), 0);
    assert_int_equal(mkdirat(place->fd, "shell@a.1.12/deeper", 0700), 0);
    put(place, "shell@a.1.12/exit.json", "{}");
    put(place, "outside", "{}");
    assert_int_equal(symlinkat("../../outside", place->fd, "shell@a.1.12/deeper/link"), 0);
    assert_int_equal(record_remove(place->fd, "shell@a.1.12"), 0);
    assert_true(faccessat(place->fd, "shell@a.1.12", F_OK, 0) < 0);
    assert_true(faccessat(place->fd, "shell@a.1.12.json", F_OK, 0) < 0);
    assert_int_equal(faccessat(place->fd, "outside", F_OK, 0), 0);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, make_place, remove_place)
    const struct CMUnitTest tests[] = {
        TEST(test_a_record_survives_the_way),        TEST(test_records_are_listed_oldest_first),
        TEST(test_every_cut_of_a_record_is_refused), TEST(test_wrong_members_are_refused),
        TEST(test_a_corrupt_record_is_set_aside),    TEST(test_a_link_is_no_record),
        TEST(test_a_record_goes_with_its_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
