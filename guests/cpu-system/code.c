/* Code that changes: written in place, through an alias, and remapped. */
#include "cpu-system.h"

#define RETURN(value) (0xd2800000u | (value) << 5), 0xd65f03c0u /* MOV X0, #value; RET */

static void write_code(volatile u32 *at, u32 value, u64 executed_at) {
  const u32 words[] = {RETURN(value)};
  at[0] = words[0];
  at[1] = words[1];
  __asm__ volatile("dc cvau, %0; dsb ish; ic ivau, %1; dsb ish; isb" ::"r"(at), "r"(executed_at) : "memory");
}

SNIPPET(patch_itself, "adr x1, 1f; ldr w2, [x1, #8]; str w2, [x1]; dc cvau, x1; dsb ish; ic ivau, x1; dsb ish; isb; "
                      "1: mov x0, #1; ret; mov x0, #2");

static u64 call(u64 at) { return ((u64(*)(void))at)(); }

void code(void) {
  u64 window = WINDOW + 0x1000;
  u32 *in_window = (u32 *)window;
  heading("code that changes");
  map_page(1, (u64)page_code | PAGE | NORMAL);
  write_code(in_window, 1, window);
  line("written", call(window));
  write_code(in_window, 2, window);
  line("written again", call(window));
  for (u32 n = 3; n < 40; n++) {
    write_code(in_window, n, window);
    if (call(window) != n) line("stale after", n);
  }
  write_code((u32 *)page_code, 50, window);
  line("written through another address", call(window));
  write_code(in_window + 1000, 60, window + 4000);
  line("elsewhere in the page", call(window + 4000));
  line("and the first is still there", call(window));
  map_page(1, (u64)page_a | PAGE | NORMAL);
  write_code(in_window, 70, window);
  line("another page at the address", call(window));
  map_page(1, (u64)page_code | PAGE | NORMAL);
  line("the first page again", call(window));
  /* The snippet's own text is read-only: run a copy. */
  for (int i = 0; i < 16; i++) ((volatile u32 *)page_code)[i] = ((const u32 *)patch_itself)[i];
  __asm__ volatile("dsb ish; ic iallu; dsb ish; isb" ::: "memory");
  line("patched ahead of itself", call(window));
  line("and stays so", call(window));
  /* A function that runs on from one page into the next. */
  map_page(2, (u64)page_b | PAGE | NORMAL);
  map_page(1, (u64)page_code | PAGE | NORMAL);
  *(volatile u32 *)(window + 0xffc) = 0xd2800000u | 80u << 5;
  *(volatile u32 *)(window + 0x1000) = 0x91000400u; /* ADD X0, X0, #1 */
  *(volatile u32 *)(window + 0x1004) = 0xd65f03c0u;
  __asm__ volatile("dsb ish; ic iallu; dsb ish; isb" ::: "memory");
  line("across two pages", call(window + 0xffc));
  map_page(2, (u64)page_a | PAGE | NORMAL);
  *(volatile u32 *)(window + 0x1000) = 0x91002800u; /* ADD X0, X0, #10 */
  *(volatile u32 *)(window + 0x1004) = 0xd65f03c0u;
  __asm__ volatile("dsb ish; ic iallu; dsb ish; isb" ::: "memory");
  line("across two pages, the second another", call(window + 0xffc));
  map_page(1, 0);
  map_page(2, 0);
}
