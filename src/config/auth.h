/* What sign-in asks of the other settings. */
#pragma once

#include "config/load.h"

/* Fills in the users file, and adds an error for each listener that would take passwords in clear text from
 * beyond this machine without saying `insecure: true`. */
void auth_verify(struct load *load);
