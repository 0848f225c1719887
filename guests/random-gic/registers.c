#include "registers.h"

#include "../interrupts/board.h"
#include "trace.h"

#define CPU_INTERFACE 0x08010000ul
#define V2M_FRAME 0x08020000ul
#define REDISTRIBUTOR_SIZE 0x20000ul
#define SGI_BASE 0x10000ul

#define FRAME_ROW(name_, frame_, offset_, bytes_, count_, version_) \
  [name_] = {.offset = offset_, .frame = frame_, .bytes = bytes_, .count = count_, .version = version_, .name = #name_},
#define SYSTEM_ROW(name_, encoding_, version_) \
  [name_] = {.frame = SYSTEM, .bytes = 8, .count = 1, .version = version_, .name = #name_},
const struct register_description registers[REGISTERS] = {
  READABLE(FRAME_ROW) OTHER(FRAME_ROW) SYSTEM_READABLE(SYSTEM_ROW) SYSTEM_OTHER(SYSTEM_ROW)
};

u64 hidden[REGISTERS];
u32 gic_version;

static u64 read_system(enum register_name name) {
  isb();
  switch (name) {
#define READ_CASE(name_, encoding_, version_) case name_: return read_register(encoding_);
    SYSTEM_READABLE(READ_CASE) SYSTEM_OTHER(READ_CASE)
    default: return 0;
  }
}

static void write_system(enum register_name name, u64 value) {
  dsb();
  switch (name) {
#define WRITE_CASE(name_, encoding_, version_) case name_: write_register(encoding_, value); break;
    SYSTEM_READABLE(WRITE_CASE) SYSTEM_OTHER(WRITE_CASE)
    default: break;
  }
  isb();
  dsb();
}

static u64 address_of(enum register_name name, u32 owner) {
  const u64 offset = registers[name].offset;
  switch (registers[name].frame) {
    case GICD: return DISTRIBUTOR + offset;
    case GICR: return REDISTRIBUTORS + owner * REDISTRIBUTOR_SIZE + offset;
    case SGI: return REDISTRIBUTORS + owner * REDISTRIBUTOR_SIZE + SGI_BASE + offset;
    case GICC: return CPU_INTERFACE + offset;
    case V2M: return V2M_FRAME + offset;
    default: return UART + offset;
  }
}

u64 in(enum register_name name, u32 index, u32 owner) {
  const struct register_description *r = &registers[name];
  u64 value;
  if (r->frame == SYSTEM) value = read_system(name);
  else if (r->bytes == 8) value = read64(address_of(name, owner) + index * 8);
  else value = read32(address_of(name, owner) + index * 4);
  trace_access(name, index, owner, TRACE_READ, value & ~hidden[name]);
  return value;
}

void out(enum register_name name, u32 index, u32 owner, u64 value) {
  const struct register_description *r = &registers[name];
  trace_access(name, index, owner, TRACE_WRITE, value);
  if (r->frame == SYSTEM) {
    write_system(name, value);
    return;
  }
  if (r->bytes == 8) write64(address_of(name, owner) + index * 8, value);
  else write32(address_of(name, owner) + index * 4, value);
  dsb();
}

u32 in_byte(enum register_name name, u32 index, u32 owner) {
  const u32 value = read8(address_of(name, owner) + index);
  trace_access(name, index, owner, TRACE_READ_BYTE, value & ~(hidden[name] >> index % 4 * 8));
  return value;
}

void out_byte(enum register_name name, u32 index, u32 owner, u32 value) {
  trace_access(name, index, owner, TRACE_WRITE_BYTE, value);
  write8(address_of(name, owner) + index, value);
  dsb();
}
