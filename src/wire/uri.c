/* Most targets need no work at all: one look says so, and the slices point into the target. The rest is
 * rebuilt segment by segment, in both forms at once. */
#include <arpa/inet.h>
#include <string.h>

#include "wire/span.h"
#include "wire/uri.h"

enum {
    URI_UNRESERVED = 1, /* ALPHA DIGIT - . _ ~ */
    URI_DELIMITER = 2,  /* sub-delims */
    URI_PATH = 4,       /* may stand in a path as it is: the above, ':' '@' '/' */
    URI_SPECIAL = 8,    /* means something in a request target, or must not be there */
    URI_FOLDED = 16,    /* may stand in a host's name as it is, and is no capital letter */
    URI_NUMERIC = 32,   /* may stand in an IPv4 address */
};

static const uint8_t classes[256] = {
    ['A' ... 'Z'] = URI_UNRESERVED | URI_PATH,
    ['a' ... 'z'] = URI_UNRESERVED | URI_PATH | URI_FOLDED,
    ['0' ... '9'] = URI_UNRESERVED | URI_PATH | URI_FOLDED | URI_NUMERIC,
    ['-'] = URI_UNRESERVED | URI_PATH | URI_FOLDED,
    ['.'] = URI_UNRESERVED | URI_PATH | URI_FOLDED | URI_NUMERIC,
    ['_'] = URI_UNRESERVED | URI_PATH | URI_FOLDED,
    ['~'] = URI_UNRESERVED | URI_PATH | URI_FOLDED,
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
    ['/'] = URI_PATH | URI_SPECIAL,
    ['%'] = URI_SPECIAL,
    ['?'] = URI_SPECIAL,
    ['#'] = URI_SPECIAL,
    [0x00 ... 0x20] = URI_SPECIAL,
    [0x7f] = URI_SPECIAL,
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

/* What one pass over a request target says. */
struct uri_look {
    bool valid; /* no byte that must not be there */
    bool plain; /* the path is its own decoded and normal form: no '%', no "//", no segment that starts with a
                   dot */
    size_t path_size;
};

static bool uri_query_is_valid(struct slice query)
{
    return span_target(query.data, query.size) == query.size && slice_find(query, '#') == query.size;
}

static struct uri_look uri_look_at(struct slice target)
{
    struct uri_look look = {.valid = true, .plain = true};
    const char *at = target.data, *end = target.data + target.size;
    for (; at < end; at++) {
        if (!(classes[(uint8_t)*at] & URI_SPECIAL))
            continue;
        if (*at == '?')
            break;
        if (*at == '%' || (*at == '/' && at + 1 < end && (at[1] == '/' || at[1] == '.')))
            look.plain = false;
        else if (*at != '/')
            look.valid = false;
    }
    look.path_size = (size_t)(at - target.data);
    look.valid = look.valid && (at == end || uri_query_is_valid(slice_from(target, look.path_size)));
    return look;
}

size_t uri_memory(struct slice target)
{
    struct uri_look look = uri_look_at(target);
    return look.plain ? 0 : 2 * look.path_size;
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
    struct uri_look look = uri_look_at(target);
    if (target.size == 0 || target.data[0] != '/' || !look.valid)
        return false;
    struct slice path = slice_of(target.data, look.path_size);
    uri->query = path.size < target.size ? slice_from(target, path.size + 1) : (struct slice){0};
    if (!look.plain)
        return memory && uri_rebuild(path, memory, uri);
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

/* Four decimal numbers below 256, without zeros in front (RFC 3986 §3.2.2). */
static bool uri_is_ipv4(struct slice text)
{
    unsigned octets = 1, value = 0, digits = 0;
    for (size_t i = 0; i < text.size; i++) {
        char byte = text.data[i];
        if (byte == '.' && digits > 0) {
            octets++;
            value = digits = 0;
            continue;
        }
        bool zero_before = digits > 0 && value == 0;
        if (byte < '0' || byte > '9' || zero_before)
            return false;
        value = 10 * value + (unsigned)(byte - '0');
        digits++;
        if (value > 255)
            return false;
    }
    return octets == 4 && digits > 0;
}

/* reg-name (RFC 3986 §3.2.2). */
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
    return true;
}

/* The classes that all bytes of a text are in. */
static unsigned uri_classes(struct slice text)
{
    unsigned common = ~0u;
    for (size_t i = 0; i < text.size; i++)
        common &= classes[(uint8_t)text.data[i]];
    return common;
}

static bool uri_is_literal(struct slice name)
{
    return name.size > 2 && name.data[0] == '[';
}

bool uri_read_host(struct slice authority, struct uri_host *host)
{
    struct slice name;
    if (!uri_cut_port(authority, &name, &host->port))
        return false;
    if (uri_is_literal(name)) {
        host->kind = URI_IPV6;
        host->name = slice_between(name, 1, name.size - 1);
        host->folded = false;
        return uri_is_ipv6(host->name);
    }
    unsigned common = uri_classes(name);
    host->folded = common & URI_FOLDED;
    if (name.size == 0 || (!host->folded && !uri_is_name(name)))
        return false;
    if (name.size > 1 && name.data[name.size - 1] == '.')
        name.size--;
    host->kind = common & URI_NUMERIC && uri_is_ipv4(name) ? URI_IPV4 : URI_NAME;
    host->name = name;
    return true;
}

bool uri_read_host_again(struct slice authority, struct uri_memo *memo, struct uri_host *host)
{
    if (memo->size > 0 && slice_equal(authority, slice_of(memo->text, memo->size))) {
        *host = memo->host;
        host->name.data = authority.data + memo->before;
        return true;
    }
    if (!uri_read_host(authority, host))
        return false;
    if (authority.size <= URI_MEMO_LONGEST) {
        memcpy(memo->text, authority.data, authority.size);
        memo->size = (uint8_t)authority.size;
        memo->before = (uint8_t)(host->name.data - authority.data);
        memo->host = *host;
    }
    return true;
}

struct slice uri_fold_host(struct slice name, char *memory)
{
    size_t i = 0;
    while (i < name.size && (name.data[i] < 'A' || name.data[i] > 'Z'))
        i++;
    if (i == name.size)
        return name;
    for (i = 0; i < name.size; i++) {
        char byte = name.data[i];
        memory[i] = byte >= 'A' && byte <= 'Z' ? (char)(byte | 0x20) : byte;
    }
    return slice_of(memory, name.size);
}

bool uri_split_host(struct slice authority, char *memory, struct uri_host *host)
{
    if (!uri_read_host(authority, host))
        return false;
    if (!host->folded)
        host->name = uri_fold_host(host->name, memory);
    return true;
}
