/* The keys that detach from a terminal: read as docker writes them, looked for in what is typed. Pure. */
#pragma once

#include "base/buffer.h"
#include "base/error.h"

enum { KEYS_MOST = 8 };

struct keys {
    char bytes[KEYS_MOST];
    size_t count; /* 0: none */
    size_t held;  /* of them have been typed and not passed on */
};

/* "ctrl-\,ctrl-\", "ctrl-p,ctrl-q", "ctrl-],d": letters, or ctrl- with a letter or one of @ [ \ ] ^ _; "":
 * none, so that only another terminal can end it. False with the text. */
bool keys_parse(const char *text, struct keys *keys, struct error *error);
/* Appends what goes to the program to `out`: all that is typed but the detach keys, the first of which wait
 * for the next. True when all were typed; what was typed behind them is dropped. */
bool keys_feed(struct keys *keys, struct slice typed, struct buffer *out);
/* It was typed and no other followed: it was meant for the program. */
void keys_release(struct keys *keys, struct buffer *out);
