/* Most targets need no work at all: one look says so, and the slices point into the target. The rest is
 * rebuilt segment by segment, in both forms at once. */
#include <arpa/inet.h>
#include <string.h>

#include "base/check.h"
#include "wire/span.h"
#include "wire/uri.h"

enum {
    URI_UNRESERVED = 1, /* ALPHA DIGIT - . _ ~ */
    URI_DELIMITER = 2,  /* sub-delims */
    URI_PATH = 4,       /* may stand in a path as it is: the above, ':' '@' '/' */
};

static const uint8_t classes[256] = {
    ['A' ... 'Z'] = URI_UNRESERVED | URI_PATH,
    ['a' ... 'z'] = URI_UNRESERVED | URI_PATH,
    ['0' ... '9'] = URI_UNRESERVED | URI_PATH,
    ['-'] = URI_UNRESERVED | URI_PATH,
    ['.'] = URI_UNRESERVED | URI_PATH,
    ['_'] = URI_UNRESERVED | URI_PATH,
    ['~'] = URI_UNRESERVED | URI_PATH,
    ['!'] = URI_DELIMITER | URI_PATH,
    ['$'] = URI_DELIMITER | URI_PATH,
    ['&'] = URI_DELIMITER | URI_PATH,
    ['\''] = URI_DELIMITER | URI_PATH,
    ['('] = URI_DELIMITER | URI_PATH,
    [')'] = URI_DELIMITER | URI_PATH,
    ['*'] = URI_DELIMITER | URI_PATH,
    ['+'] = URI_DELIMITER | URI_PATH,
    [','] = URI_DELIMITER | URI_PATH,
    [';'] = URI_DELIMITER | URI_PATH,
    ['='] = URI_DELIMITER | URI_PATH,
    [':'] = URI_PATH,
    ['@'] = URI_PATH,
    ['/'] = URI_PATH,
};

static int uri_hex(char byte)
{
    if (byte >= '0' && byte <= '9')
        return byte - '0';
    char lower = (char)(byte | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* The byte that text[at] == '%' begins; -1 when it is no percent sequence. */
static int uri_percent(struct slice text, size_t at)
{
    if (text.size - at < 3)
        return -1;
    int high = uri_hex(text.data[at + 1]), low = uri_hex(text.data[at + 2]);
    return high < 0 || low < 0 ? -1 : high << 4 | low;
}

static bool uri_is_control(int byte)
{
    return byte < 0x20 || byte == 0x7f;
}

/* --- request targets ----------------------------------------------------------------------------- */

/* The path is its own decoded and normal form: no '%', no "//", no segment that starts with a dot. */
static bool uri_is_plain(struct slice path)
{
    size_t i = span_plain_path(path.data, path.size);
    for (; i < path.size; i++) {
        char next = i + 1 < path.size ? path.data[i + 1] : 0;
        if (path.data[i] == '%' || (path.data[i] == '/' && (next == '/' || next == '.')))
            return false;
    }
    return true;
}

static struct slice uri_path_of(struct slice target)
{
    return slice_of(target.data, slice_find(target, '?'));
}

size_t uri_memory(struct slice target)
{
    struct slice path = uri_path_of(target);
    return uri_is_plain(path) ? 0 : 2 * path.size;
}

static bool uri_bytes_are_valid(struct slice target)
{
    return span_target(target.data, target.size) == target.size && slice_find(target, '#') == target.size;
}

/* Decodes one segment; an encoded slash stays "%2F". data is NULL when it is malformed. */
static struct slice uri_decode_segment(struct slice raw, char *memory, bool *slashes)
{
    size_t size = 0;
    *slashes = false;
    for (size_t i = 0; i < raw.size; i++) {
        if (raw.data[i] != '%') {
            memory[size++] = raw.data[i];
            continue;
        }
        int byte = uri_percent(raw, i);
        if (uri_is_control(byte))
            return (struct slice){0};
        if (byte == '/') {
            memcpy(memory + size, "%2F", 3);
            size += 3;
            *slashes = true;
        } else {
            memory[size++] = (char)byte;
        }
        i += 2;
    }
    return slice_of(memory, size);
}

/* Whether a part between encoded slashes is "." or "..": a program that decodes them would climb. */
static bool uri_hides_dots(struct slice segment)
{
    size_t start = 0;
    for (size_t i = 0; i <= segment.size; i++) {
        bool end = i == segment.size || (segment.size - i >= 3 && memcmp(segment.data + i, "%2F", 3) == 0);
        if (!end)
            continue;
        struct slice part = slice_between(segment, start, i);
        if (slice_equal(part, SLICE(".")) || slice_equal(part, SLICE("..")))
            return true;
        start = i + 3;
    }
    return false;
}

/* Both forms of the path while they are built; each ends behind a '/' between two segments. */
struct uri_builder {
    char *path;
    size_t path_size;
    char *raw;
    size_t raw_size;
};

/* Without its last segment, up to the '/' before it; false when there is none left. */
static bool uri_drop_segment(const char *text, size_t *size)
{
    if (*size < 2)
        return false;
    size_t end = *size - 1;
    while (end > 0 && text[end - 1] != '/')
        end--;
    *size = end;
    return true;
}

/* ".." takes the last segment away, which in the raw form may be an empty one: then the decoded form, which
 * has none of these, stays as it is. */
static bool uri_climb(struct uri_builder *builder)
{
    bool empty = builder->raw_size >= 2 && builder->raw[builder->raw_size - 2] == '/';
    if (!uri_drop_segment(builder->raw, &builder->raw_size))
        return false;
    return empty || uri_drop_segment(builder->path, &builder->path_size);
}

/* The decoded segment already stands at the end of builder->path. */
static bool uri_add_segment(struct uri_builder *builder, struct slice raw, bool last)
{
    bool slashes = false;
    struct slice segment = uri_decode_segment(raw, builder->path + builder->path_size, &slashes);
    if (!segment.data || (slashes && uri_hides_dots(segment)))
        return false;
    if (slice_equal(segment, SLICE(".")))
        return true;
    if (slice_equal(segment, SLICE("..")))
        return uri_climb(builder);
    memcpy(builder->raw + builder->raw_size, raw.data, raw.size);
    builder->raw_size += raw.size;
    builder->path_size += segment.size;
    if (last)
        return true;
    builder->raw[builder->raw_size++] = '/';
    if (segment.size > 0)
        builder->path[builder->path_size++] = '/';
    return true;
}

static bool uri_rebuild(struct slice path, char *memory, struct uri *uri)
{
    struct uri_builder builder = {.path = memory, .raw = memory + path.size};
    builder.path[builder.path_size++] = '/';
    builder.raw[builder.raw_size++] = '/';
    struct slice rest = slice_from(path, 1), segment;
    while (slice_next(&rest, '/', &segment))
        if (!uri_add_segment(&builder, segment, rest.data == NULL))
            return false;
    uri->path = slice_of(builder.path, builder.path_size);
    uri->raw_path = slice_of(builder.raw, builder.raw_size);
    return true;
}

bool uri_parse(struct slice target, char *memory, struct uri *uri)
{
    if (target.size == 0 || target.data[0] != '/' || !uri_bytes_are_valid(target))
        return false;
    struct slice path = uri_path_of(target);
    uri->query = path.size < target.size ? slice_from(target, path.size + 1) : (struct slice){0};
    if (!uri_is_plain(path)) {
        CHECK(memory);
        return uri_rebuild(path, memory, uri);
    }
    uri->path = uri->raw_path = path;
    return true;
}

bool uri_next_segment(struct slice *rest, struct slice *segment)
{
    if (rest->size > 0 && rest->data[0] == '/')
        *rest = slice_from(*rest, 1);
    return slice_next(rest, '/', segment);
}

struct slice uri_skip_segments(struct slice raw_path, size_t count)
{
    size_t i = 0;
    for (; count > 0; count--) {
        while (i < raw_path.size && raw_path.data[i] == '/')
            i++;
        while (i < raw_path.size && raw_path.data[i] != '/')
            i++;
    }
    return slice_from(raw_path, i);
}

/* --- encoding ------------------------------------------------------------------------------------- */

static bool uri_encode(struct buffer *buffer, struct slice text, uint8_t kept)
{
    static const char digits[] = "0123456789ABCDEF";
    size_t size = text.size;
    for (size_t i = 0; i < text.size; i++)
        size += classes[(uint8_t)text.data[i]] & kept ? 0 : 2;
    char *at = buffer_reserve(buffer, size);
    if (!at)
        return false;
    for (size_t i = 0; i < text.size; i++) {
        uint8_t byte = (uint8_t)text.data[i];
        if (classes[byte] & kept) {
            *at++ = (char)byte;
            continue;
        }
        *at++ = '%';
        *at++ = digits[byte >> 4];
        *at++ = digits[byte & 15];
    }
    buffer_added(buffer, size);
    return true;
}

bool uri_encode_path(struct buffer *buffer, struct slice path)
{
    return uri_encode(buffer, path, URI_PATH);
}

bool uri_encode_value(struct buffer *buffer, struct slice value)
{
    return uri_encode(buffer, value, URI_UNRESERVED);
}

bool uri_decode(struct slice text, bool plus, char *memory, struct slice *decoded)
{
    size_t size = 0;
    for (size_t i = 0; i < text.size; i++) {
        char byte = text.data[i];
        if (byte == '%') {
            int value = uri_percent(text, i);
            if (value < 0)
                return false;
            byte = (char)value;
            i += 2;
        } else if (byte == '+' && plus) {
            byte = ' ';
        }
        memory[size++] = byte;
    }
    *decoded = slice_of(memory, size);
    return true;
}

/* --- authorities ---------------------------------------------------------------------------------- */

/* Cuts "name:port" or "[v6]:port"; *name keeps its brackets. False on a broken port. */
static bool uri_cut_port(struct slice authority, struct slice *name, int *port)
{
    size_t end = authority.size > 0 && authority.data[0] == '[' ? slice_find(authority, ']') + 1
                                                                : slice_find(authority, ':');
    if (end > authority.size)
        return false;
    *name = slice_of(authority.data, end);
    *port = -1;
    struct slice rest = slice_from(authority, end);
    if (rest.size == 0)
        return true;
    if (rest.data[0] != ':')
        return false;
    uint64_t number = 0;
    struct slice digits = slice_from(rest, 1);
    if (digits.size == 0)
        return true;
    if (digits.size > 5 || !slice_to_u64(digits, &number) || number > UINT16_MAX)
        return false;
    *port = (int)number;
    return true;
}

static bool uri_is_ipv6(struct slice text)
{
    char address[INET6_ADDRSTRLEN];
    struct in6_addr parsed;
    if (text.size == 0 || text.size >= sizeof(address))
        return false;
    memcpy(address, text.data, text.size);
    address[text.size] = 0;
    return strlen(address) == text.size && inet_pton(AF_INET6, address, &parsed) == 1;
}

static bool uri_is_ipv4(struct slice text)
{
    char address[INET_ADDRSTRLEN];
    struct in_addr parsed;
    if (text.size == 0 || text.size >= sizeof(address) || text.data[0] < '0' || text.data[0] > '9')
        return false;
    memcpy(address, text.data, text.size);
    address[text.size] = 0;
    return inet_pton(AF_INET, address, &parsed) == 1;
}

/* reg-name (RFC 3986 §3.2.2); not empty. */
static bool uri_is_name(struct slice text)
{
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] == '%') {
            if (uri_is_control(uri_percent(text, i)))
                return false;
            i += 2;
        } else if (!(classes[(uint8_t)text.data[i]] & (URI_UNRESERVED | URI_DELIMITER))) {
            return false;
        }
    }
    return text.size > 0;
}

static bool uri_is_literal(struct slice name)
{
    return name.size > 2 && name.data[0] == '[';
}

bool uri_host_is_valid(struct slice authority)
{
    struct slice name;
    int port = 0;
    if (!uri_cut_port(authority, &name, &port))
        return false;
    return uri_is_literal(name) ? uri_is_ipv6(slice_between(name, 1, name.size - 1)) : uri_is_name(name);
}

static struct slice uri_fold(struct slice text, char *memory)
{
    size_t i = 0;
    while (i < text.size && (text.data[i] < 'A' || text.data[i] > 'Z'))
        i++;
    if (i == text.size)
        return text;
    for (i = 0; i < text.size; i++) {
        char byte = text.data[i];
        memory[i] = byte >= 'A' && byte <= 'Z' ? (char)(byte | 0x20) : byte;
    }
    return slice_of(memory, text.size);
}

bool uri_split_host(struct slice authority, char *memory, struct uri_host *host)
{
    struct slice name;
    if (!uri_cut_port(authority, &name, &host->port))
        return false;
    if (uri_is_literal(name)) {
        name = slice_between(name, 1, name.size - 1);
        host->kind = URI_IPV6;
        host->name = uri_fold(name, memory);
        return uri_is_ipv6(name);
    }
    if (!uri_is_name(name))
        return false;
    if (name.size > 1 && name.data[name.size - 1] == '.')
        name.size--;
    host->kind = uri_is_ipv4(name) ? URI_IPV4 : URI_NAME;
    host->name = uri_fold(name, memory);
    return true;
}
