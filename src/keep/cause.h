/* Why a target is not running, as sentences that people understand (contract §2, `cause`). */
#pragma once

#include "config/config.h"
#include "wire/hold.h"
#include "wire/target.h"

/* "0.2 s" "41 s" "3 m" "2 h" "5 d", into text[CAUSE_TIME_SIZE]; returns text. */
enum { CAUSE_TIME_SIZE = 32 };
char *cause_time(int64_t milliseconds, char *text);

/* Each fills `cause` anew. */
void cause_of_end(struct target_cause *cause, const struct hold_end *end);
__attribute__((format(printf, 3, 4))) void cause_set(struct target_cause *cause, enum target_cause_kind kind,
                                                     const char *format, ...);
/* Puts " (from reeve.yaml:12:5)" after the text: the place of the setting that explains it. */
void cause_add_place(struct target_cause *cause, const struct config_item *item, const char *key);

/* True for an exit with 0. */
bool cause_is_success(const struct target_cause *cause);
