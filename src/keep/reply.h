/* {status, body}: the form in which the answer to an operation travels, to a gate and to the command alike.
 */
#pragma once

#include <jansson.h>

struct reply {
    json_t *message; /* of the message: {status, body}, or {status} with the body in the descriptor */
    int descriptor;  /* a sealed memfd, or -1 */
};

/* Takes the reference to `body`. What cannot be sent becomes a status 500 with its text. */
struct reply reply_make(int status, json_t *body);
/* What is left after the message was sent: closes the descriptor. The message's reference is the sender's. */
void reply_close(struct reply *reply);
