/* A target is read the same way twice: what uri_parse() made of it is plain and stays as it is. */
#include <stdlib.h>

#include "base/check.h"
#include "base/memory.h"
#include "wire/uri.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice target = slice_of(data, size);
    char *memory = memory_new(uri_memory(target) + size + 1);
    struct uri uri, again;
    struct uri_host host;
    uri_split_host(target, memory, &host);
    if (uri_parse(target, memory, &uri)) {
        char *other = memory_new(uri_memory(uri.raw_path) + 1);
        CHECK(uri_parse(uri.raw_path, other, &again));
        CHECK(slice_equal(again.raw_path, uri.raw_path));
        CHECK(slice_equal(again.path, uri.path));
        struct slice rest = uri.path, segment;
        while (uri_next_segment(&rest, &segment))
            CHECK(!slice_equal(segment, SLICE("..")) && !slice_equal(segment, SLICE(".")));
        free(other);
    }
    free(memory);
    return 0;
}
