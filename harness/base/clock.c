#include "base/clock.h"

#include <time.h>

static uint64_t read_clock(clockid_t id)
{
	struct timespec now;

	clock_gettime(id, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t clock_wall_ns(void)
{
	return read_clock(CLOCK_REALTIME);
}

uint64_t clock_steady_ns(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

int64_t clock_setting_s(void)
{
	struct timespec wall, running;

	clock_gettime(CLOCK_REALTIME, &wall);
	clock_gettime(CLOCK_BOOTTIME, &running);
	return (int64_t)wall.tv_sec - (int64_t)running.tv_sec;
}

/* Writes `n` digits and what stands behind them. Returns the end. (2554 is the last year in ns.) */
static char *put(char *at, int value, size_t n, char end)
{
	for (size_t i = n; i > 0; i--, value /= 10)
		at[i - 1] = (char)('0' + value % 10);
	at[n] = end;
	return at + n + 1;
}

char *clock_text(uint64_t t_ns, char text[CLOCK_TEXT_MAX])
{
	time_t seconds = (time_t)(t_ns / 1000000000u);
	char *at = text;
	struct tm utc;

	gmtime_r(&seconds, &utc);
	at = put(at, utc.tm_year + 1900, 4, '-');
	at = put(at, utc.tm_mon + 1, 2, '-');
	at = put(at, utc.tm_mday, 2, 'T');
	at = put(at, utc.tm_hour, 2, ':');
	at = put(at, utc.tm_min, 2, ':');
	at = put(at, utc.tm_sec, 2, '.');
	at = put(at, (int)(t_ns / 1000000u % 1000u), 3, 'Z');
	*at = '\0';
	return text;
}
