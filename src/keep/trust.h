/* How the certificates of a service's addresses are checked, as gates are told: by name in its row, whole in
 * the snapshot. The name follows from what it says, so that a row never means another check than the one it
 * was made with, whatever comes first. Pure. */
#pragma once

#include "config/config.h"
#include "wire/target.h"

/* "pin:" "ca:" "system:" or "none:" and the digest of the whole; "" for a service that is reached in the
 * clear. */
void trust_name(const struct config_service *service, char name[TARGET_TLS_SIZE]);
/* {name: {place, verify, pins?, ca?, name?}} of all services, for the snapshot (wire/SNAPSHOT.md); a new
 * reference. */
json_t *trust_describe(const struct config *config);
