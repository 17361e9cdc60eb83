/* Each open question is the owner of one operation, so that a gate's end takes back its own and no others. */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/memory.h"

#include "keep/arguments.h"
#include "keep/questions.h"
#include "keep/reply.h"

enum { QUESTIONS_WHO = 64 * 1024 };

struct questions {
    struct operations *operations;
    struct gates *gates;
    struct list open;
    int counts[GATES_MOST]; /* of `open`, by slot */
};

struct question {
    struct list link;
    struct questions *questions;
    unsigned slot;
    uint32_t id;
};

static void question_free(struct question *question)
{
    question->questions->counts[question->slot]--;
    list_remove(&question->link);
    free(question);
}

static void questions_answer(struct questions *questions, unsigned slot, uint32_t id, struct reply reply)
{
    const struct gates_message message = {.type = MESSAGE_GATE_ANSWER,
                                          .id = id,
                                          .body = reply.message,
                                          .descriptors = &reply.descriptor,
                                          .count = reply.descriptor >= 0};
    gates_send(questions->gates, slot, &message);
    reply_close(&reply);
}

static void question_on_done(void *owner, int status, json_t *body)
{
    struct question *question = owner;
    questions_answer(question->questions, question->slot, question->id, reply_make(status, body));
    question_free(question);
}

static void questions_pass_on(struct questions *questions, unsigned slot, uint32_t id,
                              const struct operation_request *request)
{
    struct question *question = MEMORY_NEW(struct question);
    question->questions = questions;
    question->slot = slot;
    question->id = id;
    list_append(&questions->open, &question->link);
    questions->counts[slot]++;
    operations_ask(questions->operations, request, question_on_done, question);
}

void questions_ask(struct questions *questions, unsigned slot, const struct channel_message *message)
{
    const char *operation = json_string_value(json_object_get(message->body, "operation"));
    struct arena arena = ARENA(QUESTIONS_WHO);
    struct principal who = {0};
    struct error error = {0};
    json_t *arguments = NULL;
    int refused = 0;
    CHECK(slot < GATES_MOST);
    if (!operation || !principal_decode(json_object_get(message->body, "who"), &arena, &who))
        refused = 400;
    else if (who.kind == PRINCIPAL_OPERATOR)
        refused = 403;
    else if (questions->counts[slot] >= QUESTIONS_MOST)
        refused = 503;
    else if (!(arguments = arguments_read(message, &error)))
        refused = 400;
    if (refused)
        questions_answer(
            questions, slot, message->id,
            reply_make(refused,
                       json_pack("{s:s}", "text",
                                 error.text[0] ? error.text : "malformed, or too many questions are open")));
    else
        questions_pass_on(questions, slot, message->id,
                          &(struct operation_request){operation, arguments, &who});
    json_decref(arguments);
    arena_free(&arena);
}

struct questions *questions_new(struct operations *operations, struct gates *gates)
{
    struct questions *questions = MEMORY_NEW(struct questions);
    questions->operations = operations;
    questions->gates = gates;
    list_init(&questions->open);
    return questions;
}

void questions_forget(struct questions *questions, unsigned slot)
{
    LIST_FOR_EACH(link, &questions->open)
    {
        struct question *question = LIST_ENTRY(link, struct question, link);
        if (question->slot != slot)
            continue;
        operations_forget(questions->operations, question);
        question_free(question);
    }
}

void questions_free(struct questions **questions)
{
    if (!*questions)
        return;
    for (unsigned slot = 0; slot < GATES_MOST; slot++)
        questions_forget(*questions, slot);
    free(*questions);
    *questions = NULL;
}
