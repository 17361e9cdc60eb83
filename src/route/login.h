/* Signing in and out by pages (contract §2): /_reeve/login and /_reeve/logout, on every listener, without
 * script. Both work by POST alone, after admission has looked at the Origin; a GET only shows the page. */
#pragma once

#include "http/exchange.h"

#include "route/asker.h"
#include "route/signins.h"

struct login;

struct login_settings {
    struct signins *signins;
    struct asker *asker;
    const char *cookie; /* "reeve-NAME"; copied */
    /* A session has ended here by its own wish: it counts no more, its streams end. */
    void (*on_signed_out)(void *owner, const char *session);
    void *owner;
};

/* What it points to outlives it. */
struct login *login_new(const struct login_settings *settings);
void login_free(struct login **login); /* no exchange is open any more */

enum login_page_kind { LOGIN_NONE, LOGIN_IN, LOGIN_OUT };

enum login_page_kind login_find(struct slice path);
/* Answers a page's exchange, now or later. `sign_in_here`: people can, else 404. */
void login_answer(struct login *login, struct exchange *exchange, enum login_page_kind page,
                  bool sign_in_here);
/* Sends a navigation to the sign-in page, and from there back: 303. False: not answered, the way is too long.
 */
bool login_redirect(struct exchange *exchange);
