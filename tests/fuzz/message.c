/* What is decoded can be encoded again and means the same. */
#include <stdlib.h>

#include "base/check.h"
#include "wire/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct message_header header;
    struct error error = {0};
    json_t *body = NULL, *again = NULL;
    if (!message_decode(slice_of(data, size), &header, &body, &error))
        return 0;
    size_t encoded_size = 0;
    char *encoded = message_encode((enum message_type)header.type, header.id, body, &encoded_size);
    if (encoded) {
        CHECK(message_decode(slice_of(encoded, encoded_size), &header, &again, &error));
        CHECK(json_equal(body, again));
        json_decref(again);
    }
    free(encoded);
    json_decref(body);
    return 0;
}
