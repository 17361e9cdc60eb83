/* Checks of two heads; the one computation is the accept value, which shows that the other side speaks
 * WebSocket. */
#include <openssl/evp.h>
#include <string.h>

#include "base/check.h"
#include "wire/websocket.h"

enum { WEBSOCKET_KEY_BYTES = 16, WEBSOCKET_DIGEST_SIZE = 20 };

static bool websocket_is_base64(char byte)
{
    return (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9') ||
           byte == '+' || byte == '/';
}

/* 16 bytes in base64: 22 characters and "==". The last 4 bits of the 22nd are not looked at: clients differ.
 */
static bool websocket_key_is_valid(struct slice key)
{
    if (key.size != WEBSOCKET_KEY_SIZE || !slice_ends_with(key, SLICE("==")))
        return false;
    for (size_t i = 0; i < key.size - 2; i++)
        if (!websocket_is_base64(key.data[i]))
            return false;
    return true;
}

enum websocket_result websocket_check_request(const struct http1_head *head)
{
    const struct fields *fields = &head->fields;
    if (!fields_has_token(fields, FIELD_UPGRADE, SLICE("websocket")))
        return WEBSOCKET_OTHER;
    if (fields_count(fields, FIELD_SEC_WEBSOCKET_VERSION) != 1 ||
        !slice_equal(fields_get(fields, FIELD_SEC_WEBSOCKET_VERSION), SLICE("13")))
        return WEBSOCKET_BAD_VERSION;
    if (head->method != HTTP1_GET || head->minor == 0 || fields_count(fields, FIELD_SEC_WEBSOCKET_KEY) != 1 ||
        !websocket_key_is_valid(fields_get(fields, FIELD_SEC_WEBSOCKET_KEY)))
        return WEBSOCKET_BAD;
    return WEBSOCKET_FINE;
}

/* EVP_EncodeBlock() ends its output with a NUL that the caller has no room for. */
static void websocket_base64(const unsigned char *bytes, int size, char *out, size_t out_size)
{
    unsigned char text[32];
    CHECK(out_size < sizeof(text));
    CHECK(EVP_EncodeBlock(text, bytes, size) == (int)out_size);
    memcpy(out, text, out_size);
}

void websocket_accept(struct slice key, char *out)
{
    static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"; /* RFC 6455 §1.3 */
    char text[WEBSOCKET_KEY_SIZE + sizeof(guid)];
    unsigned char digest[WEBSOCKET_DIGEST_SIZE];
    CHECK(key.size == WEBSOCKET_KEY_SIZE);
    memcpy(text, key.data, key.size);
    memcpy(text + key.size, guid, sizeof(guid) - 1);
    CHECK(EVP_Digest(text, key.size + sizeof(guid) - 1, digest, NULL, EVP_sha1(), NULL) == 1);
    websocket_base64(digest, WEBSOCKET_DIGEST_SIZE, out, WEBSOCKET_ACCEPT_SIZE);
}

void websocket_key(const uint8_t random[16], char *out)
{
    websocket_base64(random, WEBSOCKET_KEY_BYTES, out, WEBSOCKET_KEY_SIZE);
}

bool websocket_offers(const struct fields *request, struct slice subprotocol)
{
    size_t place = 0;
    struct slice value, element;
    while (fields_each(request, FIELD_SEC_WEBSOCKET_PROTOCOL, &place, &value))
        while (fields_list_next(&value, &element))
            if (slice_equal(element, subprotocol))
                return true;
    return false;
}

/* Each extension that the response names must have been offered; parameters are between the two ends. */
static bool websocket_extensions_were_offered(const struct fields *response, const struct fields *request)
{
    size_t place = 0;
    struct slice value, element;
    while (fields_each(response, FIELD_SEC_WEBSOCKET_EXTENSIONS, &place, &value))
        while (fields_list_next(&value, &element)) {
            struct slice name = slice_trim(slice_of(element.data, slice_find(element, ';')));
            if (!fields_has_token(request, FIELD_SEC_WEBSOCKET_EXTENSIONS, name))
                return false;
        }
    return true;
}

/* At most one, which was asked for. */
static bool websocket_subprotocol_was_offered(const struct fields *response, const struct fields *request,
                                              struct slice asked)
{
    size_t count = fields_count(response, FIELD_SEC_WEBSOCKET_PROTOCOL);
    struct slice chosen = fields_get(response, FIELD_SEC_WEBSOCKET_PROTOCOL);
    if (count == 0)
        return true;
    return count == 1 &&
           (websocket_offers(request, chosen) || (asked.size > 0 && slice_equal(chosen, asked)));
}

bool websocket_check_response(const struct http1_head *response, const struct fields *request,
                              struct slice asked)
{
    const struct fields *fields = &response->fields;
    struct slice key = fields_get(request, FIELD_SEC_WEBSOCKET_KEY);
    char accept[WEBSOCKET_ACCEPT_SIZE];
    if (response->status != 101 || key.size != WEBSOCKET_KEY_SIZE ||
        !fields_has_token(fields, FIELD_CONNECTION, SLICE("upgrade")) ||
        !slice_equal_ignore_case(fields_get(fields, FIELD_UPGRADE), SLICE("websocket")) ||
        fields_count(fields, FIELD_SEC_WEBSOCKET_ACCEPT) != 1)
        return false;
    websocket_accept(key, accept);
    if (!slice_equal(fields_get(fields, FIELD_SEC_WEBSOCKET_ACCEPT), slice_of(accept, sizeof(accept))))
        return false;
    return websocket_subprotocol_was_offered(fields, request, asked) &&
           websocket_extensions_were_offered(fields, request);
}
