/* What every part of the guest uses: the probe, the console, the page tables. */
#pragma once

typedef unsigned long u64;
typedef unsigned int u32;
typedef unsigned char u8;

/* What a probed snippet did. `vector` is -1 when it returned; x0 to x3 are as they were at the end or the exception. */
struct outcome {
  long vector;
  u64 esr, far, elr, spsr;
  u64 x[4];
};
extern struct outcome outcome;

/* A snippet: code on its own, entered with arguments in X0 to X2, that ends with RET. */
#define SNIPPET(name, body)                                                     \
  extern const u8 name[];                                                       \
  __asm__(".pushsection .text.snippets, \"ax\"\n.balign 64\n" #name ":\n" body \
          "\nret\n.popsection\n")

void probe(const u8 *snippet, u64 a, u64 b, u64 c);
void probe_return_to(const u8 *snippet, u64 a, u64 b, u64 c, u64 spsr, u64 sp);

enum { EL0t = 0, EL1t = 4, EL1h = 5 };

/* Run a snippet at EL1 or at EL0 and print the name and what came of it. */
void at_el1(const char *name, const u8 *snippet, u64 a, u64 b, u64 c);
void at_el0(const char *name, const u8 *snippet, u64 a, u64 b, u64 c);
void returning_to(const char *name, const u8 *snippet, u64 spsr);
/* Print the outcome of the last probe of this snippet. */
void show(const char *name, const u8 *snippet);

void text(const char *s);
void hex(u64 value);
void line(const char *name, u64 value);
void heading(const char *name);

#define READ(reg) ({ u64 v_; __asm__ volatile("mrs %0, " #reg : "=r"(v_)); v_; })
#define WRITE(reg, value) __asm__ volatile("msr " #reg ", %0; isb" ::"r"((u64)(value)) : "memory")

/* The identity mapping and the window of addresses whose descriptors the tests write. */
#define WINDOW 0x80000000ul
#define WINDOW_BLOCK (WINDOW + 0x200000ul)
#define UPPER 0xffff000000000000ul
extern u64 window_level1[512], window_level2[512], window_level3[512], upper_level0[512];
extern u64 level0[512];
extern u8 page_a[4096], page_b[4096], page_code[4096];
void mmu_on(void);
/* Sets page n of the window and drops what was cached of it. */
void map_page(int n, u64 descriptor);
void flush_tlb(void);

/* Descriptor bits, DDI 0487 D5.3. */
#define PAGE 3ul
#define BLOCK 1ul
#define AF (1ul << 10)
#define SHARED (3ul << 8)
#define EL0 (1ul << 6)
#define READ_ONLY (1ul << 7)
#define NOT_GLOBAL (1ul << 11)
#define PXN (1ul << 53)
#define UXN (1ul << 54)
#define NORMAL (AF | SHARED)

/* Asks random translations instead, if the host wants some; returns whether it did. */
int random_cases(void);

void exceptions(void);
void translation(void);
void address_translation(void);
void tlb_maintenance(void);
void state(void);
void code(void);
void timer(void);
