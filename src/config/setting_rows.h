/* The parts of the table, in the order of the reference page; table.c joins them. */
#pragma once

#include "config/setting.h"

/* Each ends with a row without a path. */
extern const struct setting settings_top_rows[];
extern const struct setting settings_service_rows[];
extern const struct setting settings_template_rows[];
extern const struct setting settings_route_rows[];
extern const struct setting settings_rest_rows[];
