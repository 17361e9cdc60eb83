#include <inttypes.h>

#include "route/page.h"

static const char style[] =
    ":root{color-scheme:light dark}*{box-sizing:border-box}"
    "body{font:16px/1.5 system-ui,sans-serif;margin:0;padding:12vh 1em 2em}main{max-width:42em;margin:auto}"
    "h1{font-size:1.4em;margin:0 0 1em}dl{display:grid;grid-template-columns:auto 1fr;gap:.2em 1em}"
    "dt{opacity:.7}dd{margin:0;overflow-wrap:anywhere}form{max-width:22em}label{display:block;margin:0 0 1em}"
    "input,button{font:inherit;width:100%;padding:.5em;margin:.2em 0 0;border:1px solid;border-radius:.3em}"
    "button{cursor:pointer;font-weight:600}.notice{border-left:.3em solid #c33;padding:.3em .8em;margin:0 0 "
    "1em}";

void page_begin(struct buffer *html, const struct page *page)
{
    buffer_append_text(html, "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta "
                             "name=\"viewport\" content=\"width=device-width,initial-scale=1\"><meta "
                             "name=\"robots\" content=\"noindex\"><link rel=\"icon\" href=\"data:,\">");
    if (page->reload_in_s > 0)
        buffer_append_format(html, "<meta http-equiv=\"refresh\" content=\"%" PRId64 "\">",
                             page->reload_in_s);
    buffer_append_format(html, "<title>%s</title><style>%s</style></head><body><main><h1>%s</h1>\n",
                         page->title, style, page->title);
}

static const char *entity(char character)
{
    switch (character) {
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '&':
        return "&amp;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    default:
        return NULL;
    }
}

void page_append(struct buffer *html, struct slice text)
{
    for (size_t i = 0; i < text.size; i++) {
        const char *escaped = entity(text.data[i]);
        if (escaped)
            buffer_append_text(html, escaped);
        else
            buffer_append(html, slice_of(text.data + i, 1));
    }
}

void page_end(struct buffer *html)
{
    buffer_append_text(html, "</main></body></html>\n");
}
