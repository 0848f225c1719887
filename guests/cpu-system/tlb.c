/* A changed descriptor is seen after the TLBI that names it, for each form of TLBI and with ASIDs. */
#include "cpu-system.h"

static u64 peek(u64 at) { return *(volatile u64 *)at; }

/* Maps page 1 of the window to page_a, reads it, maps it to page_b. */
static void change(u64 attributes) {
  map_page(1, (u64)page_a | PAGE | NORMAL | PXN | UXN | attributes);
  peek(WINDOW + 0x1000);
  *(volatile u64 *)&window_level3[1] = 0;
  __asm__ volatile("dsb ish" ::: "memory");
}

static void changed(void) {
  *(volatile u64 *)&window_level3[1] = (u64)page_b | PAGE | NORMAL | PXN | UXN;
  __asm__ volatile("dsb ish; isb" ::: "memory");
}

#define SEEN_AFTER(name, attributes, operation, argument)                                                        \
  do {                                                                                                            \
    change(attributes);                                                                                           \
    __asm__ volatile("dsb ish; tlbi " #operation ", %0; dsb ish; isb" ::"r"((u64)(argument)) : "memory");         \
    changed();                                                                                                    \
    line(name, peek(WINDOW + 0x1000));                                                                            \
  } while (0)

void tlb_maintenance(void) {
  u64 page = (WINDOW + 0x1000) >> 12;
  u64 ttbr0 = READ(ttbr0_el1);
  heading("TLB maintenance");
  *(u64 *)page_a = 0xa;
  *(u64 *)page_b = 0xb;
  SEEN_AFTER("VAE1", 0, vae1, page);
  SEEN_AFTER("VAAE1", 0, vaae1, page);
  SEEN_AFTER("VALE1", 0, vale1, page);
  SEEN_AFTER("VAALE1", 0, vaale1, page);
  SEEN_AFTER("VAE1IS", 0, vae1is, page);
  SEEN_AFTER("VAAE1IS", 0, vaae1is, page);
  SEEN_AFTER("VALE1IS", 0, vale1is, page);
  SEEN_AFTER("VAALE1IS", 0, vaale1is, page);
  change(0);
  __asm__ volatile("dsb ish; tlbi vmalle1is; dsb ish; isb" ::: "memory");
  changed();
  line("VMALLE1IS", peek(WINDOW + 0x1000));
  change(0);
  flush_tlb();
  changed();
  line("VMALLE1", peek(WINDOW + 0x1000));

  WRITE(ttbr0_el1, ttbr0 | 5ul << 48);
  SEEN_AFTER("ASIDE1", NOT_GLOBAL, aside1, 5ul << 48);
  SEEN_AFTER("ASIDE1IS", NOT_GLOBAL, aside1is, 5ul << 48);
  SEEN_AFTER("VAE1 with an ASID", NOT_GLOBAL, vae1, page | 5ul << 48);

  heading("ASIDs");
  map_page(1, (u64)page_a | PAGE | NORMAL | PXN | UXN | NOT_GLOBAL);
  line("page of ASID 5", peek(WINDOW + 0x1000));
  WRITE(ttbr0_el1, ttbr0 | 6ul << 48);
  *(volatile u64 *)&window_level3[1] = (u64)page_b | PAGE | NORMAL | PXN | UXN | NOT_GLOBAL;
  __asm__ volatile("dsb ish; isb" ::: "memory");
  line("another page of ASID 6, no TLBI", peek(WINDOW + 0x1000));
  WRITE(ttbr0_el1, ttbr0 | 0x105ul << 48);
  line("ASID 0x105 is not ASID 5", peek(WINDOW + 0x1000));
  WRITE(ttbr0_el1, ttbr0);
  flush_tlb();
  map_page(1, 0);
}
