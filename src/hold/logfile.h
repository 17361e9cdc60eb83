/* log/NAME/current.jsonl: appended, rotated, and honest about what it could not take.
 *
 * A slow disk makes logfile_write() wait (and through the pipes the program). A disk that refuses (full,
 * gone, not ours) makes it drop whole records and count them; when it takes again, a record of ours says how
 * many are missing. Two runs of a target may write into one directory at the same time. */
#pragma once

#include <stdint.h>

#include "base/clock.h"
#include "base/slice.h"

struct logfile;

struct logfile_settings {
    int directory;     /* stays the caller's */
    int64_t max_bytes; /* a file is rotated before it grows beyond; 0: never */
    int64_t keep;      /* files in total; at least 1 */
    int64_t run;       /* generation, for our own records */
    const struct clock *clock;
};

struct logfile_counts {
    int64_t bytes; /* written */
    int64_t lines;
    int64_t dropped; /* lines, all so far */
    int error;       /* errno of the last write; 0: the disk takes what it is given */
};

struct logfile *logfile_new(const struct logfile_settings *settings);
/* Writes whole records, each ending with a newline. */
void logfile_write(struct logfile *log, struct slice records);
/* Tries to write the marker of dropped records, if one is due. */
void logfile_flush(struct logfile *log);
struct logfile_counts logfile_counts(const struct logfile *log);
void logfile_free(struct logfile **log);
