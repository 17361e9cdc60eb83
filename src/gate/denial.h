/* What those hear whom admission turns away (contract §2): the status, what would help, and for people
 * without a credential the way to the sign-in page. */
#pragma once

#include "admit/admit.h"
#include "http/exchange.h"

/* Answers an exchange whose verdict is not ADMIT_PASS. `sign_in`: people can sign in here, so a navigation
 * without a credential is sent to the page for it. */
void denial_reply(struct exchange *exchange, enum admit_verdict verdict, bool sign_in);
