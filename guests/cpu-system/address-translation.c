/* AT and PAR_EL1. */
#include "cpu-system.h"

#define AT(operation, address)                                                                    \
  ({                                                                                              \
    __asm__ volatile("at " #operation ", %0; isb" ::"r"((u64)(address)) : "memory");              \
    READ(par_el1);                                                                                \
  })

/* A successful PAR_EL1 without the address: attributes, shareability, and whether the address was right. */
static void good(const char *name, u64 par, u64 page) {
  text(name);
  text((par & 0xfffffffff000ul) == page ? ": right page, attributes " : ": WRONG page, attributes ");
  hex(par & ~0xfffffffff000ul);
  text("\n");
}

void address_translation(void) {
  heading("AT and PAR_EL1");
  map_page(1, (u64)page_a | PAGE | NORMAL | PXN | UXN);
  map_page(2, (u64)page_b | PAGE | NORMAL | EL0 | READ_ONLY);
  map_page(3, (u64)page_b | PAGE | SHARED);
  map_page(4, 0x09000000ul | PAGE | AF | 1ul << 2 | PXN | UXN);
  map_page(5, 0);
  good("S1E1R of a page", AT(s1e1r, WINDOW + 0x1234), (u64)page_a);
  good("S1E1W of a page", AT(s1e1w, WINDOW + 0x1234), (u64)page_a);
  line("S1E0R of a page of EL1", AT(s1e0r, WINDOW + 0x1234));
  line("S1E0W of a page of EL1", AT(s1e0w, WINDOW + 0x1234));
  good("S1E1R of a read-only page", AT(s1e1r, WINDOW + 0x2000), (u64)page_b);
  line("S1E1W of a read-only page", AT(s1e1w, WINDOW + 0x2000));
  good("S1E0R of a read-only page", AT(s1e0r, WINDOW + 0x2000), (u64)page_b);
  line("S1E0W of a read-only page", AT(s1e0w, WINDOW + 0x2000));
  line("S1E1R without access flag", AT(s1e1r, WINDOW + 0x3000));
  good("S1E1R of a device", AT(s1e1r, WINDOW + 0x4000), 0x09000000ul);
  line("S1E1R of no page, level 3", AT(s1e1r, WINDOW + 0x5000));
  line("S1E1W of no page, level 3", AT(s1e1w, WINDOW + 0x5000));
  line("S1E1R of no block, level 2", AT(s1e1r, WINDOW_BLOCK));
  line("S1E1R of nothing, level 1", AT(s1e1r, WINDOW + 0x40000000ul));
  line("S1E1R of nothing, level 0", AT(s1e1r, 1ul << 39));
  good("S1E1R of a block", AT(s1e1r, 0x42345678ul), 0x42345000ul);
  WRITE(far_el1, 0x55);
  (void)AT(s1e1r, WINDOW_BLOCK);
  line("FAR_EL1 stays", READ(far_el1));
}
