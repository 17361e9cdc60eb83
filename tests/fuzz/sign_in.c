/* What a gate sends to the password helper: taken apart or refused. */
#include <string.h>

#include "admit/checker.h"
#include "base/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct checker_question question;
    bool read = checker_read(slice_of(data, size), &question);
    CHECK(read == (question.user && question.password));
    CHECK(!read || strlen(question.user) + strlen(question.password) < size);
    checker_wipe(&question);
    return 0;
}
