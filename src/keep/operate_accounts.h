/* Operations on accounts.
 *
 *   users {}                             200 {users: [{name, groups, locked}]}
 *   sessions {}                          200 {sessions: [{id, user, address, created, used, expires}]}
 *   session-revoke {id}                  200 {}, 404
 *   sign-out {}                          200 {}: ends the session of who asks
 *   session-used {}                      200 {}: it was; 404: it counts no more
 *   tokens {}                            200 {tokens: [{id, name, created, expires}]}
 *   token-create {name, expires_ms?}     201 {token: the secret, id, name, expires}, 409, 422, 429, 503;
 *                                        expires_ms: from now
 *   token-revoke {name}                  200 {}, 404, 503; an id will do as well */
#pragma once

#include "keep/accounts.h"
#include "keep/operations.h"

/* Adds the rows; both outlive the questions. */
void operate_accounts(struct operations *operations, struct accounts *accounts);
