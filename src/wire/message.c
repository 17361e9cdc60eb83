/* Bytes to checked messages and back. The decoder reads what a gate or a hold sent, and either may have been
 * taken over: nothing in the record is believed before it is checked. */
#include <string.h>

#include "base/check.h"
#include "base/memory.h"
#include "wire/message.h"

enum { MESSAGE_DEPTH_LARGEST = 32 };

char *message_encode(enum message_type type, uint32_t id, const json_t *body, size_t *size)
{
    CHECK(!body || json_is_object(body));
    size_t body_size = body ? json_dumpb(body, NULL, 0, JSON_COMPACT) : 0;
    CHECK(!body || body_size > 0);
    if (body_size > MESSAGE_BODY_LARGEST)
        return NULL;
    struct message_header header = {
        .version = MESSAGE_VERSION,
        .type = (uint16_t)type,
        .id = id,
        .size = (uint32_t)body_size,
    };
    char *record = memory_new(sizeof(header) + body_size);
    memcpy(record, &header, sizeof(header));
    if (body)
        CHECK(json_dumpb(body, record + sizeof(header), body_size, JSON_COMPACT) == body_size);
    *size = sizeof(header) + body_size;
    return record;
}

/* The parser recurses once per level, so the depth is known to be small before it runs. */
static bool message_depth_is_fine(struct slice text)
{
    size_t depth = 0;
    bool quoted = false;
    for (size_t i = 0; i < text.size; i++) {
        char byte = text.data[i];
        if (quoted && byte == '\\')
            i++;
        else if (byte == '"')
            quoted = !quoted;
        else if (!quoted && (byte == '{' || byte == '['))
            depth++;
        else if (!quoted && (byte == '}' || byte == ']') && depth > 0)
            depth--;
        if (depth > MESSAGE_DEPTH_LARGEST)
            return false;
    }
    return true;
}

static bool message_header_check(struct slice record, struct message_header *header, struct error *error)
{
    if (record.size < sizeof(*header))
        return error_set(error, "message of %zu bytes is shorter than its header", record.size);
    memcpy(header, record.data, sizeof(*header));
    if (header->version != MESSAGE_VERSION)
        return error_set(error, "message has version %u, expected %d", header->version, MESSAGE_VERSION);
    if (header->reserved != 0)
        return error_set(error, "message has reserved bits set");
    if (header->size > MESSAGE_BODY_LARGEST)
        return error_set(error, "message body of %u bytes is larger than %d", header->size,
                         MESSAGE_BODY_LARGEST);
    if (header->size != record.size - sizeof(*header))
        return error_set(error, "message says %u bytes of body but has %zu", header->size,
                         record.size - sizeof(*header));
    return true;
}

json_t *message_parse(struct slice text, struct error *error)
{
    json_error_t trouble;
    if (!message_depth_is_fine(text)) {
        error_set(error, "nested more than %d deep", MESSAGE_DEPTH_LARGEST);
        return NULL;
    }
    json_t *value = json_loadb(text.data, text.size, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &trouble);
    if (!value)
        error_set(error, "%s", trouble.text);
    return value;
}

bool message_decode(struct slice record, struct message_header *header, json_t **body, struct error *error)
{
    *body = NULL;
    if (!message_header_check(record, header, error))
        return false;
    struct slice text = slice_from(record, sizeof(*header));
    if (text.size == 0) {
        *body = json_object();
        CHECK(*body);
        return true;
    }
    json_t *value = message_parse(text, error);
    if (!value)
        return error_prefix(error, "message body");
    if (!json_is_object(value)) {
        json_decref(value);
        return error_set(error, "message body is not an object");
    }
    *body = value;
    return true;
}
