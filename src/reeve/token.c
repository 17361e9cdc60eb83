/* `reeve token create|revoke|list`: asks the keeper; where none runs, opens its database under its lock. */
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/text.h"
#include "keep/directories.h"
#include "keep/incumbent.h"
#include "keep/journal.h"
#include "keep/lock.h"
#include "keep/tokens.h"

#include "reeve/sentences.h"
#include "reeve/verbs.h"

enum { TOKEN_WAIT_MS = 10000, TOKEN_PAUSE_MS = 50 };

/* What one of the three asks for; `answer` is as the keeper's operations give it. */
struct token_question {
    const char *operation;
    const char *name;
    int64_t expires_in_ms; /* 0: never */
    json_t *answer;
};

/* --- without a keeper
 * ---------------------------------------------------------------------------------------- */

static void token_note(struct journal *journal, const char *event, const char *name, const char *id)
{
    char by[32];
    snprintf(by, sizeof by, "uid %u", (unsigned)geteuid());
    journal_note(journal, event, json_pack("{s:s*, s:s, s:s}", "token", id, "name", name, "by", by));
}

static int token_create_here(struct journal *journal, struct token_question *question, struct error *error)
{
    const struct clock *clock = journal->clock;
    const struct tokens_new wanted = {
        .name = question->name, .now_ms = clock->wall_ms(clock), .life_ms = question->expires_in_ms};
    struct tokens_made made;
    int status = tokens_create(journal->store, &wanted, &made, error);
    if (status != 201)
        return status;
    char text[CLOCK_TEXT_SIZE];
    json_t *expires = made.expires_ms ? json_string(clock_format(made.expires_ms, text)) : json_null();
    token_note(journal, "token-created", wanted.name, made.id);
    question->answer = json_pack("{s:s, s:s, s:s, s:o}", "token", made.text, "id", made.id, "name",
                                 wanted.name, "expires", expires);
    seal_wipe(&made, sizeof made);
    return status;
}

static int token_do_here(struct journal *journal, struct token_question *question, struct error *error)
{
    const struct clock *clock = journal->clock;
    int status = 503;
    if (strcmp(question->operation, "token-create") == 0)
        return token_create_here(journal, question, error);
    if (strcmp(question->operation, "token-revoke") == 0) {
        status = tokens_revoke(journal->store, question->name, error);
        if (status == 200)
            token_note(journal, "token-revoked", question->name, NULL);
        return status;
    }
    json_t *rows = tokens_read(journal->store, clock->wall_ms(clock));
    if (rows) {
        status = 200;
        question->answer = json_pack("{s:o}", "tokens", tokens_describe(rows));
    } else {
        error_set(error, "the database cannot be read");
    }
    json_decref(rows);
    return status;
}

static int token_open_here(const struct directories *directories, struct token_question *question,
                           struct error *error)
{
    struct journal journal = {.clock = &clock_system};
    journal_open(&journal, directories->state);
    int status = token_do_here(&journal, question, error);
    journal_close(&journal);
    return status;
}

/* Only --state is known: what is there must be ours, or the database would be made for somebody else. */
static bool token_take_state(const struct command_place *place, struct error *error)
{
    struct stat about;
    if (place->name)
        return directories_make_state(place->state, error);
    if (stat(place->state, &about) < 0 || about.st_uid != geteuid())
        return error_set(error, "%s belongs to another user: run this as that one", place->state);
    return true;
}

/* An HTTP status; 0: a keeper has the lock, ask it. */
static int token_try_here(const struct command_place *place, struct token_question *question,
                          struct error *error)
{
    const struct directories directories = {.state = place->state}; /* sockets are not ours to touch */
    struct lock lock = {.fd = -1};
    pid_t holder = 0;
    if (!token_take_state(place, error))
        return 503;
    enum lock_result result = lock_take(&directories, &lock, &holder, error);
    int status = result == LOCK_TAKEN  ? token_open_here(&directories, question, error)
                 : result == LOCK_HELD ? 0
                                       : 503;
    lock_release(&lock);
    return status;
}

/* --- both ways
 * ----------------------------------------------------------------------------------------------- */

static json_t *token_arguments(const struct token_question *question)
{
    json_t *expires = question->expires_in_ms ? json_integer(question->expires_in_ms) : NULL;
    return json_pack("{s:s*, s:o*}", "name", question->name, "expires_ms", expires);
}

/* One that has the lock and does not answer yet is starting, or ending. */
static int token_ask_somebody(const struct command_place *place, struct token_question *question)
{
    struct error error = {0};
    for (int waited = 0; waited < TOKEN_WAIT_MS; waited += TOKEN_PAUSE_MS) {
        pid_t holder = 0;
        int connection = incumbent_connect(place->state, &holder);
        if (connection >= 0) {
            int code =
                command_ask_at(connection, question->operation, token_arguments(question), &question->answer);
            close(connection);
            return code;
        }
        int status = token_try_here(place, question, &error);
        if (status >= 200 && status < 300)
            return COMMAND_DONE;
        if (status)
            return command_fail(command_code(status), "%s", error.text);
        poll(NULL, 0, TOKEN_PAUSE_MS);
    }
    return command_fail(COMMAND_FAILED, "%s/lock is held by a process that does not answer", place->state);
}

static int token_ask(const struct command *command, struct token_question *question)
{
    struct command_place place;
    if (!command_find(command, &place))
        return command->state ? COMMAND_NOT_RUNNING : COMMAND_USAGE;
    int code = token_ask_somebody(&place, question);
    command_place_free(&place);
    return code;
}

/* --- the three
 * ----------------------------------------------------------------------------------------------- */

static const char *token_text(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "never";
}

/* In the time of the user's terminal; text[SENTENCES_TIME_SIZE]. */
static const char *token_time(const json_t *object, const char *key, char *text)
{
    int64_t wall_ms = clock_read(json_string_value(json_object_get(object, key)));
    return wall_ms < 0 ? "never" : sentences_time(wall_ms, clock_system.wall_ms(&clock_system), text);
}

static int token_create(const struct command *command)
{
    struct token_question question = {.operation = "token-create", .name = command->arguments[1]};
    if (command->expires && (!text_to_duration(slice_of_text(command->expires), &question.expires_in_ms) ||
                             question.expires_in_ms == 0))
        return command_fail(COMMAND_USAGE, "--expires: \"%s\" is no duration, such as 12h or 30d",
                            command->expires);
    char expires[SENTENCES_TIME_SIZE];
    int code = token_ask(command, &question);
    if (code == COMMAND_DONE && command->json) {
        command_print_json(json_incref(question.answer));
    } else if (code == COMMAND_DONE) {
        fprintf(stderr, "reeve: token %s, expires: %s; it is shown this once\n",
                token_text(question.answer, "name"), token_time(question.answer, "expires", expires));
        puts(token_text(question.answer, "token"));
    }
    json_decref(question.answer);
    return code;
}

static int token_revoke(const struct command *command)
{
    struct token_question question = {.operation = "token-revoke", .name = command->arguments[1]};
    int code = token_ask(command, &question);
    if (code == COMMAND_DONE && command->json)
        command_print_json(json_pack("{s:s}", "revoked", question.name));
    else if (code == COMMAND_DONE)
        printf("token %s was revoked\n", question.name);
    json_decref(question.answer);
    return code;
}

static int token_list(const struct command *command)
{
    struct token_question question = {.operation = "tokens"};
    int code = token_ask(command, &question);
    const json_t *rows = json_object_get(question.answer, "tokens");
    char created[SENTENCES_TIME_SIZE], expires[SENTENCES_TIME_SIZE];
    if (code == COMMAND_DONE && command->json)
        command_print_json(json_deep_copy(rows));
    for (size_t i = 0; code == COMMAND_DONE && !command->json && i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i);
        printf("%s  made %s  expires %s\n", token_text(row, "name"), token_time(row, "created", created),
               token_time(row, "expires", expires));
    }
    json_decref(question.answer);
    return code;
}

int token_verb(const struct command *command)
{
    static const struct {
        const char *name;
        int arguments;
        int (*run)(const struct command *command);
    } kinds[] = {{"create", 2, token_create}, {"revoke", 2, token_revoke}, {"list", 1, token_list}};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (strcmp(command->arguments[0], kinds[i].name) == 0 &&
            command->argument_count == kinds[i].arguments)
            return kinds[i].run(command);
    return command_fail(COMMAND_USAGE, "usage: reeve token create NAME [--expires 30d] | revoke NAME | list");
}
