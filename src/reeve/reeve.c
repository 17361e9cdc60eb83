/* The command: one table of verbs, and the hidden verb that makes a process a gate. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "reeve.h"

#include "admit/checker.h"
#include "base/memory.h"
#include "base/text.h"
#include "gate/worker.h"

#include "reeve/verbs.h"

static const struct verb reeve_verbs[] = {
    {"run", "[FILE] [-d]", "start: listen, keep the services, serve",
     "  -d, --detach   in the background; returns when it serves\n"
     "Ctrl-C stops in order, a second one kills. Exit: 0 stopped, 1 cannot start, 2 bad configuration,\n"
     "3 already running, 4 port held by someone else.",
     COMMAND_TAKES_DETACH | COMMAND_TAKES_JSON, 0, 1, run_verb},
    {"down", "[--now]", "stop the running reeve of this configuration",
     "  --now          kill instead of stopping in order\n"
     "  --no-wait      do not wait until it has gone",
     COMMAND_TAKES_NOW | COMMAND_TAKES_JSON | COMMAND_TAKES_NO_WAIT, 0, 0, down_verb},
    {"check", "[FILE|-]", "check a configuration and what it names; starts nothing", NULL, COMMAND_TAKES_JSON,
     0, 1, check_verb},
    {"config", "[FILE|-]", "print the effective configuration, defaults marked", NULL, COMMAND_TAKES_JSON, 0,
     1, check_config_verb},
    {"status", "[-q]", "show the keeper and every target",
     "  -q, --quiet    only the exit code: 0 all that is wanted is ready, 1 something is not",
     COMMAND_TAKES_JSON | COMMAND_TAKES_QUIET, 0, 0, status_verb},
    {"ls", "", "list all running reeves of this user",
     "Those of all sessions of this user; of another one: sudo -u USER reeve ls", COMMAND_TAKES_JSON, 0, 0,
     status_ls_verb},
    {"start", "NAME...", "start targets and wait until they are ready", "  --no-wait      return at once",
     COMMAND_TAKES_JSON | COMMAND_TAKES_NO_WAIT, 1, COMMAND_ARGUMENTS, steer_start_verb},
    {"stop", "NAME...", "stop targets; they stay stopped over restarts of reeve",
     "  --no-wait      return at once", COMMAND_TAKES_JSON | COMMAND_TAKES_NO_WAIT, 1, COMMAND_ARGUMENTS,
     steer_stop_verb},
    {"restart", "NAME...", "stop and start targets", "  --no-wait      return at once",
     COMMAND_TAKES_JSON | COMMAND_TAKES_NO_WAIT, 1, COMMAND_ARGUMENTS, steer_restart_verb},
    {"create", "TEMPLATE [ID] [--set NAME=VALUE]...", "create an instance of a template",
     "  --set NAME=VALUE  a parameter; @FILE gives what is in the file, @- what comes on stdin, @@ a plain "
     "@\n"
     "Without an ID one is made up. The same again changes nothing; with other parameters it fails.",
     COMMAND_TAKES_JSON | COMMAND_TAKES_SET, 1, 2, create_verb},
    {"rm", "TEMPLATE/ID...", "stop instances and remove their folders and logs", NULL, COMMAND_TAKES_JSON, 1,
     COMMAND_ARGUMENTS, create_rm_verb},
    {"signal", "NAME SIGNAL", "send a signal to the main process of a target",
     "SIGNAL is a name (HUP, SIGHUP) or a number.", COMMAND_TAKES_JSON, 2, 2, steer_signal_verb},
    {"why", "[NAME]", "tell in sentences what was done to a target, when, and on whose wish",
     "Without a NAME: of everything.", COMMAND_TAKES_JSON, 0, 1, why_verb},
    {"route", "URL", "show which route answers a URL, where it leads, and who may pass",
     "Works without a running reeve.", COMMAND_TAKES_JSON, 1, 1, route_verb},
    {"logs", "[-f] [NAME...]", "print what services wrote",
     "  -f, --follow   go on with what comes\n"
     "  --since TIME   from then on: RFC 3339, or an age such as 10m\n"
     "  --previous     of the run before the last one",
     COMMAND_TAKES_JSON | COMMAND_TAKES_FOLLOW, 0, COMMAND_ARGUMENTS, logs_verb},
    {"attach", "NAME [--view]", "show a target's terminal in this one, and type into it",
     "  --view         only watch\n"
     "  --detach-keys KEYS  what leaves it, as docker writes it: ctrl-p,ctrl-q; default ctrl-\\,ctrl-\\\n"
     "The program goes on when you leave, and when reeve is restarted you stay. Exit: 0 left, or the program "
     "has\n"
     "ended, which is told; 1 it has no terminal or does not run; 6 no such target.",
     COMMAND_TAKES_JSON | COMMAND_TAKES_VIEW, 1, 1, attach_verb},
    {"connections", "[close ID]", "open WebSockets, event streams and terminals; end one of them",
     "  close ID       ends it with a goodbye: WebSockets 1001, event streams `bye`\n"
     "An ID is gate.generation.serial, as the list says it.",
     COMMAND_TAKES_JSON, 0, 2, connections_verb},
    {"user", "add NAME [--group GROUP]... | remove NAME | list", "who may sign in with a password",
     "  add NAME       the password is asked for, or the first line of what is piped in; for a user who is\n"
     "                 there already it is a new one\n"
     "  --group GROUP  once for each; without it a user who is there keeps theirs\n"
     "The users file is `auth.users` of the configuration. A running reeve sees the change within a second\n"
     "and ends the sessions of users who have gone or whose password or groups are others now.",
     COMMAND_TAKES_JSON | COMMAND_TAKES_GROUP, 1, 2, user_verb},
    {"token", "create NAME [--expires 30d] | revoke NAME | list", "tokens for programs",
     "  create NAME    prints it on the last line, this once; its bearer is user NAME without groups\n"
     "  --expires AGE  it counts for so long: 12h, 30d; else until it is revoked",
     COMMAND_TAKES_JSON | COMMAND_TAKES_EXPIRES, 1, 2, token_verb},
    {"pin", "ADDRESS", "show the certificate of an https:// address and the pin to write",
     "ADDRESS is host:port or https://host:port. Nothing is sent to it, and nothing is trusted: compare the "
     "pin\n"
     "with what the machine itself says. The last line is the pin alone.\n"
     "Exit: 0 seen, 1 nobody shows a certificate there, 2 no address.",
     COMMAND_TAKES_JSON, 1, 1, pin_verb},
    {"reload", "[--dry-run]", "read the configuration again; what did not change goes on",
     "  --dry-run      only check, and print what would change\n"
     "Exit: 0 taken, 1 something else is being changed, 2 the configuration is wrong: nothing was changed.",
     COMMAND_TAKES_JSON | COMMAND_TAKES_DRY_RUN, 0, 0, reload_verb},
    {"init", "", "look at this directory and write a starter reeve.yaml",
     "  --force        overwrite an existing file", COMMAND_TAKES_JSON | COMMAND_TAKES_FORCE, 0, 0,
     init_verb},
};
enum { REEVE_VERBS = sizeof reeve_verbs / sizeof reeve_verbs[0] };

const char *reeve_version(void)
{
    return REEVE_VERSION;
}

static void reeve_print_help(FILE *out)
{
    fprintf(out,
            "reeve %s: the front door and the keeper of process-backed web apps\n\nusage: reeve VERB ...\n\n",
            REEVE_VERSION);
    for (int i = 0; i < REEVE_VERBS; i++)
        fprintf(out, "  %-8s %-16s %s\n", reeve_verbs[i].name, reeve_verbs[i].arguments,
                reeve_verbs[i].summary);
    fputs("\nEvery verb takes -c FILE, --state DIR, --json and --help. Without -c the configuration is "
          "$REEVE_CONFIG,\n"
          "./reeve.yaml or a parent directory's, or /etc/reeve/reeve.yaml.\n",
          out);
}

static void reeve_print_verb_help(const struct verb *verb)
{
    printf("usage: reeve %s %s\n\n%s\n", verb->name, verb->arguments, verb->summary);
    if (verb->details)
        printf("\n%s\n", verb->details);
    puts("\n  -c FILE        the configuration\n"
         "  --state DIR    find the keeper by its state directory (or $REEVE_STATE)\n"
         "  --json         for programs");
}

static const struct verb *reeve_find_verb(const char *name)
{
    for (int i = 0; i < REEVE_VERBS; i++)
        if (strcmp(reeve_verbs[i].name, name) == 0)
            return &reeve_verbs[i];
    return NULL;
}

static bool reeve_asks(int count, char **arguments, const char *option)
{
    for (int i = 0; i < count && strcmp(arguments[i], "--") != 0; i++)
        if (strcmp(arguments[i], option) == 0)
            return true;
    return false;
}

static bool reeve_asks_help(int count, char **arguments)
{
    return reeve_asks(count, arguments, "--help") || reeve_asks(count, arguments, "-h");
}

static const char *reeve_guess_verb(const char *word)
{
    const char *nearest = NULL;
    unsigned least = 3;
    for (int i = 0; i < REEVE_VERBS; i++) {
        unsigned distance = text_distance(slice_of_text(word), slice_of_text(reeve_verbs[i].name));
        if (distance < least) {
            least = distance;
            nearest = reeve_verbs[i].name;
        }
    }
    return nearest;
}

/* Verbs of the contract whose feature is not built yet. */
static bool reeve_is_later_verb(const char *word)
{
    static const char *const later[] = {"exec", "upgrade", "busy", "connections", "doctor", "top"};
    for (size_t i = 0; i < sizeof later / sizeof later[0]; i++)
        if (strcmp(word, later[i]) == 0)
            return true;
    return false;
}

static int reeve_unknown_verb(const char *word)
{
    if (reeve_is_later_verb(word))
        return command_fail(COMMAND_USAGE, "%s is not supported yet; `reeve --help` lists what is", word);
    const char *guess = reeve_guess_verb(word);
    if (guess)
        return command_fail(COMMAND_USAGE, "there is no verb %s; did you mean %s?", word, guess);
    return command_fail(COMMAND_USAGE, "there is no verb %s; `reeve --help` lists them", word);
}

/* The keeper starts gates with "__gate SLOT UID GID". */
static int reeve_gate(int argc, char **argv)
{
    if (argc != 5)
        return COMMAND_USAGE;
    const struct worker_start start = {
        .slot = (unsigned)strtoul(argv[2], NULL, 10),
        .uid = (uid_t)strtoul(argv[3], NULL, 10),
        .gid = (gid_t)strtoul(argv[4], NULL, 10),
    };
    return worker_run(&start);
}

/* The keeper starts password helpers with "__password UID GID". */
static int reeve_check_password(int argc, char **argv)
{
    if (argc != 4)
        return COMMAND_USAGE;
    const struct checker_start start = {
        .uid = (uid_t)strtoul(argv[2], NULL, 10),
        .gid = (gid_t)strtoul(argv[3], NULL, 10),
    };
    checker_main(&start);
}

/* Options may stand before the verb ("reeve -c FILE status"): where the verb is, or argc. */
static int reeve_verb_place(int argc, char **argv)
{
    int at = 1;
    while (at < argc && argv[at][0] == '-') {
        bool takes_value = strcmp(argv[at], "-c") == 0 || strcmp(argv[at], "--state") == 0;
        at += takes_value ? 2 : 1;
    }
    return at < argc ? at : argc;
}

static int reeve_run_verb(const struct verb *verb, int argc, char **argv, int place)
{
    char **arguments = MEMORY_ARRAY(char *, (size_t)argc);
    int count = 0;
    for (int i = 1; i < argc; i++)
        if (i != place)
            arguments[count++] = argv[i];
    struct command command;
    struct error error = {0};
    int code = COMMAND_DONE;
    if (reeve_asks_help(count, arguments))
        reeve_print_verb_help(verb);
    else if (command_parse(verb, count, arguments, &command, &error))
        code = verb->run(&command);
    else
        code = command_fail(COMMAND_USAGE, "%s", error.text);
    free(arguments);
    return code;
}

/* A number below 3 that is free would be given to the next file or socket, and our log would go there. */
static void reeve_fill_standard_descriptors(void)
{
    int fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= STDERR_FILENO)
        fd = open("/dev/null", O_RDWR);
    if (fd >= 0)
        close(fd);
}

int reeve_main(int argc, char **argv, const struct reeve_app *app)
{
    (void)app;
    reeve_fill_standard_descriptors();
    if (argc > 1 && strcmp(argv[1], "__gate") == 0)
        return reeve_gate(argc, argv);
    if (argc > 1 && strcmp(argv[1], "__password") == 0)
        return reeve_check_password(argc, argv);
    /* A reader that goes away is an error of write(2), not the end of the keeper. */
    sigaction(SIGPIPE, &(struct sigaction){.sa_handler = SIG_IGN}, NULL);
    int place = reeve_verb_place(argc, argv);
    if (place < argc && strcmp(argv[place], "help") != 0) {
        const struct verb *verb = reeve_find_verb(argv[place]);
        return verb ? reeve_run_verb(verb, argc, argv, place) : reeve_unknown_verb(argv[place]);
    }
    if (place == argc && reeve_asks(argc - 1, argv + 1, "--version")) {
        puts(REEVE_VERSION);
        return COMMAND_DONE;
    }
    bool asked = place < argc || reeve_asks_help(argc - 1, argv + 1);
    if (!asked && argc > 1)
        return command_fail(COMMAND_USAGE,
                            "a verb is missing, such as run or status; `reeve --help` lists them");
    reeve_print_help(asked ? stdout : stderr);
    return asked ? COMMAND_DONE : COMMAND_USAGE;
}
