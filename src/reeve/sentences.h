/* Rows of the journal as sentences (contract §3, `reeve why`): what was done, when, on whose wish, to which
 * process and how that was known. Pure but for the time zone (TZ). */
#pragma once

#include <jansson.h>

/* `rows` as the operation "journal" gives them, oldest first. [{time_ms, text, events: n}]: rows that belong
 * together are one sentence, and every row is in one: an event without words of its own is written with what
 * its evidence holds. A new reference. */
json_t *sentences_make(const json_t *rows);

enum { SENTENCES_TIME_SIZE = 24 };
/* "14:02:11"; with the date before it when it is another day than `now_ms`. Into
 * text[SENTENCES_TIME_SIZE]; returns text. */
char *sentences_time(int64_t wall_ms, int64_t now_ms, char *text);
