#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "scenario/queue.h"

#define N_BOARDS 3
#define N_RUNS 3

/* Two boards of one type, one of them with a tag, and another board with that tag. */
struct scene {
	json_t *quick;
	struct queue_board boards[N_BOARDS];
	struct queue_run runs[N_RUNS];
	size_t chosen[QUEUE_WORDS_MAX];
};

static int set_up(void **state)
{
	static struct scene scene;

	scene = (struct scene){.quick = json_pack("[s]", "quick")};
	scene.boards[0] = (struct queue_board){"a", "stm32", scene.quick, false};
	scene.boards[1] = (struct queue_board){"b", "stm32", NULL, false};
	scene.boards[2] = (struct queue_board){"c", "esp32", scene.quick, false};
	*state = &scene;
	return 0;
}

static int tear_down(void **state)
{
	struct scene *scene = *state;

	for (size_t i = 0; i < N_RUNS; i++)
		json_decref((json_t *)scene->runs[i].words);
	json_decref(scene->quick);
	return 0;
}

/* The run `i` waits, came `came`th, and asks for `words`, with spaces between them. */
static void ask(struct scene *scene, size_t i, unsigned long came, const char *words)
{
	char *copy = strdup(words), *rest = copy, *word;
	json_t *list = json_array();

	while ((word = strsep(&rest, " ")) != NULL)
		json_array_append_new(list, json_string(word));
	scene->runs[i] = (struct queue_run){.words = list, .came = came, .waits = true};
	free(copy);
}

static size_t next(struct scene *scene)
{
	return queue_next(scene->runs, N_RUNS, scene->boards, N_BOARDS, scene->chosen);
}

static void check_refused(struct scene *scene, const char *words, const char *why)
{
	struct error error = {0};

	ask(scene, 0, 1, words);
	assert_int_equal(
		queue_check(scene->boards, N_BOARDS, scene->runs[0].words, &error), ERR_INPUT);
	if (strstr(error.text, why) == NULL)
		fail_msg("%s", error.text);
	json_decref((json_t *)scene->runs[0].words);
	scene->runs[0].words = NULL;
}

static void a_board_is_asked_for_by_name_type_or_tag(void **state)
{
	struct scene *scene = *state;

	ask(scene, 0, 1, "type:stm32 tag:quick a");
	assert_int_equal(next(scene), 0);
	assert_int_equal(scene->chosen[0], 1); /* "a" is wanted by its name */
	assert_int_equal(scene->chosen[1], 2);
	assert_int_equal(scene->chosen[2], 0);
}

static void what_no_board_is_and_what_is_too_much_is_refused(void **state)
{
	check_refused(*state, "d", "unknown board of this lab \"d\"");
	check_refused(*state, "type:avr", "unknown board of this lab \"type:avr\"");
	check_refused(*state, "type:stm32 type:stm32 type:stm32", "not enough boards");
	check_refused(*state, "a a", "none is left for \"a\"");
}

static void users_take_turns(void **state)
{
	struct scene *scene = *state;

	ask(scene, 0, 1, "a");
	ask(scene, 1, 2, "a");
	ask(scene, 2, 3, "a");
	scene->runs[0].served = scene->runs[1].served = 5;
	assert_int_equal(next(scene), 2);
	scene->runs[2].served = 6;
	assert_int_equal(next(scene), 0);
}

static void a_run_that_waits_for_one_board_keeps_the_others(void **state)
{
	struct scene *scene = *state;

	scene->boards[0].busy = true;
	ask(scene, 0, 1, "a b");
	ask(scene, 1, 2, "b");
	assert_int_equal(next(scene), N_RUNS);
	ask(scene, 2, 3, "c"); /* but none that it cannot use */
	assert_int_equal(next(scene), 2);
	scene->boards[0].busy = false;
	assert_int_equal(next(scene), 0);
}

static void boards_that_somebody_waits_for_are_known(void **state)
{
	struct scene *scene = *state;
	const bool a[] = {true, false, false}, c[] = {false, false, true};

	ask(scene, 0, 1, "type:stm32");
	assert_true(queue_wants_any(scene->runs, N_RUNS, scene->boards, N_BOARDS, a));
	assert_false(queue_wants_any(scene->runs, N_RUNS, scene->boards, N_BOARDS, c));
	scene->runs[0].waits = false;
	assert_false(queue_wants_any(scene->runs, N_RUNS, scene->boards, N_BOARDS, a));
}

#define IN_SCENE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

/* What a run with `words` calls its boards, which are the scene's in this order. */
static char *name_them(struct scene *scene, const char *words, const size_t chosen[])
{
	json_t *names;
	char *told;

	ask(scene, 0, 1, words);
	names = queue_names(scene->runs[0].words, scene->boards, chosen);
	told = json_dumps(names, JSON_COMPACT);
	json_decref(names);
	return told;
}

static void boards_asked_for_by_type_are_called_by_it(void **state)
{
	struct scene *scene = *state;
	const size_t in_order[] = {0, 1, 2};
	char *told = name_them(scene, "type:stm32 b tag:quick", in_order);

	assert_string_equal(told, "[\"stm32\",\"b\",\"c\"]");
	free(told);
}

static void two_boards_of_a_type_have_names_of_their_own(void **state)
{
	struct scene *scene = *state;
	const size_t chosen[] = {1, 0, 2};
	char *told;

	scene->boards[2].name = "stm32";
	told = name_them(scene, "type:stm32 type:stm32 stm32", chosen);
	assert_string_equal(told, "[\"stm32-2\",\"stm32-3\",\"stm32\"]");
	free(told);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_SCENE(a_board_is_asked_for_by_name_type_or_tag),
		IN_SCENE(what_no_board_is_and_what_is_too_much_is_refused),
		IN_SCENE(users_take_turns),
		IN_SCENE(a_run_that_waits_for_one_board_keeps_the_others),
		IN_SCENE(boards_that_somebody_waits_for_are_known),
		IN_SCENE(boards_asked_for_by_type_are_called_by_it),
		IN_SCENE(two_boards_of_a_type_have_names_of_their_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
