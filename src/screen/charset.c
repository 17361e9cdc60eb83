/* The national and line drawing sets (VT220 manual, tables 2-4 to 2-17), as xterm.js has them. */
#include <stddef.h>

#include "screen/charset.h"

/* Pairs: a character of ASCII and what it is instead. */
static const uint16_t drawing[] = {
    '`', 0x25c6, 'a', 0x2592, 'b', 0x2409, 'c', 0x240c, 'd', 0x240d, 'e', 0x240a, 'f', 0x00b0, 'g', 0x00b1,
    'h', 0x2424, 'i', 0x240b, 'j', 0x2518, 'k', 0x2510, 'l', 0x250c, 'm', 0x2514, 'n', 0x253c, 'o', 0x23ba,
    'p', 0x23bb, 'q', 0x2500, 'r', 0x23bc, 's', 0x23bd, 't', 0x251c, 'u', 0x2524, 'v', 0x2534, 'w', 0x252c,
    'x', 0x2502, 'y', 0x2264, 'z', 0x2265, '{', 0x03c0, '|', 0x2260, '}', 0x00a3, '~', 0x00b7, 0};
static const uint16_t british[] = {'#', 0xa3, 0};
static const uint16_t dutch[] = {'#', 0xa3, '@', 0xbe, '[', 'i',  '\\', 0xbd, ']', '|',
                                 '{', 0xa8, '|', 'f',  '}', 0xbc, '~',  0xb4, 0};
static const uint16_t finnish[] = {'[', 0xc4, '\\', 0xd6, ']', 0xc5, '^', 0xdc, '`', 0xe9,
                                   '{', 0xe4, '|',  0xf6, '}', 0xe5, '~', 0xfc, 0};
static const uint16_t french[] = {'#', 0xa3, '@', 0xe0, '[', 0xb0, '\\', 0xe7, ']', 0xa7,
                                  '{', 0xe9, '|', 0xf9, '}', 0xe8, '~',  0xa8, 0};
static const uint16_t canadian[] = {'@',  0xe0, '[',  0xe2, '\\', 0xe7, ']',  0xea, '^',  0xee, '`',
                                    0xf4, '{',  0xe9, '|',  0xf9, '}',  0xe8, '~',  0xfb, 0};
static const uint16_t german[] = {'@',  0xa7, '[',  0xc4, '\\', 0xd6, ']',  0xdc, '{',
                                  0xe4, '|',  0xf6, '}',  0xfc, '~',  0xdf, 0};
static const uint16_t italian[] = {'#',  0xa3, '@',  0xa7, '[',  0xb0, '\\', 0xe7, ']',  0xe9, '`',
                                   0xf9, '{',  0xe0, '|',  0xf2, '}',  0xe8, '~',  0xec, 0};
static const uint16_t norwegian[] = {'@',  0xc4, '[',  0xc6, '\\', 0xd8, ']',  0xc5, '^',  0xdc, '`',
                                     0xe4, '{',  0xe6, '|',  0xf8, '}',  0xe5, '~',  0xfc, 0};
static const uint16_t spanish[] = {'#',  0xa3, '@',  0xa7, '[',  0xa1, '\\', 0xd1, ']',
                                   0xbf, '{',  0xb0, '|',  0xf1, '}',  0xe7, 0};
static const uint16_t swedish[] = {'@',  0xc9, '[',  0xc4, '\\', 0xd6, ']',  0xc5, '^',  0xdc, '`',
                                   0xe9, '{',  0xe4, '|',  0xf6, '}',  0xe5, '~',  0xfc, 0};
static const uint16_t swiss[] = {'#',  0xf9, '@',  0xe0, '[',  0xe9, '\\', 0xe7, ']',  0xea, '^',  0xee, '_',
                                 0xe8, '`',  0xf4, '{',  0xe4, '|',  0xf6, '}',  0xfc, '~',  0xfb, 0};

static const struct {
    char final;
    const uint16_t *pairs;
} sets[] = {
    {'B', NULL},    {'0', drawing},  {'A', british}, {'4', dutch},   {'C', finnish},   {'5', finnish},
    {'R', french},  {'Q', canadian}, {'K', german},  {'Y', italian}, {'E', norwegian}, {'6', norwegian},
    {'Z', spanish}, {'H', swedish},  {'7', swedish}, {'=', swiss},
};

enum { SETS = sizeof sets / sizeof sets[0] };

int charset_of(char final)
{
    for (int set = 0; set < SETS; set++)
        if (sets[set].final == final)
            return set;
    return -1;
}

char charset_final(unsigned charset)
{
    return sets[charset].final;
}

uint32_t charset_map(unsigned charset, uint32_t code)
{
    for (const uint16_t *pair = sets[charset].pairs; pair && *pair; pair += 2)
        if (*pair == code)
            return pair[1];
    return code;
}

uint32_t charset_unmap(unsigned charset, uint32_t code)
{
    for (const uint16_t *pair = sets[charset].pairs; pair && *pair; pair += 2)
        if (pair[1] == code)
            return *pair;
    return code;
}
