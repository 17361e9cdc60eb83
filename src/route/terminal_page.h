/* The page of a terminal route: a frame around xterm.js (web/terminal), which is built in where npm was there
 * at build time. Without it the page says how else to get at the terminal. */
#pragma once

#include "http/exchange.h"

/* Answers with it. `target`: its name, "shell/a1". */
void terminal_page_answer(struct exchange *exchange, struct slice target, bool may_type);
