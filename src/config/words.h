/* One text split into words, as a shell would without ever being one: blanks separate, '...' and "..." hold
 * together, \ takes the next character as it is. ${...} stays whole. */
#pragma once

#include "base/arena.h"
#include "base/error.h"

/* Calls `take` for each word in turn (the word is gone after the call). False with the text at an open quote,
 * and at anything that only a shell would understand: the text says what to write instead. */
bool words_split(struct slice text, void (*take)(void *owner, struct slice word), void *owner,
                 struct error *error);
