/* The form of the sign-in page, and the way that it leads back. */
#include <stdlib.h>

#include "admit/next.h"
#include "base/check.h"
#include "base/memory.h"
#include "wire/form.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What a browser takes for another site, or for two header fields. */
static void check_is_ours(struct slice next)
{
    CHECK(next.size > 0 && next.size <= NEXT_MOST && next.data[0] == '/');
    CHECK(next.size == 1 || (next.data[1] != '/' && next.data[1] != '\\'));
    for (size_t i = 0; i < next.size; i++)
        CHECK((unsigned char)next.data[i] > 0x20 && (unsigned char)next.data[i] < 0x7f &&
              next.data[i] != '\\');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct slice names[] = {{"user", 4}, {"password", 8}, {"next", 4}};
    struct slice form = slice_of(data, size), value;
    char *memory = memory_new(size + 1);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (form_value(form, names[i], memory, &value) && value.data) {
            CHECK(value.size <= size);
            check_is_ours(next_path(value));
        }
    check_is_ours(next_path(form));
    free(memory);
    return 0;
}
