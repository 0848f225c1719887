#include "its.h"

#define ITS 0x08080000ul
#define GITS_CTLR (ITS + 0x0000)
#define GITS_CTLR_ENABLED (1u << 0)
#define GITS_CTLR_QUIESCENT (1u << 31)
#define GITS_TYPER (ITS + 0x0008)
#define GITS_TYPER_PTA (1ul << 19)
#define GITS_CBASER (ITS + 0x0080)
#define GITS_CWRITER (ITS + 0x0088)
#define GITS_CREADR (ITS + 0x0090)
#define GITS_BASER (ITS + 0x0100)
#define VALID (1ul << 63)
#define BASER_INDIRECT (1ul << 62)
#define BASER_PAGE_64K (2ul << 8)
#define BASER_PAGE_MASK (3ul << 8)
/* Inner Write-back Read-allocate Write-allocate, Inner Shareable; the same fields in GITS_CBASER and GITS_BASER<n>. */
#define CACHEABLE (7ul << 59 | 1ul << 10)
#define TYPE_DEVICE 1
#define TYPE_COLLECTION 4

#define PAGE 0x10000
#define QUEUE_SIZE 0x1000
#define LEVEL_2_PAGES 2
#define EVENT_BITS 6
#define LARGEST_ENTRY 16

enum { MOVI = 0x01, INT = 0x03, CLEAR, SYNC, MAPD = 0x08, MAPC, MAPTI, INV = 0x0c, INVALL, MOVALL, DISCARD };

struct command {
  u64 words[4];
};

static uint8_t device_table[PAGE] __attribute__((aligned(PAGE)));
static u64 first_level[PAGE / 8] __attribute__((aligned(PAGE)));
static uint8_t second_level[LEVEL_2_PAGES][PAGE] __attribute__((aligned(PAGE)));
static uint8_t collection_table[PAGE] __attribute__((aligned(PAGE)));
static struct command queue[QUEUE_SIZE / sizeof(struct command)] __attribute__((aligned(PAGE)));
static uint8_t itts[MAX_CHANNELS][LARGEST_ENTRY << EVENT_BITS] __attribute__((aligned(256)));

static u32 is_indirect;
static u32 queue_lock;
static u32 write_offset;

u32 its_device_id(u32 channel) {
  static const uint16_t flat[MAX_CHANNELS] = {0, 1, 0x1fff, 0x123, 7, 0x80, 0x1000, 0x42};
  static const uint16_t indirect[MAX_CHANNELS] = {0x2000, 0, 0x1fff, 0x3abc, 1, 0x2001, 0x3fff, 0x10};
  return is_indirect ? indirect[channel] : flat[channel];
}

/* A table for GITS_BASER<n> of a type; returns the bytes of an entry. */
static u32 set_table(struct vcpu *v, u32 type, const void *table, bool indirect) {
  for (u64 address = GITS_BASER; address < GITS_BASER + 0x40; address += 8) {
    const u64 before = read64(address);
    if ((before >> 56 & 7) != type) continue;
    const u32 entry = (before >> 48 & 0x1f) + 1;
    write64(address, VALID | (indirect ? BASER_INDIRECT : 0) | CACHEABLE | (u64)table | BASER_PAGE_64K);
    const u64 after = read64(address);
    expect(v, "GITS_BASER: pages of 64 KiB", type, BASER_PAGE_64K, after & BASER_PAGE_MASK);
    expect(v, "GITS_BASER.Indirect", type, indirect, after >> 62 & 1);
    return entry;
  }
  report_error(v, &v->wrong, "there is no GITS_BASER for this type of table", type, 1, 0);
  return 8;
}

void its_set_device_table(struct vcpu *v, bool indirect) {
  is_indirect = indirect;
  const u32 entry = set_table(v, TYPE_DEVICE, indirect ? (void *)first_level : (void *)device_table, indirect);
  for (u32 c = 0; indirect && c < channel_count; c++) {
    const u32 page = its_device_id(c) / (PAGE / entry);
    if (page >= LEVEL_2_PAGES) report_error(v, &v->wrong, "a DeviceID is beyond the second level", c, 0, page);
    else first_level[page] = VALID | (u64)second_level[page];
  }
  dsb();
}

void its_enable(struct vcpu *v, bool on) {
  write32(GITS_CTLR, on ? GITS_CTLR_ENABLED : 0);
  dsb();
  if (on) expect(v, "GITS_CTLR.Enabled does not stay set", 0, 1, read32(GITS_CTLR) & GITS_CTLR_ENABLED);
}

void its_init(struct vcpu *v) {
  expect(v, "GITS_CTLR.Quiescent after reset", 0, 1, read32(GITS_CTLR) >> 31);
  const u32 entry = (read64(GITS_TYPER) >> 4 & 0xf) + 1;
  expect(v, "GITS_TYPER.ITT_entry_size is too large", 0, 1, entry <= LARGEST_ENTRY);
  its_set_device_table(v, false);
  set_table(v, TYPE_COLLECTION, collection_table, false);
  write64(GITS_CBASER, VALID | CACHEABLE | (u64)queue | (QUEUE_SIZE / 0x1000 - 1));
  write64(GITS_CWRITER, 0);
  write_offset = 0;
  its_enable(v, true);
}

/* RDbase as commands have it: a processor number, or the address of RD_base. */
static u64 target_of(u32 vcpu) {
  if (read64(GITS_TYPER) & GITS_TYPER_PTA) return vcpus[vcpu].redistributor;
  return (u64)vcpus[vcpu].number << 16;
}

static u64 device_word(u32 opcode, u32 channel) { return (u64)its_device_id(channel) << 32 | opcode; }

/* Puts commands into the queue; all vCPUs share it. Interrupts may come meanwhile: no handler needs the ITS. */
static void submit(struct vcpu *v, const struct command *commands, u32 count, bool wait) {
  spin_until(v, !__atomic_exchange_n(&queue_lock, 1, __ATOMIC_ACQUIRE), "the command queue stays locked", 0);
  for (u32 i = 0; i < count; i++) {
    const u32 next = (write_offset + sizeof(struct command)) % QUEUE_SIZE;
    spin_until(v, read64(GITS_CREADR) != next, "the command queue stays full", 0);
    queue[write_offset / sizeof(struct command)] = commands[i];
    write_offset = next;
  }
  dsb();
  write64(GITS_CWRITER, write_offset);
  if (wait) spin_until(v, (read64(GITS_CREADR) & 0xfffe0) == write_offset, "the ITS does not carry out its commands", 0);
  __atomic_store_n(&queue_lock, 0, __ATOMIC_RELEASE);
}

static void command(struct vcpu *v, u64 w0, u64 w1, u64 w2, u64 w3) {
  const struct command commands[] = {{{w0, w1, w2, w3}}, {{SYNC, 0, target_of(v->id), 0}}};
  submit(v, commands, 2, true);
}

void its_map_device(struct vcpu *v, u32 channel, bool valid) {
  command(v, device_word(MAPD, channel), EVENT_BITS - 1, (valid ? VALID : 0) | (u64)itts[channel], 0);
}
void its_map_collection(struct vcpu *v, u32 collection, u32 target) {
  command(v, MAPC, 0, VALID | target_of(target) | collection, 0);
}
void its_map(struct vcpu *v, u32 channel, u32 vector, u32 lpi, u32 collection) {
  command(v, device_word(MAPTI, channel), (u64)intid_of(lpi) << 32 | vector, collection, 0);
}
void its_discard(struct vcpu *v, u32 channel, u32 vector) { command(v, device_word(DISCARD, channel), vector, 0, 0); }
void its_move(struct vcpu *v, u32 channel, u32 vector, u32 collection) {
  command(v, device_word(MOVI, channel), vector, collection, 0);
}
void its_move_all(struct vcpu *v, u32 from, u32 to) { command(v, MOVALL, 0, target_of(from), target_of(to)); }
void its_invalidate(struct vcpu *v, u32 channel, u32 vector) { command(v, device_word(INV, channel), vector, 0, 0); }
void its_invalidate_all(struct vcpu *v, u32 collection) { command(v, INVALL, 0, collection, 0); }
void its_int(struct vcpu *v, u32 channel, u32 vector) { command(v, device_word(INT, channel), vector, 0, 0); }
void its_clear(struct vcpu *v, u32 channel, u32 vector) { command(v, device_word(CLEAR, channel), vector, 0, 0); }
void its_queue_int(struct vcpu *v, u32 channel, u32 vector) {
  const struct command one = {{device_word(INT, channel), vector, 0, 0}};
  submit(v, &one, 1, false);
}
