/* stacks.c: the stacks of shakedown-board. */
#include "firmware/stack.h"

extern const struct stack stack_netx, stack_openssl, stack_mbedtls;

const struct stack *const STACKS[] = {&stack_netx, &stack_openssl, &stack_mbedtls, NULL};
