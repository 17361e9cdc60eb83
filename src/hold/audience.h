/* All viewers of one terminal: who is there, what they are shown, whose size counts. */
#pragma once

#include "hold/audit.h"
#include "hold/spectator.h"

struct audience;

enum { AUDIENCE_MOST = 64 };

struct audience_events {
    /* Somebody typed. */
    void (*on_input)(void *owner, struct slice bytes);
    /* Who is there or what they ask for has changed: look at audience_size(), tell the number. */
    void (*on_change)(void *owner);
    /* This one needs a snapshot: fill it in. Valid until the next call. */
    void (*on_show)(void *owner, struct spectator_snapshot *snapshot);
    bool (*on_news)(void *owner, struct hold_terminal_news *news); /* as in hold/audit.h */
    void *owner;
};

struct audience *audience_new(struct loop *loop, const struct hold_terminal *terminal,
                              const struct audience_events *events);
/* Takes `fd` over. The viewer's number, or -EUSERS (AUDIENCE_MOST are there), or another -errno; `fd` is
 * closed then. on_change has fired before it is shown anything. */
int64_t audience_attach(struct audience *audience, int fd, const struct hold_terminal_attach *attach);
size_t audience_count(const struct audience *audience);
/* The size that the screen is to have; it stays as it is when nobody has a say. */
void audience_size(const struct audience *audience, uint16_t *columns, uint16_t *rows);

/* To everybody. */
void audience_output(struct audience *audience, struct slice bytes);
void audience_tell_size(struct audience *audience, uint16_t columns, uint16_t rows);
void audience_tell_title(struct audience *audience, struct slice title);
void audience_flush(struct audience *audience);
void audience_refresh(struct audience *audience, int64_t delay_ms);
void audience_listen(struct audience *audience, bool listens);

/* A keeper is there: what it has not heard of is told. */
void audience_tell_news(struct audience *audience);
/* Everybody sees the last screen and is told the sentence. */
void audience_end(struct audience *audience, struct slice sentence);
/* After audience_end(): nobody is left who has not got all of it. */
bool audience_is_told(const struct audience *audience);
void audience_free(struct audience **audience);
