/* The arguments of a question to the keeper: in the message, or in a sealed memfd beside it when they are
 * larger than a message holds. */
#pragma once

#include "base/error.h"
#include "link/channel.h"

enum { ARGUMENTS_MOST = 1024 * 1024 };

/* A new reference; {} when there are none. NULL with text: hostile or broken. */
json_t *arguments_read(const struct channel_message *message, struct error *error);
