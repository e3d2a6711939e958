#include "base/clock.h"

#include <stdio.h>
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

char *clock_text(uint64_t t_ns, char text[CLOCK_TEXT_MAX])
{
	time_t seconds = (time_t)(t_ns / 1000000000u);
	unsigned milliseconds = (unsigned)(t_ns / 1000000u % 1000u);
	struct tm utc;
	size_t len;

	gmtime_r(&seconds, &utc);
	len = strftime(text, CLOCK_TEXT_MAX, "%Y-%m-%dT%H:%M:%S", &utc);
	snprintf(text + len, CLOCK_TEXT_MAX - len, ".%03uZ", milliseconds);
	return text;
}
