/*
 * measure: what a command costs.
 *
 *   measure RUNS COMMAND [ARGUMENT]...
 *
 * Runs the command that many times, its output thrown away, and prints the CPU seconds (of user and
 * of system) and the seconds on the clock of the cheapest run of each, and the peak memory in
 * megabytes. Exits with 3 if a run could not start or crashed.
 */
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void become(char **command)
{
	int null = open("/dev/null", O_WRONLY);

	dup2(null, STDOUT_FILENO);
	dup2(null, STDERR_FILENO);
	execvp(command[0], command);
	_exit(127);
}

static bool run(char **command, struct rusage *usage)
{
	pid_t pid = fork();
	int status = 0;

	if (pid == 0)
		become(command);
	return pid > 0 && wait4(pid, &status, 0, usage) == pid && WIFEXITED(status) &&
	       WEXITSTATUS(status) != 127;
}

static double seconds(struct timeval time)
{
	return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
	int n = argc > 2 ? atoi(argv[1]) : 0;
	double least = 1e9, least_wall = 1e9;
	long peak_kb = 0;

	if (n < 1) {
		fprintf(stderr, "usage: %s RUNS COMMAND [ARGUMENT]...\n", argv[0]);
		return 2;
	}
	for (int i = 0; i < n; i++) {
		struct rusage usage;
		double spent, start = now();

		if (!run(&argv[2], &usage))
			return 3;
		least_wall = now() - start < least_wall ? now() - start : least_wall;
		spent = seconds(usage.ru_utime) + seconds(usage.ru_stime);
		least = spent < least ? spent : least;
		peak_kb = usage.ru_maxrss > peak_kb ? usage.ru_maxrss : peak_kb;
	}
	printf("%.4f %.4f %ld\n", least, least_wall, peak_kb / 1024);
	return 0;
}
