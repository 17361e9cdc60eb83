/* Numbers and pieces of any bytes. */
#include "base/slice.h"
#include "base/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice rest = slice_of(data, size), piece;
    int64_t number = 0;
    while (slice_next(&rest, ',', &piece)) {
        text_to_duration(piece, &number);
        text_to_size(slice_trim(piece), &number);
    }
    return 0;
}
