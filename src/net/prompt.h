/* Bytes of a connection leave when they are written. */
#pragma once

#include "net/address.h"

/* No waiting for company (TCP_NODELAY), and none for a pace towards a peer of this machine: a congestion
 * control that paces (BBR, where it is the system's default) sets a timer for each burst, which over loopback
 * spares nobody and takes a quarter of the CPU of a relay of large messages. Others keep what the system has.
 * Nothing for unix sockets. */
void prompt_set(int fd, const struct address *peer);
