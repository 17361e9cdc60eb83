/* A request or response head in two pieces, its framing, and what follows as a chunked body. */
#include "wire/chunks.h"
#include "wire/framing.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_body(struct slice rest)
{
    struct chunks chunks = {0};
    struct slice piece;
    size_t used = 0;
    while (chunks_next(&chunks, rest, &used, &piece) == CHUNKS_DATA)
        rest = slice_from(rest, used);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    struct field storage[20];
    struct http1_head head;
    struct framing framing;
    const struct http1_limits limits = {.head = 4096, .target = 256};
    struct slice bytes = slice_of(data + 2, size - 2);
    enum http1_result (*parse)(struct http1_head *, struct slice, const struct http1_limits *) =
        data[0] & 1 ? http1_parse_response : http1_parse_request;
    http1_begin(&head, storage, 20);
    enum http1_result result = parse(&head, slice_between(bytes, 0, data[1]), &limits);
    if (result == HTTP1_MORE)
        result = parse(&head, bytes, &limits);
    if (result != HTTP1_DONE)
        return http1_result_text(result) == NULL;
    result = data[0] & 1 ? framing_of_response(&head, (enum http1_method)(data[0] >> 4), &framing)
                         : framing_of_request(&head, &(struct uri_memo){0}, &framing);
    fields_accept_prefers_html(fields_get(&head.fields, FIELD_ACCEPT));
    if (result == HTTP1_DONE && framing.body == FRAMING_CHUNKED)
        fuzz_body(slice_from(bytes, head.size));
    return 0;
}
