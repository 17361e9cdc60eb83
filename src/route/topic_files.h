/* A topic that is a file of lines: the output of a target, or its events (tail/tail.h). */
#pragma once

#include "route/topic_feed.h"

extern const struct topic_feed_kind topic_files_kind;
