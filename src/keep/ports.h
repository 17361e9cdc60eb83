/* Ports for kept processes: from the range of `ports:`, in turn, tested free before each start (design §4).
 *
 * In turn, so that a port comes back as late as possible: whoever still holds an old address does not reach a
 * new owner. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "config/config.h"

struct ports;

/* Both ends are part of the range; first <= last. Any number may be the `seed`: it says where the turn
 * begins, so that several keepers on one machine do not race for the same ports. */
struct ports *ports_new(uint16_t first, uint16_t last, uint32_t seed);
/* The same for one keeper at every start, another for each (FNV-1a of its state directory). */
uint32_t ports_seed(const char *state_directory);
void ports_free(struct ports **ports);

/* A port of the range that we have not given out and that can be bound on 127.0.0.1 right now; it is given
 * out until ports_release(). 0: none is free. */
uint16_t ports_take(struct ports *ports);
/* The same for what listens so: *port stays 0 where the address is fixed or no TCP port. False with text:
 * none is free. */
bool ports_take_for(struct ports *ports, const struct config_service_listen *listen, uint16_t *port,
                    struct error *error);
/* Notes a port that a run already has (adopted, or fixed by the configuration). Any port may be given; the
 * next one given out is a later one. */
void ports_reserve(struct ports *ports, uint16_t port);
/* Releases `old` and reserves `new`, which are fixed by the configuration; 0: none. */
void ports_exchange(struct ports *ports, uint16_t old, uint16_t new);
void ports_release(struct ports *ports, uint16_t port);
/* True when 127.0.0.1:port can be bound now. */
bool ports_bindable(uint16_t port);
