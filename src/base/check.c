#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"

void check_failed(const char *condition, const char *file, int line)
{
    fprintf(stderr, "reeve: bug at %s:%d: %s\n", file, line, condition);
    abort();
}
