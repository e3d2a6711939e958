#include "view/progress.h"

#include "view/text.h"

#define SECONDS_MAX 99 /* more are told in minutes */
#define MINUTES_MAX 99 /* more are told in hours */

static void put_estimate(const struct progress *progress, struct buf *out)
{
	uint64_t left = (uint64_t)(progress->n_cells - progress->n_done);
	uint64_t seconds = progress->elapsed_ms * left / (uint64_t)progress->n_done / 1000 + 1;
	uint64_t minutes = (seconds + 59) / 60;

	if (seconds <= SECONDS_MAX)
		buf_printf(out, ", about %llu s left", (unsigned long long)seconds);
	else if (minutes <= MINUTES_MAX)
		buf_printf(out, ", about %llu min left", (unsigned long long)minutes);
	else
		buf_printf(out, ", about %llu h left", (unsigned long long)((minutes + 59) / 60));
}

void progress_line(const struct progress *progress, const struct terminal_options *options,
                   struct buf *out)
{
	enum text_charset charset = terminal_charset(options);
	size_t width = options->width > 0 ? (size_t)options->width : TERMINAL_WIDTH_USUAL;
	struct buf line = {0}, clean = {0};
	size_t used;

	buf_printf(&line, "%lld/%lld", progress->n_done, progress->n_cells);
	if (progress->n_failed > 0)
		buf_printf(&line, ", %lld failed", progress->n_failed);
	if (progress->n_done >= PROGRESS_SURE && progress->n_done < progress->n_cells)
		put_estimate(progress, &line);
	used = line.len + 2;
	buf_text(out, buf_string(&line));
	if (progress->current[0] != '\0' && used + 1 < width) {
		text_clean(&clean, progress->current, charset);
		used = text_width(buf_string(&clean)) < width - used - 1
		               ? text_width(buf_string(&clean))
		               : width - used - 1;
		buf_text(out, ": ");
		text_column(out, buf_string(&clean), used, charset);
	}
	buf_fini(&line);
	buf_fini(&clean);
}
