/*
 * clock.h: the two clocks. Layer: base. Asks the system.
 */
#ifndef SHAKEDOWN_BASE_CLOCK_H
#define SHAKEDOWN_BASE_CLOCK_H

#include <stdint.h>

/* Nanoseconds since the Unix epoch: what the witnesses put on their testimony. */
uint64_t clock_wall_ns(void);

/* Nanoseconds on a clock that never jumps: for time-outs and durations. */
uint64_t clock_steady_ns(void);

/*
 * The wall clock in seconds, less the time that the machine has been on: it changes, by more than a
 * second or two, only when somebody sets the clock. A machine that slept has been on.
 */
int64_t clock_setting_s(void);

#define CLOCK_TEXT_MAX 32

/*
 * Writes `t_ns` as RFC 3339 in UTC with milliseconds, "2024-09-18T14:19:29.214Z". Returns `text`.
 */
char *clock_text(uint64_t t_ns, char text[CLOCK_TEXT_MAX]);

#endif
