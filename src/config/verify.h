/* What only the whole configuration shows: names that lead nowhere, things that are there twice, circles. */
#pragma once

#include "config/load.h"

/* Fills in what depends on other keys (name, state, listeners, prefixes) and adds what is wrong to
 * load->errors. When something is not supported yet the picture is incomplete, and names that lead nowhere
 * are not reported. */
void verify_config(struct load *load);
