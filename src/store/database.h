/* What the files of store share. */
#pragma once

#include <sqlite3.h>
#include <stdint.h>

#include "store/store.h"

struct store {
    sqlite3 *database;
    sqlite3_stmt *append; /* of the journal; NULL until the first row */
    unsigned appended;
    int64_t newest; /* number of the journal's newest row; 0: not looked at yet, or there is none */
};
