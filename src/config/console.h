/* What the console asks of the other settings. */
#pragma once

#include "config/load.h"

/* Fills in where it is tried first and who may use it, and ends its path with a slash. Adds an error for a
 * path that would take others' requests, for an address that is listened on already, and for one that would
 * take passwords in clear text from beyond this machine. */
void console_verify(struct load *load);
