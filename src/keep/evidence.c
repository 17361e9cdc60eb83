#include "keep/evidence.h"

json_t *evidence_of_process(const struct record *record, bool known)
{
    return json_pack("{s:i, s:I, s:I, s:s}", "pid", (int)record->main.pid, "start_time",
                     (json_int_t)record->main.start_time, "started_ms", (json_int_t)record->started_wall_ms,
                     "nonce", known ? "ok" : "not checked");
}

json_t *evidence_of_end(const struct record *record, const struct hold_end *end,
                        const struct target_cause *cause)
{
    return json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I}", "cause", target_cause_name(cause->kind),
                     "text", cause->text, "pid", (json_int_t)record->main.pid, "after_ms",
                     (json_int_t)end->after_ms, "leftovers", (json_int_t)end->leftovers, "remaining",
                     (json_int_t)end->remaining, "code", (json_int_t)end->code, "signal",
                     (json_int_t)end->signal);
}
