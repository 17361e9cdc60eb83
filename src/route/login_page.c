#include "route/login_page.h"
#include "route/page.h"

static void append_known(struct buffer *page, const struct login_page *content)
{
    buffer_append_text(page, "<p>You are signed in as <b>");
    page_append(page, slice_of_text(content->known));
    buffer_append_text(page, "</b>. <a href=\"");
    page_append(page, content->next);
    buffer_append_text(
        page, "\">Go on</a>, <a href=\"/_reeve/logout\">sign out</a>, or sign in as somebody else:</p>\n");
}

void login_page_write(struct buffer *page, const struct login_page *content)
{
    page_begin(page, &(struct page){.title = "Sign in"});
    if (content->notice) {
        buffer_append_text(page, "<p class=\"notice\" role=\"alert\">");
        page_append(page, slice_of_text(content->notice));
        buffer_append_text(page, "</p>\n");
    }
    if (content->known)
        append_known(page, content);
    buffer_append_text(page,
                       "<form method=\"post\" action=\"/_reeve/login\"><input type=\"hidden\" name=\"next\" "
                       "value=\"");
    page_append(page, content->next);
    buffer_append_text(page,
                       "\">\n<label>User name<input name=\"user\" autocomplete=\"username\" "
                       "autocapitalize=\"none\" spellcheck=\"false\" maxlength=\"64\" required value=\"");
    page_append(page, content->user);
    buffer_append_format(page, "\"%s></label>\n", content->user.size == 0 ? " autofocus" : "");
    buffer_append_format(page,
                         "<label>Password<input type=\"password\" name=\"password\" "
                         "autocomplete=\"current-password\" required%s></label>\n",
                         content->user.size > 0 ? " autofocus" : "");
    buffer_append_text(page, "<button>Sign in</button></form>");
    page_end(page);
}

void login_page_write_logout(struct buffer *page, const char *known)
{
    page_begin(page, &(struct page){.title = "Sign out"});
    if (known) {
        buffer_append_text(page, "<p>You are signed in as <b>");
        page_append(page, slice_of_text(known));
        buffer_append_text(page, "</b>.</p>\n<form method=\"post\" action=\"/_reeve/logout\"><button>Sign "
                                 "out</button></form>");
    } else {
        buffer_append_text(page, "<p>You are not signed in. <a href=\"/_reeve/login\">Sign in</a></p>");
    }
    page_end(page);
}
