/* What a terminal answers to queries, and strings that programs send it (OSC, DCS). */
#pragma once

#include "screen/state.h"

/* Queries by CSI: c, n, $p. */
bool answers_csi(struct screen *screen, const struct parser_parameters *parameters, uint32_t collected,
                 char final);

/* As struct parser_events has them. */
bool answers_osc(struct screen *screen, struct slice bytes);
bool answers_dcs(struct screen *screen, uint32_t collected, char final, struct slice bytes);
