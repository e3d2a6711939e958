#include "flow/story.h"

static const char *const side_names[] = {[SIDE_CLIENT] = "client", [SIDE_SERVER] = "server"};

static void note_window(struct story *story, enum side from, const struct segment *segment)
{
	bool closed = segment->window == 0;

	if ((segment->flags & (TCP_SYN | TCP_RST)) != 0) /* here a window means nothing */
		return;
	story->n_zero_windows[from] += closed && !story->is_window_closed[from];
	story->is_window_closed[from] = closed;
}

/* True if the side has not sent this before. */
static bool is_news(struct story *story, enum side from, const struct segment *segment)
{
	uint32_t n_flags = ((segment->flags & TCP_SYN) != 0) + ((segment->flags & TCP_FIN) != 0);
	uint32_t end = segment->seq + segment->length + n_flags;
	bool news = segment->length + n_flags > 0 &&
	            (!story->has_sent[from] || (int32_t)(end - story->end[from]) > 0);

	if ((segment->flags & TCP_RST) != 0)
		return true;
	if (news) {
		story->end[from] = end;
		story->has_sent[from] = true;
	}
	return news;
}

static void note_pause(struct story *story, enum side from, const struct segment *segment)
{
	bool over = segment->length == 0 && (segment->flags & (TCP_FIN | TCP_RST)) != 0;
	uint64_t pause_ns = segment->t_ns > story->last_ns ? segment->t_ns - story->last_ns : 0;

	if (story->has_begun && (!story->has_paused || pause_ns > story->pause_ns)) {
		story->has_paused = true;
		story->pause_ns = pause_ns;
		story->pause_begin_ns = story->last_ns;
		story->waited_for = from;
		if (over)
			story->waited_for =
				story->last_sender == SIDE_CLIENT ? SIDE_SERVER : SIDE_CLIENT;
	}
	story->has_begun = true;
	story->last_ns = segment->t_ns;
	story->last_sender = from;
}

void story_segment(struct story *story, enum side from, const struct segment *segment)
{
	uint32_t *smallest = &story->smallest_segment[from];

	note_window(story, from, segment);
	if (!is_news(story, from, segment))
		return;
	if (segment->length > 0 && (*smallest == 0 || segment->length < *smallest))
		*smallest = segment->length;
	note_pause(story, from, segment);
}

static void emit_pause(const struct story *story, uint64_t t0_ns, struct emit *emit)
{
	if (!story->has_paused) {
		emit_null(emit, "longest_pause");
		return;
	}
	emit_object(emit, "longest_pause");
	emit_ms(emit, "ms", story->pause_ns, 0);
	emit_ms(emit, "t_ms", story->pause_begin_ns, t0_ns);
	emit_text(emit, "waited_for", side_names[story->waited_for]);
	emit_close(emit);
}

void story_slots(const struct story *story, uint64_t t0_ns, struct emit_slots *slots)
{
	for (enum side side = SIDE_CLIENT; side <= SIDE_SERVER; side++)
		emit_slots_uint(slots, story->n_zero_windows[side]);
	for (enum side side = SIDE_CLIENT; side <= SIDE_SERVER; side++)
		if (story->smallest_segment[side] > 0)
			emit_slots_uint(slots, story->smallest_segment[side]);
	if (!story->has_paused)
		return;
	emit_slots_ms(slots, story->pause_ns, 0);
	emit_slots_ms(slots, story->pause_begin_ns, t0_ns);
}

uint32_t story_key(const struct story *story)
{
	return (uint32_t)story->has_paused << 3 | (uint32_t)story->waited_for << 2 |
	       (uint32_t)(story->smallest_segment[SIDE_CLIENT] > 0) << 1 |
	       (story->smallest_segment[SIDE_SERVER] > 0);
}

void story_emit(const struct story *story, uint64_t t0_ns, struct emit *emit)
{
	emit_object(emit, "zero_windows");
	for (enum side side = SIDE_CLIENT; side <= SIDE_SERVER; side++)
		emit_uint(emit, side_names[side], story->n_zero_windows[side]);
	emit_close(emit);
	emit_object(emit, "smallest_segment");
	for (enum side side = SIDE_CLIENT; side <= SIDE_SERVER; side++) {
		if (story->smallest_segment[side] > 0)
			emit_uint(emit, side_names[side], story->smallest_segment[side]);
		else
			emit_null(emit, side_names[side]);
	}
	emit_close(emit);
	emit_pause(story, t0_ns, emit);
}
