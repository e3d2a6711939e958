/* stacks.c: the stacks of a program. The build lists them: STACK(mbedtls) STACK(netx). */
#include "firmware/virtual_board.h"

#define STACK(name) extern const struct stack stack_##name;
STACK_LIST
#undef STACK

#define STACK(name) &stack_##name,
const struct stack *const STACKS[] = {STACK_LIST NULL};
#undef STACK
