/* Collects what is wrong with a configuration, each with its place, so that one check shows all of it. */
#pragma once

#include "base/memory.h"

#include "config/config.h"

/* Formats an error, as memory_format(), and adds it. Further lines of the text should be indented by two
 * spaces. */
#define errors_add(errors, place, ...) errors_take((errors), (place), memory_format(__VA_ARGS__))

/* Owns `text`; copies the file's name. */
void errors_take(struct config_errors *errors, struct config_place place, char *text);
/* By file, line and column; the order of those at one place stays. */
void errors_sort(struct config_errors *errors);

/* As config_errors_text(), config_errors_first() and config_errors_free(). */
char *errors_text(const struct config_errors *errors);
void errors_first(const struct config_errors *errors, struct error *error);
void errors_free(struct config_errors *errors);
