/* The line structure is walked byte by byte, the data in one step. */
#include "base/check.h"
#include "wire/chunks.h"
#include "wire/fields.h"

enum chunks_state {
    CHUNKS_SIZE,          /* digits of a chunk's size */
    CHUNKS_SIZE_BLANK,    /* blanks behind the digits: an extension must follow */
    CHUNKS_EXTENSION,     /* behind ';', up to CR */
    CHUNKS_SIZE_LF,       /* LF after the size line's CR */
    CHUNKS_BYTES,         /* `left` bytes of data */
    CHUNKS_BYTES_CR,      /* CR behind the data */
    CHUNKS_BYTES_LF,      /* and its LF */
    CHUNKS_TRAILER,       /* first byte of a trailer line or of the last line */
    CHUNKS_TRAILER_NAME,  /* rest of a trailer's name */
    CHUNKS_TRAILER_VALUE, /* its value, up to CR */
    CHUNKS_TRAILER_LF,    /* LF of a trailer line */
    CHUNKS_LAST_LF,       /* LF of the last line */
    CHUNKS_DONE,          /* the body was complete */
    CHUNKS_BROKEN,        /* the body was malformed */
    CHUNKS_STATES
};

enum { CHUNKS_DIGITS_MOST = 16 };

static int chunks_hex(char byte)
{
    if (byte >= '0' && byte <= '9')
        return byte - '0';
    char lower = (char)(byte | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

static bool chunks_is_text(char byte)
{
    return ((uint8_t)byte >= 0x20 && byte != 0x7f) || byte == '\t';
}

static enum chunks_state chunks_size_byte(struct chunks *chunks, char byte)
{
    int digit = chunks_hex(byte);
    if (digit >= 0) {
        if (++chunks->digits > CHUNKS_DIGITS_MOST)
            return CHUNKS_BROKEN;
        chunks->left = chunks->left << 4 | (unsigned)digit;
        return CHUNKS_SIZE;
    }
    if (chunks->digits == 0 || chunks->left > INT64_MAX)
        return CHUNKS_BROKEN;
    if (byte == '\r')
        return CHUNKS_SIZE_LF;
    if (byte == ';')
        return CHUNKS_EXTENSION;
    return byte == ' ' || byte == '\t' ? CHUNKS_SIZE_BLANK : CHUNKS_BROKEN;
}

/* Bytes that carry nothing are counted, so that they cannot be sent for ever. */
static enum chunks_state chunks_extra(struct chunks *chunks, enum chunks_state next)
{
    return ++chunks->extra > CHUNKS_EXTRA_MOST ? CHUNKS_BROKEN : next;
}

static enum chunks_state chunks_trailer_byte(struct chunks *chunks, enum chunks_state state, char byte)
{
    if (state == CHUNKS_TRAILER && byte == '\r')
        return CHUNKS_LAST_LF;
    if (state == CHUNKS_TRAILER_VALUE) {
        if (byte == '\r')
            return CHUNKS_TRAILER_LF;
        return chunks_is_text(byte) ? chunks_extra(chunks, state) : CHUNKS_BROKEN;
    }
    if (state == CHUNKS_TRAILER_NAME && byte == ':')
        return chunks_extra(chunks, CHUNKS_TRAILER_VALUE);
    return fields_token_bytes[(uint8_t)byte] ? chunks_extra(chunks, CHUNKS_TRAILER_NAME) : CHUNKS_BROKEN;
}

/* The one function that changes the state, but for the data's end. */
static enum chunks_state chunks_step(struct chunks *chunks, char byte)
{
    switch ((enum chunks_state)chunks->state) {
    case CHUNKS_SIZE:
        return chunks_size_byte(chunks, byte);
    case CHUNKS_SIZE_BLANK:
        if (byte == ';')
            return chunks_extra(chunks, CHUNKS_EXTENSION);
        return byte == ' ' || byte == '\t' ? chunks_extra(chunks, CHUNKS_SIZE_BLANK) : CHUNKS_BROKEN;
    case CHUNKS_EXTENSION:
        if (byte == '\r')
            return CHUNKS_SIZE_LF;
        return chunks_is_text(byte) ? chunks_extra(chunks, CHUNKS_EXTENSION) : CHUNKS_BROKEN;
    case CHUNKS_SIZE_LF:
        if (byte != '\n')
            return CHUNKS_BROKEN;
        return chunks->left > 0 ? CHUNKS_BYTES : CHUNKS_TRAILER;
    case CHUNKS_BYTES_CR:
        return byte == '\r' ? CHUNKS_BYTES_LF : CHUNKS_BROKEN;
    case CHUNKS_BYTES_LF:
        chunks->digits = 0;
        return byte == '\n' ? CHUNKS_SIZE : CHUNKS_BROKEN;
    case CHUNKS_TRAILER:
    case CHUNKS_TRAILER_NAME:
    case CHUNKS_TRAILER_VALUE:
        return chunks_trailer_byte(chunks, (enum chunks_state)chunks->state, byte);
    case CHUNKS_TRAILER_LF:
        return byte == '\n' ? CHUNKS_TRAILER : CHUNKS_BROKEN;
    case CHUNKS_LAST_LF:
        return byte == '\n' ? CHUNKS_DONE : CHUNKS_BROKEN;
    case CHUNKS_BYTES:
    case CHUNKS_DONE:
    case CHUNKS_BROKEN:
    case CHUNKS_STATES:
        break;
    }
    UNREACHABLE();
}

static struct slice chunks_take(struct chunks *chunks, struct slice rest)
{
    size_t size = rest.size < chunks->left ? rest.size : (size_t)chunks->left;
    chunks->left -= size;
    if (chunks->left == 0)
        chunks->state = CHUNKS_BYTES_CR;
    return slice_of(rest.data, size);
}

enum chunks_result chunks_next(struct chunks *chunks, struct slice bytes, size_t *used, struct slice *data)
{
    *data = (struct slice){0};
    for (*used = 0; *used < bytes.size && chunks->state < CHUNKS_DONE; ++*used) {
        if (chunks->state == CHUNKS_BYTES) {
            *data = chunks_take(chunks, slice_from(bytes, *used));
            *used += data->size;
            return CHUNKS_DATA;
        }
        chunks->state = (uint8_t)chunks_step(chunks, bytes.data[*used]);
    }
    if (chunks->state == CHUNKS_BROKEN)
        return CHUNKS_BAD;
    return chunks->state == CHUNKS_DONE ? CHUNKS_END : CHUNKS_MORE;
}

size_t chunks_head(char *out, uint64_t size)
{
    CHECK(size > 0);
    static const char digits[] = "0123456789abcdef";
    size_t count = (size_t)(67 - __builtin_clzll(size)) / 4;
    for (size_t i = 0; i < count; i++)
        out[i] = digits[size >> 4 * (count - 1 - i) & 15];
    out[count] = '\r';
    out[count + 1] = '\n';
    return count + 2;
}

struct chunks_piece chunks_frame(char *memory, size_t size)
{
    char head[CHUNKS_HEAD_SIZE];
    size_t head_size = chunks_head(head, size);
    char *body = memory + CHUNKS_HEAD_SIZE, *start = body - head_size;
    memcpy(start, head, head_size);
    memcpy(body + size, CHUNKS_TAIL.data, CHUNKS_TAIL.size);
    return (struct chunks_piece){.framed = slice_of(start, head_size + size + CHUNKS_TAIL.size),
                                 .body = slice_of(body, size)};
}
