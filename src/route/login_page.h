/* The pages of sign-in as HTML: no script, nothing from elsewhere, readable at any width and by any reader.
 * Pure. */
#pragma once

#include "base/buffer.h"

enum { LOGIN_PAGE_MOST = 32 * 1024 };

struct login_page {
    const char *notice; /* what went wrong; NULL: nothing */
    struct slice next;  /* a path of ours */
    struct slice user;  /* to fill in again; may be empty */
    const char *known;  /* who is signed in already; NULL: nobody */
};

void login_page_write(struct buffer *page, const struct login_page *content);
/* The page with the button that signs `known` out; NULL: nobody is signed in. */
void login_page_write_logout(struct buffer *page, const char *known);
