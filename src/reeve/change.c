#include "reeve/change.h"

static void change_append_ready(struct buffer *out, const struct target_row *row)
{
    buffer_append_text(out, "ready");
    if (row->ready_after_ms >= 0)
        buffer_append_format(out, " after %.2f s", (double)row->ready_after_ms / 1000);
    if (row->pid > 0)
        buffer_append_format(out, ", pid %d", (int)row->pid);
    if (row->address_count > 0)
        buffer_append_format(out, ", %s", row->addresses[0]);
}

static void change_append_next(struct buffer *out, const struct target_row *row, int64_t boottime_ms)
{
    int64_t wait = row->next_attempt_ms - boottime_ms;
    if (row->next_attempt_ms)
        buffer_append_format(out, "; next attempt in %.1f s", wait > 0 ? (double)wait / 1000 : 0.0);
}

bool change_append(struct buffer *out, enum target_state before, const struct target_row *row,
                   int64_t boottime_ms)
{
    if (row->state == before || row->state == TARGET_STARTING || row->state == TARGET_STOPPING)
        return false;
    if (row->state == TARGET_READY) {
        change_append_ready(out, row);
        return true;
    }
    if (row->cause.text[0])
        buffer_append_text(out, row->cause.text);
    else
        buffer_append_text(out, target_state_name(row->state));
    if (row->state == TARGET_BACKOFF)
        change_append_next(out, row, boottime_ms);
    else if (row->state == TARGET_FAILED || row->state == TARGET_ENDED)
        buffer_append_text(out, "; not started again by itself");
    return true;
}
