/* The conversation with the keeper and the gate's own life; what serves is dataplane's, the process is
 * worker's. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/memory.h"
#include "link/channel.h"
#include "link/memfd.h"
#include "tail/place.h"

#include "gate/dataplane.h"
#include "gate/gate.h"
#include "gate/succession.h"

enum {
    JSON_MOST = 64 * 1024 * 1024, /* of a snapshot or a table */
    DRAIN_MS = 30000,             /* before a snapshot says otherwise */
};

struct gate {
    struct gate_settings settings;
    struct loop *loop;
    struct log log;
    struct channel *channel; /* NULL: the keeper has gone */
    uid_t keeper_user;
    struct dataplane *dataplane; /* NULL: no HELLO yet, and nothing of the following */
    struct pages pages;
    char *name; /* of this reeve */
    struct succession *succession;
    struct descriptors descriptors; /* for the next PREPARE */
    bool draining;
    bool ended;
    struct loop_timer deadline; /* keeper gone: then a drain; draining: then the end */
    struct loop_task end;
};

/* --- the end ------------------------------------------------------------------------------------- */

static void on_end_task(struct loop_task *task)
{
    struct gate *gate = LIST_ENTRY(task, struct gate, end);
    if (gate->channel)
        channel_send(gate->channel, MESSAGE_GATE_DRAINED, 0, NULL, NULL, 0);
    gate->settings.on_end(gate->settings.owner);
}

static void end(struct gate *gate)
{
    if (gate->ended)
        return;
    gate->ended = true;
    loop_timer_stop(&gate->deadline);
    loop_task_start(gate->loop, &gate->end, on_end_task);
}

static void on_empty(void *owner)
{
    end(owner);
}

static void on_drain_deadline(struct loop_timer *timer)
{
    end(LIST_ENTRY(timer, struct gate, deadline));
}

void gate_drain(struct gate *gate, int64_t timeout_ms)
{
    if (gate->draining)
        return;
    gate->draining = true;
    log_debug(&gate->log, "draining", LOG_NUMBER("timeout_ms", timeout_ms));
    loop_timer_start(gate->loop, &gate->deadline, timeout_ms, on_drain_deadline);
    if (gate->dataplane)
        dataplane_drain(gate->dataplane, timeout_ms);
    if (!gate->dataplane || dataplane_is_empty(gate->dataplane))
        end(gate);
}

int64_t gate_drain_ms(const struct gate *gate)
{
    const struct serving_settings *settings = gate->dataplane ? dataplane_settings(gate->dataplane) : NULL;
    return settings ? settings->drain_ms : DRAIN_MS;
}

static void on_keeper_away_too_long(struct loop_timer *timer)
{
    struct gate *gate = LIST_ENTRY(timer, struct gate, deadline);
    gate_drain(gate, gate_drain_ms(gate));
}

/* What is ready is served on; then a new keeper comes for the listeners, or nobody does. */
static void on_channel_end(void *owner, int error)
{
    struct gate *gate = owner;
    channel_close(&gate->channel);
    if (gate->draining)
        return;
    log_warning(&gate->log, "the keeper has gone", LOG_TEXT("error", error ? strerror(error) : ""));
    if (!gate->dataplane || !dataplane_settings(gate->dataplane)) {
        end(gate);
        return;
    }
    backends_set_keeper_away(dataplane_backends(gate->dataplane));
    asker_keeper_away(dataplane_asker(gate->dataplane));
    signins_keeper_away(dataplane_signins(gate->dataplane));
    attaches_keeper_away(dataplane_attaches(gate->dataplane));
    loop_timer_start(gate->loop, &gate->deadline, gate_drain_ms(gate), on_keeper_away_too_long);
}

/* --- what the data plane tells the keeper -------------------------------------------------------- */

static void tell_target(struct gate *gate, enum message_type type, const char *target)
{
    if (gate->channel)
        channel_send(gate->channel, type, 0, json_pack("{s:s}", "target", target), NULL, 0);
}

static void on_want(void *owner, const char *target)
{
    tell_target(owner, MESSAGE_GATE_WANT, target);
}

static void on_unwant(void *owner, const char *target)
{
    tell_target(owner, MESSAGE_GATE_UNWANT, target);
}

static void on_distrust(void *owner, const char *target, const char *text)
{
    const struct gate *gate = owner;
    log_warning(&gate->log, "an upstream cannot be trusted", LOG_TEXT("target", target),
                LOG_TEXT("error", text));
}

static void on_probed(void *owner, const struct probes_result *result)
{
    struct gate *gate = owner;
    if (!gate->channel)
        return;
    json_t *body = json_pack("{s:s, s:I, s:b, s:i}", "target", result->target, "generation",
                             (json_int_t)result->generation, "ok", result->ok, "status", result->status);
    if (result->error)
        json_object_set_new(body, "error", json_string(result->error));
    channel_send(gate->channel, MESSAGE_GATE_PROBED, result->id, body, NULL, 0);
}

static bool on_ask(void *owner, uint32_t id, json_t *body, int descriptor)
{
    const struct gate *gate = owner;
    if (gate->channel)
        return channel_send(gate->channel, MESSAGE_GATE_ASK, id, body, &descriptor, descriptor >= 0) == 0;
    json_decref(body);
    return false;
}

static void on_refused(void *owner, const char *path, int error)
{
    const struct gate *gate = owner;
    bool closed = error == EACCES || error == EPERM;
    log_warning(&gate->log,
                closed ? "an event file cannot be read by the user that gates run as"
                       : "what is in the place of an event file is not read",
                LOG_TEXT("file", path), LOG_TEXT("error", place_refusal_text(error)));
}

static void on_trouble(void *owner, const char *what, const char *text)
{
    const struct gate *gate = owner;
    if (text)
        log_warning(&gate->log, "degraded", LOG_TEXT("what", what), LOG_TEXT("text", text));
    else
        log_info(&gate->log, "healed", LOG_TEXT("what", what));
    if (gate->channel)
        channel_send(gate->channel, MESSAGE_GATE_TROUBLE, 0,
                     json_pack("{s:s, s:s?}", "what", what, "text", text), NULL, 0);
}

static bool ask_keeper(const struct gate *gate, enum message_type type, uint32_t id, json_t *body)
{
    if (gate->channel)
        return channel_send(gate->channel, type, id, body, NULL, 0) == 0;
    json_decref(body);
    return false;
}

static bool on_sign_in(void *owner, uint32_t id, json_t *body)
{
    return ask_keeper(owner, MESSAGE_GATE_LOGIN, id, body);
}

static bool on_attach(void *owner, uint32_t id, json_t *body)
{
    return ask_keeper(owner, MESSAGE_GATE_ATTACH, id, body);
}

/* --- orders: each is false when its message is malformed ----------------------------------------- */

static void on_successor(void *owner, int64_t timeout_ms)
{
    gate_drain(owner, timeout_ms);
}

static void watch_handover(struct gate *gate)
{
    const struct succession_settings settings = {
        .loop = gate->loop,
        .log = &gate->log,
        .entrance = dataplane_entrance(gate->dataplane),
        .name = gate->name,
        .keeper_user = gate->keeper_user,
        .on_drain = on_successor,
        .owner = gate,
    };
    if (gate->settings.handover >= 0)
        gate->succession = succession_new(&settings, gate->settings.handover);
    gate->settings.handover = -1;
}

static bool obey_hello(struct gate *gate, struct channel_message *message)
{
    static const struct dataplane_events events = {.on_want = on_want,
                                                   .on_unwant = on_unwant,
                                                   .on_distrust = on_distrust,
                                                   .on_probed = on_probed,
                                                   .on_refused = on_refused,
                                                   .on_trouble = on_trouble,
                                                   .on_ask = on_ask,
                                                   .on_sign_in = on_sign_in,
                                                   .on_attach = on_attach,
                                                   .on_empty = on_empty};
    const char *name;
    json_int_t generation;
    struct error error;
    if (gate->dataplane ||
        json_unpack(message->body, "{s:s, s:I}", "name", &name, "generation", &generation) < 0)
        return false;
    if (!pages_map(&gate->pages, message->descriptors, (size_t)message->descriptor_count, &error)) {
        log_error(&gate->log, "no shared pages", LOG_TEXT("error", error.text));
        return false;
    }
    pages_begin(&gate->pages, (uint64_t)generation, loop_now_ms(gate->loop));
    gate->name = memory_text(name);
    gate->dataplane = dataplane_new(&(struct dataplane_settings){.loop = gate->loop,
                                                                 .name_servers = gate->settings.name_servers,
                                                                 .name = gate->name,
                                                                 .pages = &gate->pages,
                                                                 .output = gate->settings.output,
                                                                 .events = &events,
                                                                 .owner = gate});
    watch_handover(gate);
    channel_send(gate->channel, MESSAGE_GATE_READY, 0, json_pack("{s:i}", "slot", (int)gate->settings.slot),
                 NULL, 0);
    return true;
}

static bool obey_descriptors(struct gate *gate, struct channel_message *message)
{
    const json_t *names = json_object_get(message->body, "names");
    if (json_array_size(names) != (size_t)message->descriptor_count)
        return false;
    for (int i = 0; i < message->descriptor_count; i++) {
        const char *name = json_string_value(json_array_get(names, (size_t)i));
        if (!name)
            return false;
        int fd = message->descriptors[i];
        message->descriptors[i] = -1;
        if (!descriptors_add(&gate->descriptors, name, fd))
            return false;
    }
    return true;
}

/* The JSON in the message's first descriptor, a sealed memfd; NULL with the text. */
static json_t *read_json(const struct channel_message *message, struct error *error)
{
    struct slice bytes;
    json_error_t where;
    int failed =
        message->descriptor_count > 0 ? memfd_map(message->descriptors[0], JSON_MOST, &bytes) : -EBADF;
    if (failed < 0) {
        error_set(error, "no sealed memfd came: %s", strerror(-failed));
        return NULL;
    }
    json_t *json = json_loadb(bytes.data, bytes.size, JSON_REJECT_DUPLICATES, &where);
    memfd_unmap(&bytes);
    if (!json)
        error_set(error, "malformed JSON: %s", where.text);
    return json;
}

static bool read_number(const struct channel_message *message, uint64_t *number)
{
    const json_t *value = json_object_get(message->body, "snapshot");
    *number = (uint64_t)json_integer_value(value);
    return json_is_integer(value);
}

static bool obey_prepare(struct gate *gate, struct channel_message *message)
{
    uint64_t number;
    struct error error = {0};
    if (!read_number(message, &number))
        return false;
    json_t *snapshot = read_json(message, &error);
    bool built = snapshot && dataplane_prepare(gate->dataplane, number, snapshot, &gate->descriptors, &error);
    json_decref(snapshot);
    descriptors_clear(&gate->descriptors);
    json_t *body = json_pack("{s:I, s:b}", "snapshot", (json_int_t)number, "ok", built);
    if (!built)
        json_object_set_new(body, "error", json_string(error.text));
    channel_send(gate->channel, MESSAGE_GATE_PREPARED, message->id, body, NULL, 0);
    return true;
}

static bool obey_commit(struct gate *gate, struct channel_message *message)
{
    uint64_t number;
    if (!read_number(message, &number) || !dataplane_commit(gate->dataplane, number))
        return false;
    gate->log.least = dataplane_settings(gate->dataplane)->log_level;
    return true;
}

static bool obey_drop(struct gate *gate, struct channel_message *message)
{
    uint64_t number;
    if (!read_number(message, &number))
        return false;
    dataplane_drop(gate->dataplane, number);
    return true;
}

static bool obey_table(struct gate *gate, struct channel_message *message)
{
    struct error error;
    json_t *rows = read_json(message, &error);
    bool fine = rows && backends_set_table(dataplane_backends(gate->dataplane), rows);
    json_decref(rows);
    dataplane_look_at_ways(gate->dataplane);
    return fine;
}

static bool obey_health(struct gate *gate, struct channel_message *message)
{
    struct error error;
    json_t *details = read_json(message, &error);
    bool fine = json_is_object(details);
    if (fine)
        dataplane_set_health(gate->dataplane, details);
    else
        json_decref(details);
    return fine;
}

static bool obey_target(struct gate *gate, struct channel_message *message)
{
    int socket = message->descriptor_count > 0 ? message->descriptors[0] : -1;
    message->descriptors[0] = -1;
    bool fine = backends_set_row(dataplane_backends(gate->dataplane), message->body, socket);
    dataplane_look_at_ways(gate->dataplane);
    return fine;
}

static bool obey_phase(struct gate *gate, struct channel_message *message)
{
    static const char *const names[] = {[DATAPLANE_STARTING] = "starting",
                                        [DATAPLANE_SERVING] = "serving",
                                        [DATAPLANE_STOPPING] = "stopping"};
    const char *name = json_string_value(json_object_get(message->body, "phase"));
    for (int i = DATAPLANE_STARTING; name && i <= DATAPLANE_STOPPING; i++) {
        if (strcmp(name, names[i]) == 0) {
            dataplane_set_phase(gate->dataplane, (enum dataplane_phase)i);
            return true;
        }
    }
    return false;
}

static bool obey_drain(struct gate *gate, struct channel_message *message)
{
    gate_drain(gate, json_integer_value(json_object_get(message->body, "timeout_ms")));
    return true;
}

static bool obey_probe(struct gate *gate, struct channel_message *message)
{
    struct probes_request request = {.id = message->id, .socket = -1};
    const char *target, *path = NULL, *host = "localhost", *method = "GET", *address = NULL, *tls = NULL;
    json_int_t generation, timeout_ms;
    char through[64];
    if (json_unpack(message->body, "{s:s, s:I, s:I, s?s, s?s, s?s, s?s, s?s}", "target", &target,
                    "generation", &generation, "timeout_ms", &timeout_ms, "path", &path, "host", &host,
                    "method", &method, "address", &address, "tls", &tls) < 0)
        return false;
    if (message->descriptor_count > 0) {
        request.socket = message->descriptors[0];
        snprintf(through, sizeof through, "unix:/proc/self/fd/%d", request.socket);
        address = through;
    }
    if (!address || !address_parse_upstream(slice_of_text(address), &request.address, NULL) ||
        strlen(target) >= sizeof request.target)
        return false;
    if (request.socket >= 0)
        message->descriptors[0] = -1;
    snprintf(request.target, sizeof request.target, "%s", target);
    request.generation = (uint64_t)generation;
    request.timeout_ms = timeout_ms;
    request.host = slice_of_text(host);
    request.method = slice_of_text(method);
    request.path = path ? slice_of_text(path) : (struct slice){0};
    request.tls = tls ? dataplane_policy(gate->dataplane, tls) : NULL;
    request.distrusted = tls && !request.tls;
    probes_start(dataplane_probes(gate->dataplane), &request);
    return true;
}

static bool obey_answer(struct gate *gate, struct channel_message *message)
{
    struct error error;
    const json_t *status = json_object_get(message->body, "status");
    json_t *body = message->descriptor_count > 0 ? read_json(message, &error)
                                                 : json_incref(json_object_get(message->body, "body"));
    bool fine = json_is_integer(status) && json_is_object(body);
    if (fine)
        asker_answer(dataplane_asker(gate->dataplane), message->id, (int)json_integer_value(status), body);
    json_decref(body);
    return fine;
}

static bool obey_admission(struct gate *gate, struct channel_message *message)
{
    struct error error;
    json_t *data = read_json(message, &error);
    bool fine = data && admission_tell(dataplane_admission(gate->dataplane), data, &error);
    if (!fine)
        log_error(&gate->log, "no admission data", LOG_TEXT("error", error.text));
    json_decref(data);
    return fine;
}

/* The message's first descriptor; -1: there is none. */
static int take_descriptor(struct channel_message *message)
{
    int fd = message->descriptor_count > 0 ? message->descriptors[0] : -1;
    if (fd >= 0)
        message->descriptors[0] = -1;
    return fd;
}

static bool obey_login_answer(struct gate *gate, struct channel_message *message)
{
    int helper = take_descriptor(message);
    return signins_told(dataplane_signins(gate->dataplane), message->id, message->body, helper);
}

static bool obey_attach_answer(struct gate *gate, struct channel_message *message)
{
    int link = take_descriptor(message);
    return attaches_told(dataplane_attaches(gate->dataplane), message->id, message->body, link);
}

static void answer_streams(struct gate *gate, uint32_t id, json_t *list)
{
    char *text = json_dumps(list, JSON_COMPACT);
    int memfd = memfd_seal("reeve-streams", slice_of_text(text));
    channel_send(gate->channel, MESSAGE_GATE_STREAMS_ANSWER, id, NULL, &memfd, memfd >= 0);
    if (memfd >= 0)
        close(memfd);
    free(text);
    json_decref(list);
}

static bool obey_streams(struct gate *gate, struct channel_message *message)
{
    const json_t *close = json_object_get(message->body, "close");
    json_int_t most = json_integer_value(json_object_get(message->body, "most"));
    if (json_is_integer(close)) {
        uint64_t serial = (uint64_t)json_integer_value(close);
        json_t *stream = dataplane_describe_stream(gate->dataplane, serial);
        bool found = dataplane_close_stream(gate->dataplane, serial);
        channel_send(gate->channel, MESSAGE_GATE_STREAMS_ANSWER, message->id,
                     json_pack("{s:b, s:o?}", "found", found, "stream", stream), NULL, 0);
    } else if (most > 0) {
        answer_streams(gate, message->id, dataplane_list_streams(gate->dataplane, (size_t)most));
    }
    return json_is_integer(close) || most > 0;
}

struct order {
    enum message_type type;
    bool (*obey)(struct gate *gate, struct channel_message *message);
};

static const struct order orders[] = {
    {MESSAGE_GATE_HELLO, obey_hello},
    {MESSAGE_GATE_DESCRIPTORS, obey_descriptors},
    {MESSAGE_GATE_PREPARE, obey_prepare},
    {MESSAGE_GATE_COMMIT, obey_commit},
    {MESSAGE_GATE_DROP, obey_drop},
    {MESSAGE_GATE_TABLE, obey_table},
    {MESSAGE_GATE_TARGET, obey_target},
    {MESSAGE_GATE_PHASE, obey_phase},
    {MESSAGE_GATE_DRAIN, obey_drain},
    {MESSAGE_GATE_PROBE, obey_probe},
    {MESSAGE_GATE_ANSWER, obey_answer},
    {MESSAGE_GATE_HEALTH, obey_health},
    {MESSAGE_GATE_STREAMS, obey_streams},
    {MESSAGE_GATE_ADMISSION, obey_admission},
    {MESSAGE_GATE_LOGIN_ANSWER, obey_login_answer},
    {MESSAGE_GATE_ATTACH_ANSWER, obey_attach_answer},
};

static void on_message(void *owner, struct channel_message *message)
{
    struct gate *gate = owner;
    bool fine = false;
    for (size_t i = 0; i < sizeof orders / sizeof *orders; i++)
        if (message->type == orders[i].type && (gate->dataplane || message->type == MESSAGE_GATE_HELLO))
            fine = orders[i].obey(gate, message);
    if (fine)
        return;
    log_error(&gate->log, "the keeper sent what this gate does not understand",
              LOG_NUMBER("type", message->type));
    end(gate);
}

/* --- birth and burial ---------------------------------------------------------------------------- */

struct gate *gate_new(const struct gate_settings *settings)
{
    static const struct channel_events events = {.on_message = on_message, .on_end = on_channel_end};
    struct gate *gate = MEMORY_NEW(struct gate);
    pid_t pid;
    gate->settings = *settings;
    gate->loop = settings->loop;
    gate->log = *settings->log;
    gate->channel = channel_new(settings->loop, settings->channel, &events, gate);
    if (gate->channel && channel_peer(gate->channel, &pid, &gate->keeper_user) == 0)
        return gate;
    channel_close(&gate->channel);
    if (settings->handover >= 0)
        close(settings->handover);
    free(gate);
    return NULL;
}

void gate_free(struct gate **owned)
{
    struct gate *gate = *owned;
    if (!gate)
        return;
    *owned = NULL;
    loop_timer_stop(&gate->deadline);
    loop_task_stop(&gate->end);
    succession_free(&gate->succession);
    dataplane_free(&gate->dataplane);
    pages_unmap(&gate->pages);
    descriptors_clear(&gate->descriptors);
    channel_close(&gate->channel);
    if (gate->settings.handover >= 0)
        close(gate->settings.handover);
    free(gate->name);
    free(gate);
}
