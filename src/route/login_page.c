/* What comes from outside is escaped, and the policy of the answer would let nothing else run anyway. */
#include "route/login_page.h"

static const char head[] =
    "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
    "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"><meta name=\"robots\" "
    "content=\"noindex\"><title>%s</title><style>:root{color-scheme:light dark}*{box-sizing:border-box}"
    "body{font:16px/1.5 system-ui,sans-serif;margin:0;padding:12vh 1em 2em}main{max-width:22em;margin:auto}"
    "h1{font-size:1.4em;margin:0 0 1em}label{display:block;margin:0 0 "
    "1em}input,button{font:inherit;width:100%%;"
    "padding:.5em;margin:.2em 0 0;border:1px solid;border-radius:.3em}button{cursor:pointer;font-weight:600}"
    ".notice{border-left:.3em solid #c33;padding:.3em .8em;margin:0 0 "
    "1em}</style></head><body><main><h1>%s</h1>\n";

static void append_escaped(struct buffer *page, struct slice text)
{
    for (size_t i = 0; i < text.size; i++) {
        switch (text.data[i]) {
        case '<':
            buffer_append_text(page, "&lt;");
            break;
        case '>':
            buffer_append_text(page, "&gt;");
            break;
        case '&':
            buffer_append_text(page, "&amp;");
            break;
        case '"':
            buffer_append_text(page, "&quot;");
            break;
        default:
            buffer_append(page, slice_of(text.data + i, 1));
        }
    }
}

static void append_known(struct buffer *page, const struct login_page *content)
{
    buffer_append_text(page, "<p>You are signed in as <b>");
    append_escaped(page, slice_of_text(content->known));
    buffer_append_text(page, "</b>. <a href=\"");
    append_escaped(page, content->next);
    buffer_append_text(
        page, "\">Go on</a>, <a href=\"/_reeve/logout\">sign out</a>, or sign in as somebody else:</p>\n");
}

void login_page_write(struct buffer *page, const struct login_page *content)
{
    buffer_append_format(page, head, "Sign in", "Sign in");
    if (content->notice) {
        buffer_append_text(page, "<p class=\"notice\" role=\"alert\">");
        append_escaped(page, slice_of_text(content->notice));
        buffer_append_text(page, "</p>\n");
    }
    if (content->known)
        append_known(page, content);
    buffer_append_text(page,
                       "<form method=\"post\" action=\"/_reeve/login\"><input type=\"hidden\" name=\"next\" "
                       "value=\"");
    append_escaped(page, content->next);
    buffer_append_text(page,
                       "\">\n<label>User name<input name=\"user\" autocomplete=\"username\" "
                       "autocapitalize=\"none\" spellcheck=\"false\" maxlength=\"64\" required value=\"");
    append_escaped(page, content->user);
    buffer_append_format(page, "\"%s></label>\n", content->user.size == 0 ? " autofocus" : "");
    buffer_append_format(page,
                         "<label>Password<input type=\"password\" name=\"password\" "
                         "autocomplete=\"current-password\" required%s></label>\n",
                         content->user.size > 0 ? " autofocus" : "");
    buffer_append_text(page, "<button>Sign in</button></form></main></body></html>\n");
}

void login_page_write_logout(struct buffer *page, const char *known)
{
    buffer_append_format(page, head, "Sign out", "Sign out");
    if (known) {
        buffer_append_text(page, "<p>You are signed in as <b>");
        append_escaped(page, slice_of_text(known));
        buffer_append_text(page, "</b>.</p>\n<form method=\"post\" action=\"/_reeve/logout\"><button>Sign "
                                 "out</button></form>");
    } else {
        buffer_append_text(page, "<p>You are not signed in. <a href=\"/_reeve/login\">Sign in</a></p>");
    }
    buffer_append_text(page, "</main></body></html>\n");
}
