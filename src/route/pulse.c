#include "route/pulse.h"

enum pulse_verdict pulse_check(const struct pulse *pulse, int64_t now_us, int64_t every_us, bool stuck)
{
    bool asked = pulse->pinged_us > pulse->heard_us;
    if (asked)
        return now_us - pulse->pinged_us >= every_us && !stuck ? PULSE_GONE : PULSE_FINE;
    return now_us - pulse->heard_us >= every_us && !stuck ? PULSE_PING : PULSE_FINE;
}

void pulse_heard(struct pulse *pulse, int64_t now_us)
{
    pulse->heard_us = now_us;
}

void pulse_pinged(struct pulse *pulse, int64_t now_us)
{
    pulse->pinged_us = now_us;
}

bool pulse_suspect(struct pulse *pulse, unsigned side, bool suspect, int64_t now_us, int64_t every_us)
{
    int64_t *since_us = &pulse->suspect_us[side];
    if (!suspect)
        *since_us = 0;
    else if (*since_us == 0)
        *since_us = now_us;
    return suspect && now_us - *since_us >= every_us;
}
