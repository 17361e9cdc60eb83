/* The bodies of messages and records of output: what one decoder takes, its encoder writes so that it is
 * taken again. */
#include "base/check.h"
#include "wire/hold.h"
#include "wire/logline.h"
#include "wire/target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_hold(const json_t *json)
{
    struct error error = {0};
    struct arena memory = ARENA(1 << 20);
    struct hold_spec spec;
    struct hold_hello hello;
    struct hold_end end;
    json_t *again = NULL;
    if (hold_spec_decode(json, &memory, &spec, &error)) {
        again = hold_spec_encode(&spec);
        CHECK(hold_spec_decode(again, &memory, &spec, &error));
        json_decref(again);
    }
    if (hold_hello_decode(json, &hello, &error)) {
        again = hold_hello_encode(&hello);
        CHECK(hold_hello_decode(again, &hello, &error));
        json_decref(again);
    }
    if (hold_end_decode(json, &end, &error)) {
        again = hold_end_encode(&end);
        CHECK(hold_end_decode(again, &end, &error));
        json_decref(again);
    }
    arena_free(&memory);
}

static void fuzz_target(const json_t *json)
{
    static struct target_row row;
    if (!target_row_decode(json, &row))
        return;
    json_t *again = target_row_encode(&row, true, 0, 0);
    CHECK(target_row_decode(again, &row));
    json_decref(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct logline_parsed parsed;
    if (logline_parse(slice_of(data, size), &parsed))
        logline_end(&parsed);
    json_t *json = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, NULL);
    if (!json)
        return 0;
    fuzz_hold(json);
    fuzz_target(json);
    json_decref(json);
    return 0;
}
