/* Starting holds for tests, talking to them, reading what they logged. */
#include "world.h"

/* --- set up and tear down ------------------------------------------------------------------------ */

static int open_below(const struct world *world, const char *name)
{
    char *path = memory_format("%s/%s", world->root, name);
    assert_int_equal(mkdir(path, 0777), 0);
    assert_int_equal(chmod(path, 0777), 0); /* for runs of another user */
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(fd >= 0);
    free(path);
    return fd;
}

int set_up(void **state)
{
    struct world *world = MEMORY_NEW(struct world);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    snprintf(world->root, sizeof world->root, "/tmp/reeve-hold-XXXXXX");
    assert_non_null(mkdtemp(world->root));
    assert_int_equal(chmod(world->root, 0755), 0);
    snprintf(world->socket, sizeof world->socket, "%s/hold.sock", world->root);
    world->program = spawn_open(REEVE_HOLD);
    assert_true(world->program >= 0);
    world->log = open_below(world, "log");
    world->run = open_below(world, "run");
    world->channel = world->cgroup = -1;
    world->environment[0] = memory_text("PATH=/usr/bin:/bin");
    world->output = BUFFER(64 << 20);
    world->spec = hold_spec_default();
    world->spec.target = "api";
    world->spec.generation = 3;
    world->spec.nonce = "0123456789abcdef";
    world->spec.command = world->words;
    world->spec.environment = world->environment;
    world->spec.directory = "/";
    world->spec.keeper_uid = getuid();
    *state = world;
    return 0;
}

static void remove_all(const char *path)
{
    pid_t pid = fork();
    if (pid == 0) {
        execl("/bin/rm", "rm", "-rf", path, (char *)NULL);
        _exit(127);
    }
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

void leave(struct world *world)
{
    if (world->channel >= 0)
        close(world->channel);
    world->channel = -1;
}

/* Waits until every process that the test started has ended. The hold must have gone by itself, and well: a
 * leak or another finding of a sanitizer shows in its status. */
void reap_all(const struct world *world)
{
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, 0)) > 0 || errno == EINTR)
        if (pid == world->hold)
            assert_int_equal(status, 0);
}

int tear_down(void **state)
{
    struct world *world = *state;
    if (world->channel >= 0 && world->hold > 0) {
        if (world->step > 0)
            print_message("failed at step %zu\n", world->step);
        kill(world->hold, SIGKILL); /* the test has failed: it would wait for an acknowledgement */
        world->hold = 0;
    }
    leave(world);
    reap_all(world);
    close(world->program);
    close(world->log);
    close(world->run);
    remove_all(world->root);
    for (int i = 0; i < MOST_WORDS; i++) {
        free(world->words[i]);
        free(world->environment[i]);
    }
    buffer_free(&world->output);
    free(world);
    return 0;
}

/* --- talking --------------------------------------------------------------------------------------- */

/* News of a terminal come when they come; a program may have said something before its start is told. */
static bool passes_over(struct world *world, const struct channel_message *message, enum message_type type)
{
    bool early = message->type == MESSAGE_HOLD_OUTPUT && type == MESSAGE_HOLD_STARTED && !world->early;
    if (early)
        world->early = message->body;
    else if (message->type == MESSAGE_HOLD_TERMINAL && type != MESSAGE_HOLD_TERMINAL)
        json_decref(message->body);
    else
        return false;
    return true;
}

/* The next message, which must be of `type`; its body is the caller's. News of a terminal come when they
 * come: they are passed over unless they are asked for. */
json_t *expect(struct world *world, enum message_type type)
{
    struct channel_message message;
    json_t *early = type == MESSAGE_HOLD_OUTPUT ? world->early : NULL;
    if (early) {
        world->early = NULL;
        return early;
    }
    int error = channel_receive_now(world->channel, &message, PATIENCE_MS);
    while (error == 0 && passes_over(world, &message, type))
        error = channel_receive_now(world->channel, &message, PATIENCE_MS);
    assert_int_equal(error, 0);
    if (message.type != type) {
        char *text = json_dumps(message.body, 0);
        print_message("message %d instead of %d: %s\n", (int)message.type, (int)type, text);
        free(text);
    }
    assert_int_equal(message.type, type);
    assert_int_equal(message.descriptor_count, 0);
    return message.body;
}

void tell(struct world *world, enum message_type type, json_t *body)
{
    assert_int_equal(channel_send_now(world->channel, type, 0, body, NULL, 0, PATIENCE_MS), 0);
}

json_t *ask(struct world *world, enum message_type type, json_t *body)
{
    assert_int_equal(channel_send_now(world->channel, type, 77, body, NULL, 0, PATIENCE_MS), 0);
    return expect(world, type);
}

void spawn(struct world *world)
{
    struct spawn_settings settings = {.program = world->program,
                                      .spec = &world->spec,
                                      .socket = world->socket,
                                      .log_directory = world->log,
                                      .run_directory = world->run,
                                      .cgroup = world->cgroup,
                                      .error_output = STDERR_FILENO};
    struct error error = {0};
    world->channel = spawn_hold(&settings, &error);
    assert_string_equal(error.text, "");
    assert_true(world->channel >= 0);
    struct hold_hello hello;
    json_t *body = expect(world, MESSAGE_HOLD_HELLO);
    assert_true(hold_hello_decode(body, &hello, &error));
    json_decref(body);
    assert_int_equal(hello.state, HOLD_STARTING);
    assert_string_equal(hello.target, "api");
    assert_string_equal(hello.nonce, "0123456789abcdef");
    world->hold = (pid_t)hello.hold_pid;
}

void command(struct world *world, const char *word, const char *second, const char *third)
{
    const char *const words[] = {word, second, third};
    for (int i = 0; i < 3; i++) {
        free(world->words[i]);
        world->words[i] = memory_text(words[i]);
    }
}

void start(struct world *world)
{
    spawn(world);
    json_t *started = expect(world, MESSAGE_HOLD_STARTED);
    world->pid = (pid_t)json_integer_value(json_object_get(started, "pid"));
    assert_true(world->pid > 0);
    assert_true(json_integer_value(json_object_get(started, "start_time")) > 0);
    json_decref(started);
}

/* Keeps `script`, run by the shell. */
void start_script(struct world *world, const char *script)
{
    command(world, "/bin/sh", "-c", script);
    start(world);
}

/* Keeps this executable with `mode` as its word. */
void start_mode(struct world *world, const char *mode)
{
    char self[4096];
    ssize_t size = readlink("/proc/self/exe", self, sizeof self - 1);
    assert_true(size > 0);
    self[size] = 0;
    command(world, self, mode, NULL);
    start(world);
}

struct hold_end decode_end(json_t *body)
{
    struct hold_end end;
    struct error error = {0};
    assert_true(hold_end_decode(body, &end, &error));
    json_decref(body);
    return end;
}

/* Waits for the end, passing over news of leftovers and output. */
struct hold_end expect_end(struct world *world)
{
    struct channel_message message;
    for (;;) {
        assert_int_equal(channel_receive_now(world->channel, &message, PATIENCE_MS), 0);
        if (message.type == MESSAGE_HOLD_EXIT || message.type == MESSAGE_HOLD_FAILED)
            return decode_end(message.body);
        assert_true(message.type == MESSAGE_HOLD_STATUS || message.type == MESSAGE_HOLD_OUTPUT ||
                    message.type == MESSAGE_HOLD_TERMINAL);
        json_decref(message.body);
    }
}

/* The hold leaves after this. */
void acknowledge(struct world *world)
{
    struct pollfd poller = {.fd = world->channel, .events = POLLIN};
    tell(world, MESSAGE_HOLD_ACK, NULL);
    assert_int_equal(poll(&poller, 1, PATIENCE_MS), 1);
    char byte;
    assert_int_equal(read(world->channel, &byte, 1), 0);
    leave(world);
}

struct hold_end run_to_end(struct world *world, const char *script)
{
    start_script(world, script);
    struct hold_end end = expect_end(world);
    acknowledge(world);
    return end;
}

/* --- the log --------------------------------------------------------------------------------------- */

struct buffer read_file(int directory, const char *name)
{
    struct buffer found = BUFFER(64 << 20);
    int fd = openat(directory, name, O_RDONLY | O_CLOEXEC);
    ssize_t size = 0;
    while (fd >= 0 && (size = read(fd, buffer_reserve(&found, 65536), 65536)) > 0)
        buffer_added(&found, (size_t)size);
    if (fd >= 0)
        close(fd);
    return found;
}

/* Every record as "stdout:text|", with "+" instead of "|" where the line goes on. */
const char *read_output(struct world *world)
{
    struct buffer file = read_file(world->log, LOGLINE_CURRENT);
    struct slice rest = buffer_slice(&file), record;
    buffer_clear(&world->output);
    while (rest.size && slice_next(&rest, '\n', &record)) {
        struct logline_parsed parsed;
        assert_true(logline_parse(record, &parsed));
        assert_int_equal(parsed.line.run, 3);
        assert_int_equal(parsed.time.size, 24);
        buffer_append_format(&world->output, "%s:", logline_stream_name(parsed.line.stream));
        buffer_append(&world->output, parsed.line.text);
        buffer_append_text(&world->output, parsed.line.more ? "+" : "|");
        logline_end(&parsed);
    }
    buffer_free(&file);
    *buffer_reserve(&world->output, 1) = 0;
    return world->output.data;
}

/* Waits until the log holds `text`. */
void await_output(struct world *world, const char *text)
{
    for (int waited = 0; !strstr(read_output(world), text); waited += 5) {
        assert_true(waited < PATIENCE_MS);
        poll(NULL, 0, 5);
    }
}

bool process_lives(pid_t pid)
{
    char path[64], text[512] = "";
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t size = read(fd, text, sizeof text - 1);
    close(fd);
    const char *rest = size > 0 ? strrchr(text, ')') : NULL;
    return rest && rest[2] != 'Z' && rest[2] != 'X';
}

void on_signal(int signo, void (*handler)(int signo))
{
    const struct sigaction action = {.sa_handler = handler};
    sigaction(signo, &action, NULL);
}
