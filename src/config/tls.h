/* How the certificate of an `https://` address is checked: `services.*.tls`. */
#pragma once

#include "config/load.h"

/* One pin or a list: struct config_texts of "sha256:" and 64 lower-case hex digits each. */
extern const struct type tls_pins;
/* enum config_tls_verify as far as it is written as a word. */
extern const struct type tls_verify;

/* Settles config_service.tls when all keys of the service have been read: what contradicts itself is an
 * error, the file of `ca` is read. */
void tls_finish(struct load *load, struct config_service *service);
/* "sha256:" and 64 hex digits, upper or lower case, perhaps with colons between the bytes as OpenSSL prints
 * them, to pin[TLS_PIN_CHARACTERS + 1]. False: it is not. Pure. */
enum { TLS_PIN_CHARACTERS = 7 + 64 };
bool tls_read_pin(struct slice text, char *pin);
