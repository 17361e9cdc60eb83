/* The frame of reeve's own pages as HTML: no script, nothing from elsewhere, light or dark as the reader has
 * it, readable at any width and by any reader. Pure. */
#pragma once

#include "base/buffer.h"

/* For the Content-Security-Policy field of an answer with such a page. */
#define PAGE_POLICY                                                                                          \
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'self'; frame-ancestors "     \
    "'self'"

struct page {
    const char *title;   /* of window and heading; our own words, not escaped */
    int64_t reload_in_s; /* 0: it stays as it is */
};

/* Everything up to the content. */
void page_begin(struct buffer *html, const struct page *page);
/* A text from outside, harmless between tags and in quoted attributes. */
void page_append(struct buffer *html, struct slice text);
void page_end(struct buffer *html);
