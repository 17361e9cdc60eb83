/* The program that the tests of targets keep: app COUNT-FILE MODE [WORDS], with MODE one of
 *   serve [HOST]      listen on HOST:$PORT (127.0.0.1) or on $SOCKET, for ever
 *   wrong             listen on a port of the kernel's choice instead
 *   wait              do nothing, for ever
 *   exit CODE         leave at once
 *   stubborn          serve, deaf to SIGTERM
 *   family            serve, with a child in a session of its own that is deaf to SIGTERM
 *   environment FILE  write the environment to FILE, then serve
 * Every start adds a line with its pid to COUNT-FILE. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static void listen_unix(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (bind(fd, (struct sockaddr *)&address, sizeof address) || listen(fd, 8))
        _exit(98);
}

static void listen_tcp(const char *host, const char *port)
{
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)strtoul(port, NULL, 10))};
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = v6.sin6_port};
    int is_v4 = inet_pton(AF_INET, host, &v4.sin_addr);
    if (!is_v4)
        inet_pton(AF_INET6, host, &v6.sin6_addr);
    int fd = socket(is_v4 ? AF_INET : AF_INET6, SOCK_STREAM, 0);
    if (bind(fd, is_v4 ? (struct sockaddr *)&v4 : (struct sockaddr *)&v6, is_v4 ? sizeof v4 : sizeof v6) ||
        listen(fd, 8))
        _exit(98);
}

static void listen_somewhere(const char *host)
{
    if (getenv("SOCKET"))
        listen_unix(getenv("SOCKET"));
    else
        listen_tcp(host, getenv("PORT"));
}

static void write_environment(const char *path)
{
    FILE *out = fopen(path, "we");
    for (char **variable = environ; *variable; variable++)
        fprintf(out, "%s\n", *variable);
    fclose(out);
}

static void ignore_term(void)
{
    const struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigaction(SIGTERM, &ignore, NULL);
}

static void start_family(void)
{
    if (fork() == 0) {
        setsid();
        ignore_term();
        for (;;)
            pause();
    }
}

int main(int count, char **words)
{
    if (count < 3)
        return 99;
    char line[32];
    int size = snprintf(line, sizeof line, "%d\n", (int)getpid());
    int fd = open(words[1], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (write(fd, line, (size_t)size) != size)
        return 99;
    const char *mode = words[2];
    const char *word = count > 3 ? words[3] : "127.0.0.1";
    if (strcmp(mode, "exit") == 0)
        return (int)strtol(word, NULL, 10);
    if (strcmp(mode, "stubborn") == 0)
        ignore_term();
    if (strcmp(mode, "family") == 0)
        start_family();
    if (strcmp(mode, "environment") == 0) {
        write_environment(word);
        word = "127.0.0.1";
    }
    if (strcmp(mode, "wrong") == 0)
        listen_tcp("0.0.0.0", "0");
    else if (strcmp(mode, "wait") != 0)
        listen_somewhere(word);
    for (;;)
        pause();
}
