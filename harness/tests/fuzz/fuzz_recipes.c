/* Recipes of certificates. */
#include "tests/fuzz/fuzz.h"

#include "peer/recipe.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct recipes recipes;
	struct error error = {0};
	char path[FUZZ_PATH_MAX];
	int fd = fuzz_file((struct bytes){data, size}, path);
	int rc = recipes_load(&recipes, path, &error);

	CHECK(rc == 0 || rc == ERR_INPUT);
	for (size_t i = 0; rc == 0 && i < recipes.n; i++)
		free(recipe_canonical(&recipes.list[i]));
	if (rc == 0)
		recipes_fini(&recipes);
	close(fd);
	return 0;
}
