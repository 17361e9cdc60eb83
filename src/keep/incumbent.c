#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/memory.h"

#include "keep/control.h"
#include "keep/incumbent.h"
#include "keep/lock.h"

/* SO_PEERCRED of a connection is who called listen(2), with its pid as it is seen from here; so is F_GETLK's.
 */
static bool incumbent_serves(int connection, pid_t holder)
{
    struct ucred server = {0};
    socklen_t size = sizeof server;
    return getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &server, &size) == 0 && server.pid == holder;
}

int incumbent_connect_at(const char *runtime_directory, pid_t holder)
{
    int connection = control_connect(runtime_directory);
    if (connection == -ENOENT || connection == -ECONNREFUSED)
        return -EAGAIN;
    if (connection < 0 || incumbent_serves(connection, holder))
        return connection;
    close(connection);
    return -EAGAIN;
}

/* Its files may be others than ours: a unit of systemd with PrivateTmp=, a container. */
static int incumbent_connect_through(const char *runtime_directory, pid_t holder)
{
    char *through = memory_format("/proc/%d/root%s", (int)holder, runtime_directory);
    int connection = incumbent_connect_at(through, holder);
    free(through);
    return connection < 0 ? -EAGAIN : connection;
}

int incumbent_connect(const char *state_directory, pid_t *holder)
{
    errno = 0;
    if (!lock_is_held(state_directory, holder))
        return errno ? -errno : -ESRCH;
    char *runtime = lock_read_runtime(state_directory);
    int connection = runtime ? incumbent_connect_at(runtime, *holder) : -EAGAIN;
    if (connection == -EAGAIN && runtime && *holder > 0)
        connection = incumbent_connect_through(runtime, *holder);
    free(runtime);
    return connection;
}

int incumbent_greet(int connection, int64_t timeout_ms, json_t **description)
{
    const struct control_question hello = {.type = MESSAGE_CONTROL_HELLO, .timeout_ms = (int)timeout_ms};
    int failed = control_ask(connection, &hello, description, NULL);
    close(connection);
    if (failed == 0)
        return 0;
    return failed == -EPIPE || failed == -ECONNRESET ? -EBUSY : -EAGAIN;
}
