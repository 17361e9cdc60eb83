/* The terminal of one run as its keeper sees it: who asks its hold for a view, what the hold tells of
 * viewers.
 *
 * A hold may be years old or lie: one that does not know the question, does not answer in VIEWING_ANSWER_MS
 * or answers nonsense gets nobody a view, and nothing else comes of it: no more than VIEWING_MOST questions
 * wait for it, and VIEWING_MUTE_MOST once it has left one without an answer, so that whoever counts open
 * questions has some left for other terminals. */
#pragma once

#include "link/channel.h"
#include "loop/loop.h"
#include "wire/hold_terminal.h"

struct viewing;

enum { VIEWING_ANSWER_MS = 5000, VIEWING_MOST = 32, VIEWING_MUTE_MOST = 2 };

struct viewing_events {
    /* What viewers do, for the journal (keep/visits); the reference to `evidence` is given. */
    void (*on_journal)(void *owner, json_t *evidence);
    /* Size or number of viewers are others now. */
    void (*on_change)(void *owner, const struct hold_terminal_news *now);
    void *owner;
};

/* How it ended: status 200 with `link`, the viewer's end (borrowed: send a copy), or another HTTP status with
 * a sentence. */
struct viewing_answer {
    int status;
    int link;
    const char *text;
};
/* Once, from the loop or from inside viewing_ask(). */
typedef void viewing_done_fn(void *owner, const struct viewing_answer *answer);

struct viewing *viewing_new(struct loop *loop, const struct viewing_events *events);
/* Asks the hold behind `channel` (NULL: it cannot be asked now). */
void viewing_ask(struct viewing *viewing, struct channel *channel, const struct hold_terminal_attach *attach,
                 viewing_done_fn *done, void *owner);
/* A message of the hold; false: it is not about a terminal. */
bool viewing_hear(struct viewing *viewing, const struct channel_message *message);
/* What is only counted so far is told to the journal. */
void viewing_tell(struct viewing *viewing);
/* The same, and open questions are answered with 503. */
void viewing_free(struct viewing **viewing);
