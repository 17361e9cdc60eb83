/* A password from whoever sits at the terminal, or from a pipe. */
#pragma once

#include "base/error.h"
#include "base/slice.h"

/* Asks twice without echo when standard input is a terminal, else takes the first line of it. Fresh memory:
 * wipe it with secret_free(). NULL with the text: the two differ, it was broken off, or it is no fit
 * password. */
char *secret_read(const char *user, struct error *error);
void secret_free(char **secret);
