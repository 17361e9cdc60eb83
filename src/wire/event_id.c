/* CRC-32 (ISO 3309) by halves of bytes: a table of sixteen words is quick enough for 64 bytes an event. */
#include <inttypes.h>
#include <stdio.h>

#include "wire/event_id.h"

uint32_t event_id_check(struct slice before)
{
    static const uint32_t table[16] = {0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4,
                                       0x4db26158, 0x5005713c, 0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
                                       0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c};
    uint32_t crc = 0xffffffff;
    if (before.size > EVENT_ID_CHECKED)
        before = slice_from(before, before.size - EVENT_ID_CHECKED);
    for (size_t i = 0; i < before.size; i++) {
        crc ^= (uint8_t)before.data[i];
        crc = crc >> 4 ^ table[crc & 15];
        crc = crc >> 4 ^ table[crc & 15];
    }
    return ~crc;
}

/* FNV-1a, 64 bits. */
static uint64_t mix(uint64_t hash, const void *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ ((const uint8_t *)bytes)[i]) * 0x100000001b3;
    return hash;
}

static uint64_t mix_number(uint64_t hash, uint64_t number)
{
    return mix(hash, &number, sizeof number);
}

static uint64_t mix_file(const struct event_id_file *file)
{
    uint64_t hash = 0xcbf29ce484222325;
    hash = mix_number(hash, file->inode);
    hash = mix_number(hash, (uint64_t)file->born_s);
    return mix_number(hash, file->born_ns);
}

uint64_t event_id_generation(const struct event_id_file *file, struct slice start)
{
    struct slice line = slice_between(start, 0, EVENT_ID_FIRST_LINE);
    size_t newline = slice_find(line, '\n');
    if (newline == line.size && line.size < EVENT_ID_FIRST_LINE)
        return 0;
    uint64_t hash = mix(mix_file(file), line.data, newline);
    return hash ? hash : 1;
}

/* No line has a newline in it, so no other generation is made of this. */
struct event_id event_id_start(const struct event_id_file *file)
{
    uint64_t hash = mix(mix_file(file), "\n", 1);
    return (struct event_id){.generation = hash ? hash : 1, .check = event_id_check((struct slice){0})};
}

size_t event_id_format(const struct event_id *id, char text[EVENT_ID_SIZE])
{
    return (size_t)snprintf(text, EVENT_ID_SIZE, "%" PRIx64 ":%" PRId64 ":%" PRIx32, id->generation,
                            id->offset, id->check);
}

/* Lower-case digits without a sign or a zero in front. */
static bool parse_number(struct slice digits, unsigned base, uint64_t most, uint64_t *number)
{
    *number = 0;
    for (size_t i = 0; i < digits.size; i++) {
        char c = digits.data[i];
        unsigned digit = c >= '0' && c <= '9'   ? (unsigned)(c - '0')
                         : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10
                                                : base;
        if (digit >= base || *number > (most - digit) / base)
            return false;
        *number = *number * base + digit;
    }
    return digits.size > 0 && (digits.size == 1 || digits.data[0] != '0');
}

bool event_id_parse(struct slice text, struct event_id *id)
{
    struct slice generation, offset, check;
    uint64_t numbers[3];
    if (!slice_next(&text, ':', &generation) || !slice_next(&text, ':', &offset) ||
        !slice_next(&text, ':', &check) || text.data ||
        !parse_number(generation, 16, UINT64_MAX, &numbers[0]) ||
        !parse_number(offset, 10, INT64_MAX, &numbers[1]) ||
        !parse_number(check, 16, UINT32_MAX, &numbers[2]))
        return false;
    *id = (struct event_id){
        .generation = numbers[0], .offset = (int64_t)numbers[1], .check = (uint32_t)numbers[2]};
    return true;
}
