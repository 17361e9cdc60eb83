/* Addresses and ports as users write them; everything that people write instead gets an answer. */
#pragma once

#include "config/load.h"

/* "host:port", "[v6]:port" or "unix:/path" into *upstream; a relative path starts at the file's directory.
 * False with an error added. `names`: hosts may be names to look up, else IP addresses and localhost only. */
bool addresses_read(struct load *load, const struct yaml_node *node, struct slice text, bool names,
                    struct config_upstream *upstream);
/* A decimal port from 1 to 65535 without leading zeros. */
bool addresses_port(struct slice text, uint16_t *port);
/* Adds an error when the path does not fit into a socket address (sun_path of unix(7)). */
bool addresses_check_socket(struct load *load, const struct yaml_node *node, const char *path);
/* Who connects to this listener ("127.0.0.1:80", "unix:/x") is on this machine, so nobody in between reads
 * along. */
bool addresses_stay_here(const char *address);
