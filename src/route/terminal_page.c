/* Nothing inline but what xterm.js does itself: it makes style sheets for its rows. Images of our own: a
 * browser that left a page without an icon for this one may still ask for /favicon.ico, under our policy. */
#include "route/assets.h"
#include "route/page.h"
#include "route/terminal_page.h"

enum { PAGE_MOST = 16 * 1024 };

#define POLICY                                                                                               \
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; connect-src 'self'; "          \
    "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"

static void reply(struct exchange *exchange, struct buffer *html, struct slice policy)
{
    const struct exchange_field fields[] = {
        {SLICE("Content-Type"), SLICE("text/html; charset=utf-8"), .checked = true},
        {SLICE("Cache-Control"), SLICE("no-store"), .checked = true},
        {SLICE("X-Content-Type-Options"), SLICE("nosniff"), .checked = true},
        {SLICE("Referrer-Policy"), SLICE("same-origin"), .checked = true},
        {SLICE("Content-Security-Policy"), policy, .checked = true},
    };
    exchange_reply(exchange, 200, fields, sizeof fields / sizeof *fields, buffer_slice(html));
    buffer_free(html);
}

static void answer_without_emulator(struct exchange *exchange, struct slice target)
{
    struct buffer html = BUFFER(PAGE_MOST);
    page_begin(&html, &(struct page){.title = "Terminal"});
    buffer_append_text(&html, "<p>The terminal <b>");
    page_append(&html, target);
    buffer_append_text(
        &html,
        "</b> is here, but this reeve was built without xterm.js, which shows it in a browser: npm was "
        "not there when it was built.</p>\n<p>On the machine itself, <code>reeve attach ");
    page_append(&html, target);
    buffer_append_text(
        &html, "</code> shows it. Clients of ttyd can be pointed at this address: their WebSocket is at "
               "<code>ws</code> below it.</p>\n");
    page_end(&html);
    reply(exchange, &html, SLICE(PAGE_POLICY));
}

static void answer_with_emulator(struct exchange *exchange, struct slice target, bool may_type)
{
    struct buffer html = BUFFER(PAGE_MOST);
    buffer_append_text(
        &html, "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
               "content=\"width=device-width,initial-scale=1\"><meta name=\"robots\" "
               "content=\"noindex\">\n<title>");
    page_append(&html, target);
    buffer_append_format(
        &html,
        "</title>\n<link rel=\"icon\" href=\"data:,\">\n<link rel=\"stylesheet\" href=\"%s\">\n"
        "<link rel=\"stylesheet\" href=\"%s\">\n<script type=\"module\" src=\"%s\"></script>\n",
        assets_path("xterm.css"), assets_path("terminal.css"), assets_path("terminal.js"));
    buffer_append_format(&html, "</head><body data-may-type=\"%s\" data-target=\"",
                         may_type ? "true" : "false");
    page_append(&html, target);
    buffer_append_text(
        &html, "\">\n<main><div id=\"terminal\"></div><noscript><p>A terminal needs JavaScript. <code>reeve "
               "attach</code> needs none.</p></noscript></main>\n<div id=\"bar\" hidden><p id=\"status\" "
               "role=\"status\"></p><button id=\"again\" type=\"button\" hidden>Try "
               "again</button></div>\n</body></html>\n");
    reply(exchange, &html, SLICE(POLICY));
}

void terminal_page_answer(struct exchange *exchange, struct slice target, bool may_type)
{
    if (assets_path("terminal.js"))
        answer_with_emulator(exchange, target, may_type);
    else
        answer_without_emulator(exchange, target);
}
