/* A wrong password and an unknown user get the same answer; how long it takes is the helper's concern. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admit/next.h"
#include "base/check.h"
#include "base/memory.h"
#include "wire/form.h"
#include "wire/uri.h"

#include "route/login.h"
#include "route/login_page.h"
#include "route/problem.h"

enum { FORM_MOST = 16 * 1024, WAY_MOST = 6 * 1024, PAGE_FIELDS = 7, NUMBER_SIZE = 24 };

struct login {
    struct login_settings settings;
    char *cookie;
};

/* One POST of the form, in its exchange's arena. */
struct attempt {
    struct login *login;
    struct exchange *exchange;
    struct signin signin;
    struct slice user, next;
    size_t size;
    char form[FORM_MOST + 1];
    char password[FORM_MOST + 1];
};

/* One POST of the sign-out page. */
struct leaving {
    struct login *login;
    struct exchange *exchange;
    struct asking asking;
};

struct login *login_new(const struct login_settings *settings)
{
    struct login *login = MEMORY_NEW(struct login);
    login->settings = *settings;
    login->cookie = memory_text(settings->cookie);
    return login;
}

void login_free(struct login **login)
{
    if (!*login)
        return;
    free((*login)->cookie);
    free(*login);
    *login = NULL;
}

enum login_page_kind login_find(struct slice path)
{
    if (slice_equal(path, SLICE("/_reeve/login")))
        return LOGIN_IN;
    return slice_equal(path, SLICE("/_reeve/logout")) ? LOGIN_OUT : LOGIN_NONE;
}

/* --- answers ----------------------------------------------------------------------------------------- */

static void reply_page(struct exchange *exchange, int status, int64_t retry_after_s, struct slice page)
{
    char seconds[NUMBER_SIZE];
    struct exchange_field fields[PAGE_FIELDS] = {
        {SLICE("Content-Type"), SLICE("text/html; charset=utf-8")},
        {SLICE("Cache-Control"), SLICE("no-store")},
        {SLICE("X-Content-Type-Options"), SLICE("nosniff")},
        /* Not no-referrer: browsers would send "Origin: null" with the form. */
        {SLICE("Referrer-Policy"), SLICE("same-origin")},
        {SLICE("Content-Security-Policy"), SLICE("default-src 'none'; style-src 'unsafe-inline'; img-src "
                                                 "data:; form-action 'self'; base-uri 'none'; "
                                                 "frame-ancestors 'none'")},
    };
    size_t count = 5;
    if (retry_after_s > 0) {
        snprintf(seconds, sizeof seconds, "%" PRId64, retry_after_s);
        fields[count++] = (struct exchange_field){SLICE("Retry-After"), slice_of_text(seconds)};
    }
    if (status == 401)
        fields[count++] = (struct exchange_field){SLICE("WWW-Authenticate"), SLICE("Bearer")};
    exchange_reply(exchange, status, fields, count, page);
}

static void reply_login(struct exchange *exchange, int status, int64_t retry_after_s,
                        const struct login_page *content)
{
    struct buffer page = BUFFER(LOGIN_PAGE_MOST);
    login_page_write(&page, content);
    reply_page(exchange, status, retry_after_s, buffer_slice(&page));
    buffer_free(&page);
}

/* `value` and `max_age_s` make the cookie; "" and 0 take it away. */
static struct slice write_cookie(const struct login *login, struct exchange *exchange, const char *value,
                                 int64_t max_age_s)
{
    bool secure = exchange_request(exchange)->secure;
    return arena_format(exchange_arena(exchange),
                        "%s%s=%s; Path=/; Max-Age=%" PRId64 "; HttpOnly; SameSite=Lax%s",
                        secure ? "__Host-" : "", login->cookie, value, max_age_s, secure ? "; Secure" : "");
}

static void reply_moved(struct exchange *exchange, struct slice location, struct slice cookie)
{
    const struct exchange_field fields[] = {
        {SLICE("Location"), location},
        {SLICE("Cache-Control"), SLICE("no-store")},
        {SLICE("Set-Cookie"), cookie},
    };
    exchange_reply(exchange, 303, fields, cookie.data ? 3 : 2, (struct slice){0});
}

bool login_redirect(struct exchange *exchange)
{
    const struct exchange_request *request = exchange_request(exchange);
    struct buffer way = BUFFER(WAY_MOST);
    bool fits =
        buffer_append(&way, SLICE("/_reeve/login?next=")) && uri_encode_value(&way, request->raw_path);
    if (request->query.data)
        fits = fits && uri_encode_value(&way, SLICE("?")) && uri_encode_value(&way, request->query);
    if (fits)
        reply_moved(exchange, buffer_slice(&way), (struct slice){0});
    buffer_free(&way);
    return fits;
}

/* --- signing in ---------------------------------------------------------------------------------------- */

static void forget(struct attempt *attempt)
{
    signins_cancel(&attempt->signin);
    explicit_bzero(attempt->form, sizeof attempt->form);
    explicit_bzero(attempt->password, sizeof attempt->password);
}

static void on_gone(void *owner)
{
    forget(owner);
}

static void give_up(struct attempt *attempt, int status, const char *detail)
{
    forget(attempt);
    problem_reply_status(attempt->exchange, status, detail);
}

static void reply_notice(struct attempt *attempt, int status, int64_t retry_after_s, const char *notice)
{
    forget(attempt);
    reply_login(attempt->exchange, status, retry_after_s,
                &(struct login_page){.notice = notice, .next = attempt->next, .user = attempt->user});
}

static void on_result(struct signin *signin, const struct signin_result *result)
{
    struct attempt *attempt = LIST_ENTRY(signin, struct attempt, signin);
    switch (result->status) {
    case 200:
        forget(attempt);
        reply_moved(attempt->exchange, attempt->next,
                    write_cookie(attempt->login, attempt->exchange, result->cookie, result->max_age_s));
        return;
    case 401:
        reply_notice(attempt, 401, 0, "User name or password is wrong.");
        return;
    case 429:
        reply_notice(attempt, 429, result->retry_after_s ? result->retry_after_s : 1,
                     "Too many tries. Wait a little, then try again.");
        return;
    default:
        reply_notice(attempt, 503, result->retry_after_s ? result->retry_after_s : 1,
                     "Nobody can sign in at the moment. Try again soon.");
    }
}

/* A value that outlives the form; data NULL when there is none, or the arena is full. */
static struct slice take_value(struct attempt *attempt, struct slice name)
{
    char *memory = arena_new(exchange_arena(attempt->exchange), attempt->size + 1);
    struct slice value = {0};
    bool fine = memory && form_value(slice_of(attempt->form, attempt->size), name, memory, &value);
    return fine ? value : (struct slice){0};
}

static void try_to_sign_in(struct attempt *attempt)
{
    struct slice password;
    char address[ADDRESS_TEXT_SIZE];
    attempt->user = take_value(attempt, SLICE("user"));
    attempt->next = next_path(take_value(attempt, SLICE("next")));
    bool fine =
        form_value(slice_of(attempt->form, attempt->size), SLICE("password"), attempt->password, &password);
    if (!fine || attempt->user.size == 0 || password.size == 0) {
        reply_notice(attempt, 400, 0, "Fill in both, user name and password.");
        return;
    }
    address_format_host(exchange_request(attempt->exchange)->client, address);
    attempt->signin.on_end = on_result;
    signins_start(attempt->login->settings.signins, &attempt->signin, attempt->user, password, address);
    explicit_bzero(attempt->form, sizeof attempt->form);
    explicit_bzero(attempt->password, sizeof attempt->password);
}

static void on_body(void *owner)
{
    struct attempt *attempt = owner;
    ssize_t got;
    if (attempt->signin.pending.id)
        return;
    while ((got = exchange_read(attempt->exchange, attempt->form + attempt->size,
                                sizeof attempt->form - attempt->size)) > 0)
        attempt->size += (size_t)got;
    if (got == -EAGAIN)
        return;
    if (got < 0)
        give_up(attempt, got == -EFBIG ? 413 : 400,
                got == -EFBIG ? "A form as long as this is none of ours." : "The body is malformed.");
    else
        try_to_sign_in(attempt);
}

static bool is_form(const struct http1_head *head)
{
    struct slice type = fields_get(&head->fields, FIELD_CONTENT_TYPE);
    return slice_equal_ignore_case(slice_trim(slice_between(type, 0, slice_find(type, ';'))),
                                   SLICE("application/x-www-form-urlencoded"));
}

static void sign_in(struct login *login, struct exchange *exchange)
{
    static const struct exchange_events events = {.on_body = on_body, .on_gone = on_gone};
    struct attempt *attempt = NULL;
    if (!is_form(exchange_request(exchange)->head)) {
        problem_reply_status(exchange, 415, "A form is sent as application/x-www-form-urlencoded.");
        return;
    }
    if (exchange_limit_body(exchange, FORM_MOST) == 0)
        attempt = arena_new(exchange_arena(exchange), sizeof *attempt);
    if (!attempt) {
        problem_reply_status(exchange, 413, "A form as long as this is none of ours.");
        return;
    }
    attempt->login = login;
    attempt->exchange = exchange;
    exchange_read_secretly(exchange);
    exchange_set_events(exchange, &events, attempt);
    on_body(attempt);
}

static void show_login(struct exchange *exchange)
{
    const struct exchange_request *request = exchange_request(exchange);
    char *memory = arena_new(exchange_arena(exchange), request->query.size + 1);
    struct slice next = {0};
    bool fine = memory && form_value(request->query, SLICE("next"), memory, &next);
    const struct principal *principal = exchange_principal(exchange);
    reply_login(exchange, 200, 0,
                &(struct login_page){.next = next_path(fine ? next : (struct slice){0}),
                                     .known = principal->kind == PRINCIPAL_SESSION ? principal->user : NULL});
}

/* --- signing out --------------------------------------------------------------------------------------- */

static void reply_signed_out(struct leaving *leaving)
{
    reply_moved(leaving->exchange, SLICE("/_reeve/login"),
                write_cookie(leaving->login, leaving->exchange, "", 0));
}

static void on_revoked(struct asking *asking, int status, const json_t *body)
{
    struct leaving *leaving = LIST_ENTRY(asking, struct leaving, asking);
    (void)body;
    if (status < 500)
        reply_signed_out(leaving);
    else
        problem_reply_status(
            leaving->exchange, 503,
            "You are not signed out everywhere: the keeper does not answer. Try again soon.");
}

static void on_leaver_gone(void *owner)
{
    struct leaving *leaving = owner;
    asking_cancel(&leaving->asking);
}

static void sign_out(struct login *login, struct exchange *exchange)
{
    static const struct exchange_events events = {.on_gone = on_leaver_gone};
    const struct principal *principal = exchange_principal(exchange);
    struct leaving *leaving = arena_new(exchange_arena(exchange), sizeof *leaving);
    if (!leaving) {
        problem_reply_status(exchange, 503, "The request takes too much memory.");
        return;
    }
    *leaving = (struct leaving){.login = login, .exchange = exchange, .asking = {.on_answer = on_revoked}};
    if (principal->kind != PRINCIPAL_SESSION) {
        reply_signed_out(leaving);
        return;
    }
    exchange_set_events(exchange, &events, leaving);
    login->settings.on_signed_out(login->settings.owner, principal->credential);
    asker_ask(login->settings.asker, &leaving->asking, "sign-out", principal, NULL);
}

static void show_logout(struct exchange *exchange)
{
    const struct principal *principal = exchange_principal(exchange);
    struct buffer page = BUFFER(LOGIN_PAGE_MOST);
    login_page_write_logout(&page, principal->kind == PRINCIPAL_SESSION ? principal->user : NULL);
    reply_page(exchange, 200, 0, buffer_slice(&page));
    buffer_free(&page);
}

/* --- the door ------------------------------------------------------------------------------------------ */

void login_answer(struct login *login, struct exchange *exchange, enum login_page_kind page,
                  bool sign_in_here)
{
    enum http1_method method = exchange_request(exchange)->head->method;
    bool shows = method == HTTP1_GET || method == HTTP1_HEAD;
    if (!sign_in_here)
        problem_reply_status(exchange, 404, "Nobody signs in here: auth.method is none.");
    else if (!shows && method != HTTP1_POST)
        problem_reply(exchange, &(struct problem){.status = 405,
                                                  .type = "method-not-allowed",
                                                  .title = "Method not allowed",
                                                  .allow = "GET, HEAD, POST"});
    else if (page == LOGIN_IN && shows)
        show_login(exchange);
    else if (page == LOGIN_IN)
        sign_in(login, exchange);
    else if (shows)
        show_logout(exchange);
    else
        sign_out(login, exchange);
}
