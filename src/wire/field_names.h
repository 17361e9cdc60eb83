/* The field names that have an id: one row per name, in the order of the ids.
 *
 * ROW(id, name, middle, before_last, first): the three characters are name[length / 2], name[length - 2] and
 * name[0]; they make the name's hash a constant of the compiler, which refuses two names with the same one. A
 * test compares them with the name. */
#pragma once

/* clang-format off: a table */
#define FIELDS_KNOWN(ROW)                                                                                    \
    ROW(ACCEPT, "accept", 'e', 'p', 'a')                                                                     \
    ROW(ACCEPT_ENCODING, "accept-encoding", 'e', 'n', 'a')                                                   \
    ROW(ACCEPT_LANGUAGE, "accept-language", 'l', 'g', 'a')                                                   \
    ROW(ACCEPT_RANGES, "accept-ranges", '-', 'e', 'a')                                                       \
    ROW(ACCESS_CONTROL_ALLOW_ORIGIN, "access-control-allow-origin", 'l', 'i', 'a')                           \
    ROW(AGE, "age", 'g', 'g', 'a')                                                                           \
    ROW(ALLOW, "allow", 'l', 'o', 'a')                                                                       \
    ROW(ALT_SVC, "alt-svc", '-', 'v', 'a')                                                                   \
    ROW(AUTHORIZATION, "authorization", 'i', 'o', 'a')                                                       \
    ROW(CACHE_CONTROL, "cache-control", 'c', 'o', 'c')                                                       \
    ROW(CONNECTION, "connection", 'c', 'o', 'c')                                                             \
    ROW(CONTENT_DISPOSITION, "content-disposition", 'i', 'o', 'c')                                           \
    ROW(CONTENT_ENCODING, "content-encoding", 'e', 'n', 'c')                                                 \
    ROW(CONTENT_LANGUAGE, "content-language", 'l', 'g', 'c')                                                 \
    ROW(CONTENT_LENGTH, "content-length", '-', 't', 'c')                                                     \
    ROW(CONTENT_LOCATION, "content-location", 'l', 'o', 'c')                                                 \
    ROW(CONTENT_RANGE, "content-range", 't', 'g', 'c')                                                       \
    ROW(CONTENT_SECURITY_POLICY, "content-security-policy", 'u', 'c', 'c')                                   \
    ROW(CONTENT_TYPE, "content-type", 't', 'p', 'c')                                                         \
    ROW(COOKIE, "cookie", 'k', 'i', 'c')                                                                     \
    ROW(DATE, "date", 't', 't', 'd')                                                                         \
    ROW(DNT, "dnt", 'n', 'n', 'd')                                                                           \
    ROW(ETAG, "etag", 'a', 'a', 'e')                                                                         \
    ROW(EXPECT, "expect", 'e', 'c', 'e')                                                                     \
    ROW(EXPIRES, "expires", 'i', 'e', 'e')                                                                   \
    ROW(FORWARDED, "forwarded", 'a', 'e', 'f')                                                               \
    ROW(HOST, "host", 's', 's', 'h')                                                                         \
    ROW(HTTP2_SETTINGS, "http2-settings", 'e', 'g', 'h')                                                     \
    ROW(IF_MATCH, "if-match", 'a', 'c', 'i')                                                                 \
    ROW(IF_MODIFIED_SINCE, "if-modified-since", 'i', 'c', 'i')                                               \
    ROW(IF_NONE_MATCH, "if-none-match", 'e', 'c', 'i')                                                       \
    ROW(IF_RANGE, "if-range", 'a', 'g', 'i')                                                                 \
    ROW(IF_UNMODIFIED_SINCE, "if-unmodified-since", 'f', 'c', 'i')                                           \
    ROW(KEEP_ALIVE, "keep-alive", 'a', 'v', 'k')                                                             \
    ROW(LAST_EVENT_ID, "last-event-id", 'v', 'i', 'l')                                                       \
    ROW(LAST_MODIFIED, "last-modified", 'o', 'e', 'l')                                                       \
    ROW(LINK, "link", 'n', 'n', 'l')                                                                         \
    ROW(LOCATION, "location", 't', 'o', 'l')                                                                 \
    ROW(ORIGIN, "origin", 'g', 'i', 'o')                                                                     \
    ROW(PRAGMA, "pragma", 'g', 'm', 'p')                                                                     \
    ROW(PRIORITY, "priority", 'r', 't', 'p')                                                                 \
    ROW(PROXY, "proxy", 'o', 'x', 'p')                                                                       \
    ROW(PROXY_AUTHENTICATE, "proxy-authenticate", 'h', 't', 'p')                                             \
    ROW(PROXY_AUTHORIZATION, "proxy-authorization", 'h', 'o', 'p')                                           \
    ROW(PROXY_CONNECTION, "proxy-connection", 'n', 'o', 'p')                                                 \
    ROW(RANGE, "range", 'n', 'g', 'r')                                                                       \
    ROW(REFERER, "referer", 'e', 'e', 'r')                                                                   \
    ROW(REMOTE_GROUPS, "remote-groups", '-', 'p', 'r')                                                       \
    ROW(REMOTE_USER, "remote-user", 'e', 'e', 'r')                                                           \
    ROW(RETRY_AFTER, "retry-after", '-', 'e', 'r')                                                           \
    ROW(SEC_FETCH_DEST, "sec-fetch-dest", 'c', 's', 's')                                                     \
    ROW(SEC_FETCH_MODE, "sec-fetch-mode", 'c', 'd', 's')                                                     \
    ROW(SEC_FETCH_SITE, "sec-fetch-site", 'c', 't', 's')                                                     \
    ROW(SEC_FETCH_USER, "sec-fetch-user", 'c', 'e', 's')                                                     \
    ROW(SEC_WEBSOCKET_ACCEPT, "sec-websocket-accept", 'k', 'p', 's')                                         \
    ROW(SEC_WEBSOCKET_EXTENSIONS, "sec-websocket-extensions", 't', 'n', 's')                                 \
    ROW(SEC_WEBSOCKET_KEY, "sec-websocket-key", 'o', 'e', 's')                                               \
    ROW(SEC_WEBSOCKET_PROTOCOL, "sec-websocket-protocol", 'e', 'o', 's')                                     \
    ROW(SEC_WEBSOCKET_VERSION, "sec-websocket-version", 'k', 'o', 's')                                       \
    ROW(SERVER, "server", 'v', 'e', 's')                                                                     \
    ROW(SET_COOKIE, "set-cookie", 'o', 'i', 's')                                                             \
    ROW(STRICT_TRANSPORT_SECURITY, "strict-transport-security", 'p', 't', 's')                               \
    ROW(TE, "te", 'e', 't', 't')                                                                             \
    ROW(TRAILER, "trailer", 'i', 'e', 't')                                                                   \
    ROW(TRANSFER_ENCODING, "transfer-encoding", '-', 'n', 't')                                               \
    ROW(UPGRADE, "upgrade", 'r', 'd', 'u')                                                                   \
    ROW(UPGRADE_INSECURE_REQUESTS, "upgrade-insecure-requests", 'c', 't', 'u')                               \
    ROW(USER_AGENT, "user-agent", 'a', 'n', 'u')                                                             \
    ROW(VARY, "vary", 'r', 'r', 'v')                                                                         \
    ROW(VIA, "via", 'i', 'i', 'v')                                                                           \
    ROW(WWW_AUTHENTICATE, "www-authenticate", 'e', 't', 'w')                                                 \
    ROW(X_ACCEL_BUFFERING, "x-accel-buffering", 'b', 'n', 'x')                                               \
    ROW(X_CONTENT_TYPE_OPTIONS, "x-content-type-options", 'y', 'n', 'x')                                     \
    ROW(X_FORWARDED_FOR, "x-forwarded-for", 'r', 'o', 'x')                                                   \
    ROW(X_FORWARDED_HOST, "x-forwarded-host", 'd', 's', 'x')                                                 \
    ROW(X_FORWARDED_PORT, "x-forwarded-port", 'd', 'r', 'x')                                                 \
    ROW(X_FORWARDED_PREFIX, "x-forwarded-prefix", 'e', 'i', 'x')                                             \
    ROW(X_FORWARDED_PROTO, "x-forwarded-proto", 'd', 't', 'x')                                               \
    ROW(X_FORWARDED_SERVER, "x-forwarded-server", 'e', 'e', 'x')                                             \
    ROW(X_FRAME_OPTIONS, "x-frame-options", '-', 'n', 'x')                                                   \
    ROW(X_REAL_IP, "x-real-ip", 'a', 'i', 'x')                                                               \
    ROW(X_REQUEST_ID, "x-request-id", 'e', 'i', 'x')                                                         \
    ROW(X_REQUESTED_WITH, "x-requested-with", 't', 't', 'x')
/* clang-format on */
