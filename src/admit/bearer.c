/* The prefix says whose token it is, so that a program behind may have bearer tokens of its own. */
#include "admit/bearer.h"

static const struct slice prefix = {"reeve_", 6};

static bool is_letter(char byte)
{
    return (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z') ||
           byte == '-' || byte == '_';
}

size_t bearer_length(struct slice text)
{
    size_t size = prefix.size;
    if (!slice_starts_with(text, prefix))
        return 0;
    while (size < text.size && is_letter(text.data[size]))
        size++;
    return size > prefix.size ? size : 0;
}

struct slice bearer_token(struct slice authorization)
{
    struct slice none = {0}, scheme = SLICE("bearer");
    size_t space = slice_find(authorization, ' ');
    if (space == authorization.size ||
        !slice_equal_ignore_case(slice_between(authorization, 0, space), scheme))
        return none;
    struct slice token = slice_trim(slice_from(authorization, space));
    return token.size <= BEARER_MOST && token.size > 0 && bearer_length(token) == token.size ? token : none;
}
