/* How a run begins: exec's errors with their causes, what the program inherits, whose it is. */
#include "world.h"

static struct hold_end expect_failure(struct world *world)
{
    spawn(world);
    struct hold_end end = decode_end(expect(world, MESSAGE_HOLD_FAILED));
    assert_true(end.failed);
    assert_int_equal(end.generation, 3);
    acknowledge(world);
    return end;
}

/* A file in the test's directory. */
static char *make_file(const struct world *world, const char *name, const char *content, mode_t mode)
{
    char *path = memory_format("%s/%s", world->root, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, content, strlen(content)), strlen(content));
    assert_int_equal(fchmod(fd, mode), 0);
    close(fd);
    return path;
}

static void test_a_command_that_is_not_there(void **state)
{
    struct world *world = *state;
    command(world, "/nowhere/program", NULL, NULL);
    struct hold_end end = expect_failure(world);
    assert_int_equal(end.error, ENOENT);
    assert_string_equal(end.stage, "exec");
    assert_string_equal(end.path, "/nowhere/program");
    assert_string_equal(end.text, "exec /nowhere/program: No such file or directory");
}

static void test_a_command_that_is_not_in_path(void **state)
{
    struct world *world = *state;
    command(world, "no-such-program-anywhere", NULL, NULL);
    struct hold_end end = expect_failure(world);
    assert_int_equal(end.error, ENOENT);
    assert_string_equal(end.text, "exec no-such-program-anywhere: No such file or directory "
                                  "(not in PATH: /usr/bin:/bin)");
}

static void test_a_long_path_is_told_in_part(void **state)
{
    struct world *world = *state;
    free(world->environment[0]);
    world->environment[0] =
        memory_text("PATH=/usr/bin:/bin:/nowhere-10/nowhere-20/nowhere-30/nowhere-40/"
                    "nowhere-50/nowhere-60/nowhere-70/nowhere-80/nowhere-90/nowhere:/sbin");
    command(world, "no-such-program-anywhere", NULL, NULL);
    struct hold_end end = expect_failure(world);
    assert_non_null(strstr(end.text, "(not in PATH: /usr/bin:/bin:...)"));
}

static void test_a_file_that_is_not_executable(void **state)
{
    struct world *world = *state;
    char *path = make_file(world, "script", "#!/bin/sh\n", 0644);
    command(world, path, NULL, NULL);
    struct hold_end end = expect_failure(world);
    assert_int_equal(end.error, EACCES);
    assert_non_null(strstr(end.text, "Permission denied (is not executable: chmod +x)"));
    free(path);
}

static void test_a_script_whose_interpreter_is_missing(void **state)
{
    struct world *world = *state;
    char *path = make_file(world, "script", "#! /nowhere/python3 -u\n", 0755);
    command(world, path, NULL, NULL);
    struct hold_end end = expect_failure(world);
    assert_int_equal(end.error, ENOENT);
    assert_non_null(strstr(end.text, "(its interpreter is missing: /nowhere/python3)"));
    free(path);
}

static void test_the_interpreter_of_a_script_in_path(void **state)
{
    struct world *world = *state;
    free(make_file(world, "tool", "#!/nowhere/ruby\n", 0755));
    free(world->environment[0]);
    world->environment[0] = memory_format("PATH=/nowhere:%s:/bin", world->root);
    command(world, "tool", NULL, NULL);
    struct hold_end end = expect_failure(world);
    assert_non_null(strstr(end.path, "/tool"));
    assert_non_null(strstr(end.text, "(its interpreter is missing: /nowhere/ruby)"));
}

static void test_a_script_from_another_system(void **state)
{
    struct world *world = *state;
    char *path = make_file(world, "script", "#!/bin/sh\r\n", 0755);
    command(world, path, NULL, NULL);
    struct hold_end end = expect_failure(world);
    assert_non_null(strstr(end.text, "(its first line ends in a carriage return)"));
    free(path);
}

static void test_a_file_that_is_no_program(void **state)
{
    struct world *world = *state;
    char *path = make_file(world, "script", "echo hello\n", 0755);
    command(world, path, NULL, NULL);
    struct hold_end end = expect_failure(world);
    assert_int_equal(end.error, ENOEXEC);
    assert_non_null(strstr(end.text, "a script begins with a line like #!/bin/sh"));
    free(path);
}

static void test_a_directory_that_is_not_there(void **state)
{
    struct world *world = *state;
    command(world, "/bin/true", NULL, NULL);
    world->spec.directory = "/nowhere/at/all";
    struct hold_end end = expect_failure(world);
    assert_int_equal(end.error, ENOENT);
    assert_string_equal(end.stage, "directory");
    assert_string_equal(end.text, "directory /nowhere/at/all: No such file or directory");
}

static void test_a_relative_command_is_looked_for_in_the_directory(void **state)
{
    struct world *world = *state;
    free(make_file(world, "here", "#!/bin/sh\npwd\n", 0755));
    command(world, "./here", NULL, NULL);
    world->spec.directory = world->root;
    start(world);
    assert_int_equal(expect_end(world).code, 0);
    acknowledge(world);
    assert_non_null(strstr(read_output(world), world->root));
}

static void test_the_path_is_the_programs_own(void **state)
{
    struct world *world = *state;
    free(make_file(world, "only-here", "#!/bin/sh\necho found\n", 0755));
    free(world->environment[0]);
    world->environment[0] = memory_format("PATH=/nowhere:%s", world->root);
    command(world, "only-here", NULL, NULL);
    start(world);
    assert_int_equal(expect_end(world).code, 0);
    acknowledge(world);
    assert_string_equal(read_output(world), "stdout:found|");
}

/* --- what the program inherits --- */

static int show_descriptors(void)
{
    for (int fd = 0; fd < 1024; fd++)
        if (fcntl(fd, F_GETFD) >= 0)
            printf("%d ", fd);
    struct stat about;
    printf("%s\n", fstat(0, &about) == 0 && S_ISCHR(about.st_mode) ? "null" : "?");
    return 0;
}

static int show_place(void)
{
    int dies_with_parent = 0;
    prctl(PR_GET_PDEATHSIG, &dies_with_parent);
    printf("session %d group %d umask %03o dumpable %d death %d\n", getsid(0) == getpid(),
           getpgrp() == getpid(), (unsigned)umask(0), prctl(PR_GET_DUMPABLE), dies_with_parent);
    return 0;
}

static void assert_shows(struct world *world, const char *mode, const char *expected)
{
    start_mode(world, mode);
    assert_int_equal(expect_end(world).code, 0);
    acknowledge(world);
    assert_string_equal(read_output(world), expected);
}

static void test_it_has_three_descriptors(void **state)
{
    assert_shows(*state, "descriptors", "stdout:0 1 2 null|");
}

static void test_its_signals_are_at_their_defaults(void **state)
{
    struct world *world = *state;
    assert_int_equal(run_to_end(world, "exec cat /proc/self/status").code, 0);
    assert_non_null(strstr(read_output(world),
                           "stdout:SigBlk:\t0000000000000000|stdout:SigIgn:\t0000000000000000|"
                           "stdout:SigCgt:\t0000000000000000|"));
}

static void test_it_leads_its_own_session(void **state)
{
    struct world *world = *state;
    world->spec.umask = 027;
    assert_shows(world, "place", "stdout:session 1 group 1 umask 027 dumpable 1 death 9|");
}

static void test_its_environment_is_the_specs(void **state)
{
    struct world *world = *state;
    world->environment[1] = memory_text("ODD=\xff\n");
    world->environment[2] = memory_text("REEVE_RUN=0123");
    command(world, "/usr/bin/env", "-0", NULL);
    start(world);
    assert_int_equal(expect_end(world).code, 0);
    acknowledge(world);
    static const char expected[] = "stdout:PATH=/usr/bin:/bin\0ODD=\xef\xbf\xbd|stdout:\0REEVE_RUN=0123\0|";
    assert_memory_equal(read_output(world), expected, sizeof expected);
}

static void test_its_soft_limit_is_not_the_keepers(void **state)
{
    struct world *world = *state;
    world->spec.open_files_soft = 66;
    start_script(world, "ulimit -n; test $(ulimit -Hn) -gt 66 && echo higher");
    assert_int_equal(expect_end(world).code, 0);
    acknowledge(world);
    assert_string_equal(read_output(world), "stdout:66|stdout:higher|");
}

static void test_its_limit_of_open_files(void **state)
{
    struct world *world = *state;
    world->spec.open_files = 77;
    start_script(world, "ulimit -n; ulimit -Hn");
    assert_int_equal(expect_end(world).code, 0);
    acknowledge(world);
    assert_string_equal(read_output(world), "stdout:77|stdout:77|");
}

/* --- whose it is --- */

static void test_a_run_is_its_users(void **state)
{
    struct world *world = *state;
    static const gid_t groups[] = {65533};
    const int uid = getuid() == 0 ? 65534 : (int)getuid(), gid = getuid() == 0 ? 65534 : (int)getgid();
    world->spec.uid = uid;
    world->spec.gid = gid;
    world->spec.groups = groups;
    world->spec.group_count = 1;
    start_script(world, "id -u; id -g; cat /proc/$PPID/maps 2>/dev/null && echo dumpable; cat "
                        "/proc/$PPID/status; exec sleep 1000");
    await_output(world, "nonvoluntary");
    char ids[128], holds[128];
    snprintf(ids, sizeof ids, "stdout:%d|stdout:%d|", uid, gid);
    snprintf(holds, sizeof holds, "Uid:\t%d\t%d\t%d\t%d|", uid, uid, uid, uid);
    const char *found = read_output(world);
    assert_non_null(strstr(found, ids));
    assert_non_null(strstr(found, holds));
    assert_non_null(strstr(found, "Name:\treeve-hold|"));
    assert_null(strstr(found, "stdout:dumpable|"));
    assert_non_null(strstr(found, getuid() == 0 ? "Groups:\t65533 |" : "Groups:"));
    struct stat about;
    assert_int_equal(fstatat(world->log, LOGLINE_CURRENT, &about, 0), 0);
    assert_int_equal(about.st_uid, uid);
    tell(world, MESSAGE_HOLD_STOP, NULL);
    assert_int_equal(expect_end(world).signal, SIGTERM);
    assert_int_equal(fstatat(world->run, "exit.json", &about, 0), 0);
    assert_int_equal(about.st_uid, uid);
    acknowledge(world);
}

static void test_a_user_that_we_may_not_become(void **state)
{
    struct world *world = *state;
    pid_t pid = fork(); /* as someone without privileges */
    if (pid == 0) {
        if (getuid() == 0 && (setgid(65534) || setuid(65534)))
            _exit(1);
        world->spec.uid = getuid() + 1;
        world->socket[strlen(world->root)] = 0;
        snprintf(world->socket, sizeof world->socket, "/tmp/reeve-hold-%d.sock", (int)getpid());
        command(world, "/bin/true", NULL, NULL);
        spawn(world);
        struct hold_end end = decode_end(expect(world, MESSAGE_HOLD_FAILED));
        acknowledge(world);
        unlink(world->socket);
        _exit(end.error == EPERM && strcmp(end.stage, "user") == 0 ? 0 : 2);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static void test_a_program_that_is_not_there_is_told_to_the_keeper(void **state)
{
    struct world *world = *state;
    struct error error = {0};
    int directory = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    command(world, "/bin/true", NULL, NULL);
    struct spawn_settings settings = {.program = directory,
                                      .spec = &world->spec,
                                      .socket = world->socket,
                                      .log_directory = world->log,
                                      .run_directory = world->run,
                                      .cgroup = -1,
                                      .error_output = -1};
    assert_int_equal(spawn_hold(&settings, &error), -EACCES);
    assert_string_equal(error.text, "cannot start the hold: reeve-hold: Permission denied");
    assert_int_equal(access(world->socket, F_OK), -1);
    close(directory);
}

int main(int count, char **words)
{
    if (count == 2 && strcmp(words[1], "descriptors") == 0)
        return show_descriptors();
    if (count == 2 && strcmp(words[1], "place") == 0)
        return show_place();
    const struct CMUnitTest tests[] = {
        HOLD_TEST(test_a_command_that_is_not_there),
        HOLD_TEST(test_a_command_that_is_not_in_path),
        HOLD_TEST(test_a_long_path_is_told_in_part),
        HOLD_TEST(test_a_file_that_is_not_executable),
        HOLD_TEST(test_a_script_whose_interpreter_is_missing),
        HOLD_TEST(test_the_interpreter_of_a_script_in_path),
        HOLD_TEST(test_a_script_from_another_system),
        HOLD_TEST(test_a_file_that_is_no_program),
        HOLD_TEST(test_a_directory_that_is_not_there),
        HOLD_TEST(test_a_relative_command_is_looked_for_in_the_directory),
        HOLD_TEST(test_the_path_is_the_programs_own),
        HOLD_TEST(test_it_has_three_descriptors),
        HOLD_TEST(test_its_signals_are_at_their_defaults),
        HOLD_TEST(test_it_leads_its_own_session),
        HOLD_TEST(test_its_environment_is_the_specs),
        HOLD_TEST(test_its_soft_limit_is_not_the_keepers),
        HOLD_TEST(test_its_limit_of_open_files),
        HOLD_TEST(test_a_run_is_its_users),
        HOLD_TEST(test_a_user_that_we_may_not_become),
        HOLD_TEST(test_a_program_that_is_not_there_is_told_to_the_keeper),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
