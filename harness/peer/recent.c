#include "peer/recent.h"

#include <string.h>

bool recent_is(const struct recent *slot, const char *name)
{
	return slot->name != NULL && strcmp(slot->name, name) == 0;
}

size_t recent_find(const struct recent slots[], size_t n, const char *name)
{
	size_t oldest = 0;

	for (size_t i = 0; i < n; i++) {
		if (recent_is(&slots[i], name))
			return i;
		if (slots[i].asked < slots[oldest].asked)
			oldest = i;
	}
	return oldest;
}
