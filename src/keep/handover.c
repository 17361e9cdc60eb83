#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "link/channel.h"

#include "keep/handover.h"
#include "keep/jsonfile.h"

enum {
    HANDOVER_ANSWER_MS = 500,    /* at least, for each */
    HANDOVER_PATIENCE_MS = 3000, /* for all: a busy machine may leave a gate alone for longer than that */
};

static void handover_read_survivors(struct handover *handover, const char *state_directory)
{
    char *path = memory_format("%s/gates.json", state_directory);
    int error = 0;
    json_t *rows = jsonfile_read(path, &error);
    free(path);
    for (size_t i = 0; i < json_array_size(rows) && handover->survivor_count < HANDOVER_MOST; i++) {
        const char *boot = NULL;
        int pid = 0;
        json_int_t start_time = 0;
        if (json_unpack(json_array_get(rows, i), "{s:i, s:I, s:s}", "pid", &pid, "start_time", &start_time,
                        "boot_id", &boot) < 0)
            continue;
        struct identity gate = {.pid = pid, .start_time = (uint64_t)start_time};
        snprintf(gate.boot, sizeof gate.boot, "%s", boot);
        if (identity_alive(&gate))
            handover->survivors[handover->survivor_count++] = gate;
    }
    json_decref(rows);
}

static int handover_connect(const char *directory, const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if ((size_t)snprintf(address.sun_path, sizeof address.sun_path, "%s/%s", directory, name) >=
        sizeof address.sun_path)
        return -ENAMETOOLONG;
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    if (connect(fd, (const struct sockaddr *)&address, sizeof address) == 0)
        return fd;
    int error = -errno;
    close(fd);
    /* Nobody serves it any more. */
    if (error == -ECONNREFUSED)
        unlink(address.sun_path);
    return error;
}

static int64_t handover_now_ms(void)
{
    return clock_system.monotonic_us(&clock_system) / 1000;
}

/* The pid that answers, or 0. */
static pid_t handover_ask(int connection, struct listeners *listeners, int64_t deadline_ms)
{
    struct channel_message answer;
    int64_t left_ms = deadline_ms - handover_now_ms();
    int patience_ms = left_ms > HANDOVER_ANSWER_MS ? (int)left_ms : HANDOVER_ANSWER_MS;
    if (channel_send_now(connection, MESSAGE_TAKE_LISTENERS, 1, NULL, NULL, 0, HANDOVER_ANSWER_MS) < 0 ||
        channel_receive_now(connection, &answer, patience_ms) < 0)
        return 0;
    pid_t pid = 0;
    if (answer.type == MESSAGE_GATE_LISTENERS)
        pid = (pid_t)json_integer_value(json_object_get(answer.body, "pid"));
    for (int i = 0; i < answer.descriptor_count; i++) {
        if (pid > 0)
            listeners_take(listeners, answer.descriptors[i]);
        else
            close(answer.descriptors[i]);
    }
    json_decref(answer.body);
    return pid;
}

static void handover_kill_silent(const struct handover *handover, const pid_t *answered,
                                 const struct listeners_settings *settings)
{
    for (int i = 0; i < handover->survivor_count; i++) {
        const struct identity *survivor = &handover->survivors[i];
        bool answers = false;
        for (int j = 0; j < handover->connected; j++)
            answers |= answered[j] == survivor->pid;
        int pidfd = answers ? -1 : identity_open(survivor);
        if (pidfd < 0)
            continue;
        json_t *evidence = json_pack("{s:i, s:I, s:i, s:s}", "pid", (int)survivor->pid, "start_time",
                                     (json_int_t)survivor->start_time, "signal", SIGKILL, "reason",
                                     "a gate of the last keeper that does not answer");
        settings->journal(settings->owner, "gate-killed", evidence);
        json_decref(evidence);
        identity_signal(pidfd, SIGKILL);
        close(pidfd);
    }
}

void handover_take(struct handover *handover, const char *state_directory, const char *runtime_directory,
                   struct listeners *listeners, const struct listeners_settings *settings)
{
    *handover = (struct handover){0};
    handover_read_survivors(handover, state_directory);
    pid_t answered[HANDOVER_MOST];
    int64_t deadline_ms = handover_now_ms() + HANDOVER_PATIENCE_MS;
    DIR *directory = opendir(runtime_directory);
    struct dirent *entry;
    while (directory && (entry = readdir(directory)) && handover->connected < HANDOVER_MOST) {
        if (strncmp(entry->d_name, "gate-", 5) != 0)
            continue;
        int connection = handover_connect(runtime_directory, entry->d_name);
        pid_t pid = connection < 0 ? 0 : handover_ask(connection, listeners, deadline_ms);
        if (pid > 0) {
            answered[handover->connected] = pid;
            handover->connections[handover->connected++] = connection;
        } else if (connection >= 0) {
            close(connection);
        }
    }
    if (directory)
        closedir(directory);
    handover_kill_silent(handover, answered, settings);
}

bool handover_is_survivor(const struct handover *handover, const struct identity *identity)
{
    for (int i = 0; i < handover->survivor_count; i++)
        if (handover->survivors[i].pid == identity->pid &&
            handover->survivors[i].start_time == identity->start_time)
            return true;
    return false;
}

void handover_drain(struct handover *handover, int64_t timeout_ms)
{
    for (int i = 0; i < handover->connected; i++) {
        json_t *body = json_pack("{s:I}", "timeout_ms", (json_int_t)timeout_ms);
        channel_send_now(handover->connections[i], MESSAGE_GATE_DRAIN, 0, body, NULL, 0, HANDOVER_ANSWER_MS);
        close(handover->connections[i]);
    }
    handover->connected = 0;
}
