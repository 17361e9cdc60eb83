/* Sends a stretch of an open file as the rest of an answer, as fast as the client takes it. */
#pragma once

#include "http/exchange.h"
#include "wire/range.h"

/* After exchange_head() with the part's size: sends it, ends the exchange and closes `fd`, which is taken
 * over. A file that turns out shorter cuts the connection. */
void file_body_send(struct exchange *exchange, int fd, const struct range *part);
