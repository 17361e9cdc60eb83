#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "admit/password.h"
#include "base/memory.h"

#include "reeve/secret.h"

enum { SECRET_ROOM = PASSWORD_MOST + 2, SECRET_INTERRUPT = 3 /* Ctrl-C */ };

void secret_free(char **secret)
{
    if (*secret)
        explicit_bzero(*secret, strlen(*secret));
    free(*secret);
    *secret = NULL;
}

/* One line of at most SECRET_ROOM - 1 bytes, byte by byte: nothing of it stays in a buffer of stdio. False:
 * the input ended before anything came, or Ctrl-C. */
static bool secret_read_line(char *line)
{
    size_t size = 0;
    char byte = 0;
    ssize_t count;
    while ((count = read(STDIN_FILENO, &byte, 1)) == 1 || (count < 0 && errno == EINTR)) {
        if (byte == '\n' || byte == SECRET_INTERRUPT)
            break;
        if (size < SECRET_ROOM - 1)
            line[size++] = byte;
    }
    if (size > 0 && line[size - 1] == '\r')
        size--;
    line[size] = '\0';
    return byte != SECRET_INTERRUPT && (count == 1 || size > 0);
}

/* Ctrl-C comes as a byte meanwhile, so that the terminal never stays without echo. */
static bool secret_ask(const char *prompt, char *line)
{
    struct termios before;
    bool known = tcgetattr(STDIN_FILENO, &before) == 0;
    struct termios silent = before;
    silent.c_lflag &= ~(tcflag_t)(ECHO | ISIG);
    silent.c_cc[VEOL] = SECRET_INTERRUPT; /* ends the line, as Enter does */
    if (known) /* before the prompt: what is typed behind it is never shown, nor thrown away */
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
    fputs(prompt, stderr);
    fflush(stderr);
    bool read = secret_read_line(line);
    if (known)
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
    fputc('\n', stderr);
    return read;
}

static bool secret_ask_twice(const char *user, char *line, struct error *error)
{
    char again[SECRET_ROOM] = "";
    char *prompt = memory_format("Password for %s: ", user);
    bool done = secret_ask(prompt, line) || error_set(error, "broken off: nothing was changed");
    done = done && password_check(slice_of_text(line), error);
    done = done &&
           (secret_ask("The same again: ", again) || error_set(error, "broken off: nothing was changed"));
    if (done && strcmp(line, again) != 0)
        done = error_set(error, "the two passwords differ: nothing was changed");
    explicit_bzero(again, sizeof again);
    free(prompt);
    return done;
}

char *secret_read(const char *user, struct error *error)
{
    char *line = memory_new(SECRET_ROOM);
    bool done = isatty(STDIN_FILENO)
                    ? secret_ask_twice(user, line, error)
                    : (secret_read_line(line) ||
                       error_set(error, "no password: it is the first line of the standard input")) &&
                          password_check(slice_of_text(line), error);
    if (!done)
        secret_free(&line);
    return line;
}
