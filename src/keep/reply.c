/* Better an error than no answer. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "link/memfd.h"
#include "wire/message.h"

#include "keep/reply.h"

enum { REPLY_INLINE = MESSAGE_BODY_LARGEST - 1024 };

static struct reply reply_failure(const char *text)
{
    return (struct reply){json_pack("{s:i, s:{s:s}}", "status", 500, "body", "text", text), -1};
}

static struct reply reply_in_memfd(int status, struct slice text)
{
    int memfd = memfd_seal("reeve-answer", text);
    if (memfd < 0)
        return reply_failure("there is no memory for the answer");
    return (struct reply){json_pack("{s:i}", "status", status), memfd};
}

struct reply reply_make(int status, json_t *body)
{
    struct reply reply;
    char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
    if (!text)
        reply = reply_failure("the answer cannot be written as JSON");
    else if (strlen(text) <= REPLY_INLINE)
        reply = (struct reply){json_pack("{s:i, s:O}", "status", status, "body", body), -1};
    else
        reply = reply_in_memfd(status, slice_of_text(text));
    free(text);
    json_decref(body);
    return reply;
}

void reply_close(struct reply *reply)
{
    if (reply->descriptor >= 0)
        close(reply->descriptor);
    reply->descriptor = -1;
}
