#include "base/utf8.h"

/* RFC 3629, section 4: only the second byte's range depends on the first. */
static int utf8_shape(unsigned char first, unsigned char *least, unsigned char *most)
{
    *least = 0x80;
    *most = 0xbf;
    if (first < 0x80)
        return 1;
    if (first >= 0xc2 && first <= 0xdf)
        return 2;
    if (first == 0xe0)
        *least = 0xa0;
    else if (first == 0xed)
        *most = 0x9f;
    else if (first == 0xf0)
        *least = 0x90;
    else if (first == 0xf4)
        *most = 0x8f;
    if (first >= 0xe0 && first <= 0xef)
        return 3;
    return first >= 0xf0 && first <= 0xf4 ? 4 : 0;
}

int utf8_character(struct slice bytes)
{
    if (bytes.size == 0)
        return UTF8_CUT;
    unsigned char least = 0, most = 0;
    int length = utf8_shape((unsigned char)bytes.data[0], &least, &most);
    for (int i = 1; i < length; i++) {
        if ((size_t)i >= bytes.size)
            return UTF8_CUT;
        unsigned char byte = (unsigned char)bytes.data[i];
        if (byte < least || byte > most)
            return 0;
        least = 0x80;
        most = 0xbf;
    }
    return length;
}

bool utf8_valid(struct slice bytes)
{
    while (bytes.size) {
        int length = utf8_character(bytes);
        if (length <= 0)
            return false;
        bytes = slice_from(bytes, (size_t)length);
    }
    return true;
}

char *utf8_clean(char *text)
{
    struct slice rest = slice_of_text(text);
    char *at = text;
    while (rest.size) {
        int length = utf8_character(rest);
        if (length <= 0) {
            *at = '?';
            length = 1;
        }
        at += length;
        rest = slice_from(rest, (size_t)length);
    }
    return text;
}
