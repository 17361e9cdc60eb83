#include "fixture.h"

#include "base/memory.h"

int fixture_set_up(void **state, const char *routes, const char *target)
{
    struct fixture *fixture = MEMORY_NEW(struct fixture);
    fixture->program = world_listen(&fixture->port);
    world_open(&fixture->world, -1);
    world_serve(&fixture->world, routes);
    struct target_row row = world_row(target, TARGET_READY, fixture->port);
    world_set_row(&fixture->world, &row);
    *state = fixture;
    return 0;
}

int fixture_tear_down(void **state)
{
    struct fixture *fixture = *state;
    world_close(&fixture->world);
    close(fixture->program);
    free(fixture);
    return 0;
}

struct both fixture_join_client(struct fixture *fixture, struct peer client)
{
    struct both both = {.client = client};
    both.program = program_accept(&fixture->world, fixture->program);
    peer_hear(&fixture->world, &both.program);
    peer_say_text(&fixture->world, &both.program, SWITCH "\r\n");
    assert_true(slice_starts_with(peer_hear(&fixture->world, &both.client), SLICE("HTTP/1.1 101 ")));
    buffer_clear(&both.client.received);
    buffer_clear(&both.program.received);
    return both;
}

struct both fixture_join(struct fixture *fixture, const char *ask)
{
    struct peer client = client_open(&fixture->world);
    peer_say_text(&fixture->world, &client, ask);
    peer_say_text(&fixture->world, &client, "\r\n");
    return fixture_join_client(fixture, client);
}
