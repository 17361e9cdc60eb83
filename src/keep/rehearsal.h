/* What `reeve check` tries beyond reading the file. */
#pragma once

#include "base/error.h"
#include "config/config.h"

/* What `reeve check` tests beyond the file itself: listeners' addresses, files roots as the gates' user. */
bool rehearsal_check(const struct config *config, struct error *error);
