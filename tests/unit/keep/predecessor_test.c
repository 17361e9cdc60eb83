/* Who counts as left behind by a run: decided by its record and by identity, never by name. */
#include "support.h"

#include <poll.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "link/channel.h"

#include "keep/predecessor.h"
#include "keep/record.h"

static char folder[64], runs[80];

static int set_up(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/predecessor-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(runs, sizeof runs, "%s/run", folder);
    return mkdir(runs, 0700);
}

static int tear_down(void **state)
{
    (void)state;
    int directory = open(runs, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    record_remove(directory, "api.3");
    close(directory);
    rmdir(runs);
    for (int i = 0; i < 2; i++) {
        char path[96];
        snprintf(path, sizeof path, "%s/%s", folder, i ? "control.sock" : "lock");
        unlink(path);
    }
    return rmdir(folder);
}

static pid_t start_sleeper(void)
{
    pid_t pid = fork();
    if (pid == 0)
        for (;;)
            pause();
    return pid;
}

static void write_record(const struct identity *main, bool over)
{
    struct record record = {
        .target = "api", .generation = 3, .main = *main, .over = over, .ready_after_ms = -1};
    identity_nonce(record.nonce);
    memcpy(record.boot, main->boot, sizeof record.boot);
    int directory = open(runs, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(record_write(directory, &record), 0);
    close(directory);
}

static void test_only_processes_of_a_recorded_run_are_ours(void **state)
{
    (void)state;
    pid_t kept = start_sleeper(), stranger = start_sleeper();
    struct identity kept_identity, stranger_identity;
    assert_int_equal(identity_of(kept, &kept_identity), 0);
    assert_int_equal(identity_of(stranger, &stranger_identity), 0);
    assert_false(predecessor_left(folder, &kept_identity));
    write_record(&kept_identity, false);
    assert_true(predecessor_left(folder, &kept_identity));
    assert_false(predecessor_left(folder, &stranger_identity));
    struct identity reused = kept_identity;
    reused.start_time++;
    assert_false(predecessor_left(folder, &reused));
    write_record(&kept_identity, true);
    assert_false(predecessor_left(folder, &kept_identity));
    kill(kept, SIGKILL);
    kill(stranger, SIGKILL);
    waitpid(kept, NULL, 0);
    waitpid(stranger, NULL, 0);
}

/* --- one that does not answer --------------------------------------------------------------------------- */

enum { PATIENT_MS = 2000, PATIENT_MOST_MS = 16000, LEFT_BY_ITSELF = 7, RUNNING = 3, HANGS_UP_MS = 50 };

/* The lock, and a control socket, which is returned; -1. */
static int take_seat(const struct directories *directories)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct lock lock;
    struct error error;
    pid_t holder;
    snprintf(address.sun_path, sizeof address.sun_path, "%s/control.sock", directories->runtime);
    int listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    bool taken = lock_take(directories, &lock, &holder, &error) == LOCK_TAKEN &&
                 bind(listener, (const struct sockaddr *)&address, sizeof address) == 0 &&
                 listen(listener, 8) == 0;
    return taken ? listener : -1;
}

/* Somebody with the lock and a control socket, who answers nobody before it gets SIGTERM; then it says how
 * long its stop may take, and takes so long. */
static void keep_busy(const struct directories *directories, int ready, int stop_ms)
{
    int signo = 0;
    sigset_t terminate;
    sigemptyset(&terminate);
    sigaddset(&terminate, SIGTERM);
    int listener = sigprocmask(SIG_BLOCK, &terminate, NULL) ? -1 : take_seat(directories);
    if (listener < 0 || write(ready, "x", 1) != 1)
        _exit(1);
    sigwait(&terminate, &signo);
    struct channel_message hello;
    int connection = accept(listener, NULL, NULL);
    if (connection < 0 || channel_receive_now(connection, &hello, -1) < 0)
        _exit(2);
    json_decref(hello.body);
    json_t *body = json_pack("{s:s, s:i}", "phase", "stopping", "stop_at_most_ms", stop_ms);
    if (channel_send_now(connection, MESSAGE_OK, hello.id, body, NULL, 0, -1) < 0)
        _exit(3);
    poll(NULL, 0, stop_ms);
    _exit(LEFT_BY_ITSELF);
}

/* How it ends, where SIGKILL would come after `patient_ms` to one that is mute. */
static int end_busy(int patient_ms)
{
    const struct directories directories = {.state = folder, .runtime = folder};
    int ready[2], status = 0;
    char byte, path[96];
    assert_int_equal(pipe(ready), 0);
    pid_t busy = fork();
    if (busy == 0)
        keep_busy(&directories, ready[1], patient_ms + 1000);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    json_t *signals = json_array();
    predecessor_end(folder, busy, 2 * (int64_t)patient_ms, signals);
    assert_int_equal(waitpid(busy, &status, 0), busy);
    assert_int_equal(json_array_size(signals), WIFEXITED(status) ? 1 : 2);
    json_decref(signals);
    close(ready[0]);
    close(ready[1]);
    snprintf(path, sizeof path, "%s/control.sock", folder);
    unlink(path);
    return status;
}

/* One with the lock that hangs up on whoever asks first, and has time for nobody after that. */
static void hang_up_once(const struct directories *directories, int ready)
{
    int listener = take_seat(directories);
    if (listener < 0 || write(ready, "x", 1) != 1)
        _exit(1);
    close(accept(listener, NULL, NULL));
    for (;;)
        pause();
}

/* What a second keeper that waits for `patient_ms` makes of it. */
static int meet(void (*be_busy)(const struct directories *directories, int ready), int patient_ms,
                struct error *error)
{
    const struct directories directories = {.state = folder, .runtime = folder};
    char name[] = "one", file[] = "reeve.yaml", path[96];
    const struct config config = {.name = name,
                                  .file = file,
                                  .state = folder,
                                  .takeover = CONFIG_TAKEOVER_OWN,
                                  .takeover_timeout_ms = patient_ms};
    struct lock lock = {.fd = -1};
    int ready[2];
    char byte;
    assert_int_equal(pipe(ready), 0);
    pid_t busy = fork();
    if (busy == 0)
        be_busy(&directories, ready[1]);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    json_t *signals = json_array();
    int code = predecessor_lock(&config, &directories, &lock, signals, error);
    bool spared = waitpid(busy, NULL, WNOHANG) == 0;
    if (code == 0)
        lock_release(&lock);
    assert_int_equal(json_array_size(signals) == 0, code != 0);
    assert_int_equal(spared, code != 0);
    json_decref(signals);
    kill(busy, SIGKILL);
    if (spared)
        assert_int_equal(waitpid(busy, NULL, 0), busy);
    close(ready[0]);
    close(ready[1]);
    snprintf(path, sizeof path, "%s/control.sock", folder);
    unlink(path);
    return code;
}

/* The last question of all, with a millisecond left, decided over its life. */
static void test_one_that_has_hung_up_is_alive_though_it_is_mute_at_the_end(void **state)
{
    (void)state;
    struct error error = {0};
    int code = meet(hang_up_once, PATIENT_MS / 4, &error);
    for (int ms = PATIENT_MS; code != RUNNING && ms <= PATIENT_MOST_MS; ms *= 2)
        code = meet(hang_up_once, ms, &error);
    assert_int_equal(code, RUNNING);
}

/* On a machine that stands still it may answer too late, but not whatever time it gets. */
static void test_one_that_wakes_up_has_the_time_that_its_stop_takes(void **state)
{
    (void)state;
    int status = end_busy(PATIENT_MS);
    for (int ms = 2 * PATIENT_MS; !WIFEXITED(status) && ms <= PATIENT_MOST_MS; ms *= 2)
        status = end_busy(ms);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), LEFT_BY_ITSELF);
}

/* Its sockets are in another runtime directory, and it is mute. */
static void be_mute(int ready)
{
    static char elsewhere[] = "/nowhere/reeve";
    const struct directories directories = {.state = folder, .runtime = elsewhere};
    struct lock lock;
    struct error error;
    pid_t holder;
    if (lock_take(&directories, &lock, &holder, &error) != LOCK_TAKEN || write(ready, "x", 1) != 1)
        _exit(1);
    for (;;)
        pause();
}

/* What comes of a start beside a mute one with these words for `takeover`; *spared: it lives. */
static int start_beside_mute(enum config_takeover takeover, bool *spared, struct error *error)
{
    static char name[] = "app", file[] = "/srv/app/reeve.yaml";
    const struct config config = {.name = name, .file = file, .state = folder, .takeover = takeover};
    const struct directories directories = {.state = folder, .runtime = folder};
    int ready[2];
    char byte;
    struct lock lock = {.fd = -1};
    assert_int_equal(pipe(ready), 0);
    pid_t mute = fork();
    if (mute == 0)
        be_mute(ready[1]);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    json_t *signals = json_array();
    int code = predecessor_lock(&config, &directories, &lock, signals, error);
    *spared = waitpid(mute, NULL, WNOHANG) == 0;
    assert_int_equal(json_array_size(signals) == 0, *spared);
    kill(mute, SIGKILL);
    if (*spared)
        assert_int_equal(waitpid(mute, NULL, 0), mute);
    json_decref(signals);
    lock_release(&lock);
    close(ready[0]), close(ready[1]);
    return code;
}

static void test_never_spares_a_mute_one_wherever_its_sockets_are(void **state)
{
    (void)state;
    bool spared;
    struct error error = {0};
    assert_int_equal(start_beside_mute(CONFIG_TAKEOVER_NEVER, &spared, &error), 3);
    assert_true(spared);
    assert_non_null(strstr(error.text, "does not answer; `takeover: never` leaves it alone"));
    assert_int_equal(start_beside_mute(CONFIG_TAKEOVER_OWN, &spared, &error), 0);
    assert_false(spared);
}

/* Somebody with the lock and a control socket, who takes its time to hang up. */
static void keep_hanging_up(const struct directories *directories, int ready)
{
    int listener = take_seat(directories);
    if (listener < 0 || write(ready, "x", 1) != 1)
        _exit(1);
    for (;;) {
        int connection = accept(listener, NULL, NULL);
        poll(NULL, 0, HANGS_UP_MS);
        close(connection);
    }
}

/* The last time that it is asked is no exception, although its time is over by then. */
static void test_one_that_hangs_up_late_is_alive(void **state)
{
    (void)state;
    struct error error = {0};
    assert_int_equal(meet(keep_hanging_up, 0, &error), RUNNING);
    assert_non_null(strstr(error.text, "already running"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_only_processes_of_a_recorded_run_are_ours, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_one_that_has_hung_up_is_alive_though_it_is_mute_at_the_end,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_one_that_wakes_up_has_the_time_that_its_stop_takes, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_never_spares_a_mute_one_wherever_its_sockets_are, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_one_that_hangs_up_late_is_alive, set_up, tear_down),
    };
    return run_group(tests);
}
