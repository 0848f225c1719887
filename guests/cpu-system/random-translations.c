/*
 * Random translations: for each case a walk of random descriptors for one address of the upper half, with random TCR_EL1
 * fields, asked by AT and by loads, stores and fetches of both exception levels. A line is a hash of all the answers, or the
 * answers themselves for the one case that `random_translations.full` names.
 */
#include "cpu-system.h"

/* The host writes these into the image: how many cases (0: the fixed questions are asked), the seed, and the case to show. */
struct {
  u32 magic, count, seed, full;
} random_translations __attribute__((section(".data.header"))) = {0x7a7a1e57, 0, 1, ~0u};

SNIPPET(load_at, "ldr x0, [x0]");
SNIPPET(store_at, "str x1, [x0]");
SNIPPET(load_unprivileged_at, "ldtr x0, [x0]");
SNIPPET(store_unprivileged_at, "sttr x1, [x0]");
SNIPPET(jump_to, "br x0");
SNIPPET(ask_s1e1r, "at s1e1r, x0; isb; mrs x0, par_el1");
SNIPPET(ask_s1e1w, "at s1e1w, x0; isb; mrs x0, par_el1");
SNIPPET(ask_s1e0r, "at s1e0r, x0; isb; mrs x0, par_el1");
SNIPPET(ask_s1e0w, "at s1e0w, x0; isb; mrs x0, par_el1");

#define BASE_TCR (READ(tcr_el1) & 0xffff)

static u64 tables[4][512] __attribute__((aligned(4096)));
static u64 generator, hash;
static int full;

static u32 random(u32 limit) {
  generator = generator * 0x5851f42d4c957f2dul + 0x14057b7ef767814ful;
  return (u32)(((generator >> 32) * limit) >> 32);
}

static void answer(const char *name, u64 value) {
  hash = (hash ^ value) * 0x9e3779b97f4a7c15ul;
  hash ^= hash >> 32;
  if (full) line(name, value);
}

static void probed(const char *name) {
  if (full) text(name), text("\n");
  answer("  vector", (u64)outcome.vector);
  if (outcome.vector < 0) {
    answer("  x0", outcome.x[0]);
    return;
  }
  answer("  ESR", outcome.esr);
  u64 class = outcome.esr >> 26;
  if (class == 0x20 || class == 0x21 || class == 0x24 || class == 0x25) answer("  FAR", outcome.far);
}

static void el1(const char *name, const u8 *snippet, u64 at) {
  probe(snippet, at, 0x1234, 0);
  probed(name);
}

static void el0(const char *name, const u8 *snippet, u64 at) {
  probe_return_to(snippet, at, 0x1234, 0, EL0t, 0);
  if (outcome.vector == 8 && outcome.esr == 0x560000f1) outcome.vector = -1;
  probed(name);
}

/* AT takes an external abort on the walk as an exception; everything else is in PAR_EL1. */
static void translated(const char *name, const u8 *snippet, u64 at) {
  probe(snippet, at, 0, 0);
  /* Shareability is left out: QEMU 7.2 reports it as in the descriptor, also for Device memory. */
  if (outcome.vector < 0 && !(outcome.x[0] & 1)) outcome.x[0] &= ~(3ul << 7);
  probed(name);
}

/* Attributes of a leaf: AttrIndx, AP, SH, AF, nG, the contiguous hint, PXN, UXN, and the bits that hardware ignores. */
static u64 leaf(void) {
  u64 bits = (u64)random(3) << 2 | (u64)random(4) << 6 | (u64)random(4) << 8;
  if (random(8)) bits |= AF;
  if (random(4) == 0) bits |= NOT_GLOBAL;
  if (random(3) == 0) bits |= PXN;
  if (random(3) == 0) bits |= UXN;
  if (random(8) == 0) bits |= (u64)random(16) << 55;
  return bits;
}

/* A bit too high for RAM. Not bit 39: what QEMU's board has there answers loads. */
static u64 high_bit(void) {
  u32 bit = 32 + random(15);
  return 1ul << (bit >= 39 ? bit + 1 : bit);
}

/* Output addresses: where the code page is, seen from this level; now and then beyond what IPS allows or where nothing is. */
static u64 output(int level) {
  u64 address = level == 3 ? (u64)page_code : 0x40000000ul;
  if (random(24) == 0) address |= high_bit();
  if (random(40) == 0) address = 0x70000000ul & (level == 1 ? ~0x3ffffffful : ~0ul);
  return address;
}

static u64 descriptor(int level) {
  u32 kind = random(16);
  if (kind == 0) return (u64)random(2) << 1 | (u64)random(0x7fffffff) << 12; /* invalid whatever the rest */
  if (level == 3) return output(3) | (kind == 1 ? 1 : 3) | leaf();
  /* At level 0 a block is reserved, but QEMU 7.2 takes it. */
  if (kind < 5 && level > 0) return output(level) | BLOCK | leaf();
  u64 table = (u64)tables[level + 1] | 3;
  if (random(24) == 0) table |= high_bit();
  if (random(4) == 0) table |= (u64)random(32) << 59; /* PXNTable, UXNTable, APTable, NSTable */
  return table;
}

static void one_case(void) {
  u64 size = 16 + random(24); /* T1SZ */
  u64 tcr = BASE_TCR | size << 16 | 2ul << 30 | 3ul << 28 | 5ul << 24 | (u64)random(3) << 32 | 1ul << 36;
  if (random(3) == 0) tcr |= 1ul << 38; /* TBI1 */
  if (random(24) == 0) tcr |= 1ul << 23; /* EPD1 */
  int start = size < 25 ? 0 : size < 34 ? 1 : 2;
  /* Any address of the half whose page, seen through a block at any level, is the page of code; or any at all. */
  u64 at = (u64)random(0x7fffffff) << 30 | ((u64)page_code & 0x3fffffff) | ((u64)random(510) << 3);
  at |= ~0ul << (64 - size);
  if (random(12) == 0) at ^= 1ul << (64 - size + random(size - 8));
  if (random(4) == 0) at = (at & ~(0xfful << 56)) | (u64)random(256) << 56;
  u64 fetch = at & ~3ul;
  u64 ttbr = (u64)tables[start];
  if (random(32) == 0) ttbr |= high_bit();

  for (int level = start; level <= 3; level++) {
    int index = (at >> (39 - 9 * level)) & 511;
    /* The first table of a smaller space has fewer entries. */
    if (level == start) index &= (1 << (64 - size - (39 - 9 * level))) - 1;
    tables[level][index] = descriptor(level);
    if (full) line("descriptor", tables[level][index]);
  }
  if (full) line("TCR_EL1", tcr), line("TTBR1_EL1", ttbr), line("address", at);
  u64 sctlr = READ(sctlr_el1);
  WRITE(ttbr1_el1, ttbr);
  WRITE(tcr_el1, tcr);
  /* WXN would take the execute permission of nothing that the guest itself runs: that is read-only. */
  if (random(4) == 0) WRITE(sctlr_el1, sctlr | 1ul << 19);
  flush_tlb();
  ((volatile u64 *)page_code)[0] = 0xd65f03c0d28000a0ul; /* MOV X0, #5; RET, wherever in the page */
  for (int i = 1; i < 512; i++) ((volatile u64 *)page_code)[i] = 0xd65f03c0d65f03c0ul;
  __asm__ volatile("dsb ish; ic iallu; dsb ish; isb" ::: "memory");
  translated("S1E1R", ask_s1e1r, at);
  translated("S1E1W", ask_s1e1w, at);
  translated("S1E0R", ask_s1e0r, at);
  translated("S1E0W", ask_s1e0w, at);
  el1("EL1 fetch", jump_to, fetch);
  el0("EL0 fetch", jump_to, fetch);
  el1("EL1 load", load_at, at);
  el0("EL0 load", load_at, at);
  el1("LDTR", load_unprivileged_at, at);
  el1("EL1 store", store_at, at);
  el0("EL0 store", store_at, at);
  el1("STTR", store_unprivileged_at, at);
  WRITE(sctlr_el1, sctlr);
  flush_tlb();
}

int random_cases(void) {
  if (!random_translations.count) return 0;
  u64 tcr = READ(tcr_el1), ttbr1 = READ(ttbr1_el1);
  WRITE(mair_el1, 0x4400ff);
  generator = random_translations.seed;
  for (u32 n = 0; n < random_translations.count; n++) {
    hash = 1;
    full = n == random_translations.full;
    one_case();
    if (!full && random_translations.full == ~0u) {
      hex(hash >> 32);
      text("\n");
    }
  }
  WRITE(tcr_el1, tcr);
  WRITE(ttbr1_el1, ttbr1);
  flush_tlb();
  return 1;
}
