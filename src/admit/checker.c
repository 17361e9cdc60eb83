#include <jansson.h>
#include <malloc.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/memory.h"
#include "link/channel.h"
#include "link/privileges.h"
#include "link/record.h"

#include "admit/checker.h"
#include "admit/password.h"
#include "admit/usersfile.h"

enum { CHECKER_CPU_S = 10, CHECKER_FILES_MOST = 16, CHECKER_SEND_MS = 1000 };

/* --- the record --------------------------------------------------------------------------------------------
 */

bool checker_read(struct slice record, struct checker_question *question)
{
    *question = (struct checker_question){0};
    if (record.size > CHECKER_RECORD_MOST)
        return false;
    json_t *object = json_loadb(record.data, record.size, JSON_REJECT_DUPLICATES, NULL);
    const json_t *user = json_object_get(object, "user"), *password = json_object_get(object, "password");
    bool good = json_object_size(object) == 2 && json_is_string(user) && json_is_string(password);
    if (good) {
        question->user = memory_text(json_string_value(user));
        question->password = memory_text(json_string_value(password));
    }
    json_decref(object);
    return good;
}

static void checker_wipe_text(char **text)
{
    if (*text)
        explicit_bzero(*text, strlen(*text));
    free(*text);
    *text = NULL;
}

void checker_wipe(struct checker_question *question)
{
    checker_wipe_text(&question->user);
    checker_wipe_text(&question->password);
}

/* --- the process -------------------------------------------------------------------------------------------
 */

/* What jansson gives back had the password in it. */
static void checker_free(void *memory)
{
    if (memory)
        explicit_bzero(memory, malloc_usable_size(memory));
    free(memory);
}

static bool checker_confine(const struct checker_start *start, struct error *error)
{
    const struct rlimit none = {0, 0}, cpu = {CHECKER_CPU_S, CHECKER_CPU_S},
                        files = {CHECKER_FILES_MOST, CHECKER_FILES_MOST};
    if (!privileges_drop(start->uid, start->gid, error))
        return false;
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); /* others of the same user cannot look into it */
    if (setrlimit(RLIMIT_CORE, &none) < 0 || setrlimit(RLIMIT_NPROC, &none) < 0 ||
        setrlimit(RLIMIT_CPU, &cpu) < 0 || setrlimit(RLIMIT_NOFILE, &files) < 0)
        return error_set(error, "it cannot limit itself");
    return true;
}

/* The one record, or false: the client has left, or it took too long, or it was none. */
static bool checker_receive(struct checker_question *question)
{
    char memory[CHECKER_RECORD_MOST + 1];
    struct pollfd readable = {.fd = CHECKER_QUESTION_FD, .events = POLLIN};
    struct record record = {0};
    bool good = false;
    if (poll(&readable, 1, CHECKER_PATIENCE_MS) > 0) {
        ssize_t size = record_receive(CHECKER_QUESTION_FD, memory, sizeof memory, &record);
        good = size > 0 && record.count == 0 && checker_read(record.bytes, question);
        record_close_descriptors(record.descriptors, record.count);
    }
    explicit_bzero(memory, sizeof memory);
    return good;
}

static bool checker_tell(json_t *verdict)
{
    return channel_send_now(CHECKER_KEEPER_FD, MESSAGE_HELPER_VERDICT, 0, verdict, NULL, 0,
                            CHECKER_SEND_MS) == 0;
}

static bool checker_answer(const struct users *users, struct checker_question *question)
{
    struct error error;
    const struct user *user = users_find(users, question->user);
    /* One that no user can have is not even hashed: it says nothing about users. */
    bool fits = password_check(slice_of_text(question->password), &error) &&
                password_fits(question->password, users, question->user);
    json_t *verdict = json_pack("{s:b, s:s}", "ok", fits, "user", question->user);
    if (fits)
        json_object_set_new(verdict, "stamp", json_string(user->stamp));
    checker_wipe(question);
    return checker_tell(verdict);
}

static bool checker_work(const struct checker_start *start, struct error *error)
{
    struct checker_question question;
    json_set_alloc_funcs(malloc, checker_free);
    if (!checker_confine(start, error))
        return false;
    struct users *users = usersfile_read_from(CHECKER_USERS_FD, "the users file", error);
    if (!users)
        return false;
    bool done = checker_receive(&question) ? checker_answer(users, &question)
                                           : checker_tell(json_pack("{s:b}", "ok", 0));
    users_free(&users);
    return done || error_set(error, "the keeper does not listen");
}

void checker_main(const struct checker_start *start)
{
    struct error error = {0};
    bool done = checker_work(start, &error);
    if (!done && error.text[0])
        checker_tell(json_pack("{s:b, s:s}", "ok", 0, "error", error.text));
    _exit(done ? 0 : 1); /* no destructors: a leak checker would want rights that are gone */
}
