// The kernel starts the program with the stack as it should be and nothing else that this program wants.
  .globl _start
_start:
  mov x29, xzr
  mov x30, xzr
  bl main
  b .
