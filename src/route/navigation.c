/* Sec-Fetch-Mode is believed where it is sent: a script's fetch() asks for text/html now and then, but it
 * cannot forge that field. */
#include "route/navigation.h"

bool navigation_is(const struct http1_head *head)
{
    if (head->method != HTTP1_GET)
        return false;
    struct slice mode = fields_get(&head->fields, FIELD_SEC_FETCH_MODE);
    if (mode.data)
        return slice_equal(mode, SLICE("navigate"));
    struct slice accept = fields_get(&head->fields, FIELD_ACCEPT);
    return accept.data && fields_accept_prefers_html(accept);
}

bool navigation_may_fall_back(const struct http1_head *head, struct slice path)
{
    for (size_t i = path.size; i > 0 && path.data[i - 1] != '/'; i--)
        if (path.data[i - 1] == '.')
            return false;
    return navigation_is(head);
}
