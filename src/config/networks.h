/* Addresses of others as one writes them in lists: "10.0.0.7", "10.0.0.0/8", "fd00::/8", or "unix" for
 * whoever connects to a socket file. */
#pragma once

#include "config/load.h"

extern const struct type networks_list; /* struct config_texts */
