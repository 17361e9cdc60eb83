/* What a hold and a keeper read of each other, and a record of output, from any bytes. */
#include <jansson.h>

#include "wire/hold.h"
#include "wire/logline.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct logline_parsed line;
    if (logline_parse(slice_of(data, size), &line))
        logline_end(&line);
    json_t *json = json_loadb((const char *)data, size, 0, NULL);
    if (!json)
        return 0;
    struct arena memory = ARENA(1 << 20);
    struct hold_spec spec;
    struct hold_hello hello;
    struct hold_end end;
    struct error error;
    if (hold_spec_decode(json, &memory, &spec, &error))
        json_decref(hold_spec_encode(&spec));
    if (hold_hello_decode(json, &hello, &error))
        json_decref(hold_hello_encode(&hello));
    if (hold_end_decode(json, &end, &error))
        json_decref(hold_end_encode(&end));
    arena_free(&memory);
    json_decref(json);
    return 0;
}
