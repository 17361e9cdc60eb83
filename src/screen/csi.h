/* Control sequences: CSI, parameters and a final byte. */
#pragma once

#include "screen/state.h"

/* As struct parser_events has it: true for queries, which are answered. */
bool csi_dispatch(struct screen *screen, const struct parser_parameters *parameters, uint32_t collected,
                  char final);
