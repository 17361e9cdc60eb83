/* The parameters of one request to create an instance, against what its template says. Pure; the values are
 * hostile. */
#pragma once

#include <jansson.h>

#include "config/config.h"

/* All of one instance together, as JSON. */
enum { PARAMETERS_MOST = 512 * 1024, PARAMETERS_WORD_MOST = 4096 /* bytes of one with a pattern */ };

/* NULL: `given` (NULL: none) fits. Else a fresh list [{pointer, detail}] with what is wrong, by JSON pointers
 * (RFC 6901) into the request: "/parameters/project". */
json_t *parameters_check(const struct config_template *template, const json_t *given);
/* Such a list as one text: "parameters/project: it is missing; parameters/..." */
void parameters_tell(const json_t *errors, struct error *error);
