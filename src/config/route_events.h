/* What is settled of a route's `events` when all its keys are read. */
#pragma once

#include "config/load.h"

void route_events_finish(struct load *load, struct config_route *route);
