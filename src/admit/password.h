/* Passwords: yescrypt by crypt(3), what is too short, and the same time for whoever is not there. */
#pragma once

#include "admit/users.h"

enum { PASSWORD_LEAST = 8, PASSWORD_MOST = 500 /* bytes; crypt(3) takes 511 */ };

/* False with what is allowed. */
bool password_check(struct slice password, struct error *error);
/* "$y$..." with fresh salt and the library's costs; fresh memory. NULL with the text. */
char *password_hash(const char *password, struct error *error);
/* Whether it is this user's. NULL, or a user that no password fits: false after the time that another one of
 * the file takes, always the same for the same `name`. */
bool password_fits(const char *password, const struct users *users, const char *name);
