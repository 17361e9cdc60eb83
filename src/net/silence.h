/* Peers that are gone without a word (power, cable, a machine asleep): what the kernel knows of them.
 *
 * TCP_USER_TIMEOUT is not used: it also ends a connection whose peer is alive, acknowledges, and does not
 * read for so long (tcp(7): "due to zero window size"), and a stalled reader is no fault. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Has the kernel ask an idle peer every `idle_ms` whether it is there, and break the connection when it does
 * not answer (keepalive, tcp(7)). Nothing for sockets of this machine, whose end is always seen. */
void silence_ask(int fd, int64_t idle_ms);
/* Bytes of ours have been sent again and again, or a full peer asked again and again, without any answer.
 * False too for what is not TCP. */
bool silence_is_suspect(int fd);
