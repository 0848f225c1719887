/* As much of a flattened device tree (Devicetree Specification 0.4, chapter 5) as the command line needs. */
#include "device-tree.h"

#include "arm.h"

#define MAGIC 0xd00dfeed
#define LARGEST (2u << 20)
enum { BEGIN_NODE = 1, END_NODE, PROPERTY, NOP, END };

static u32 cell(const unsigned char *at) { return (u32)at[0] << 24 | at[1] << 16 | at[2] << 8 | at[3]; }

static bool equal(const char *one, const char *other) {
  while (*one && *one == *other) one++, other++;
  return *one == *other;
}

const char *device_tree_bootargs(const void *tree) {
  const unsigned char *bytes = tree;
  if (!tree || (u64)tree % 4 || cell(bytes) != MAGIC) return 0;
  const u32 size = cell(bytes + 4), structure = cell(bytes + 8), strings = cell(bytes + 12);
  if (size > LARGEST || structure >= size || strings >= size) return 0;
  u32 depth = 0;
  bool chosen = false;
  for (u32 at = structure; at + 12 <= size;) {
    const u32 token = cell(bytes + at);
    at += 4;
    if (token == BEGIN_NODE) {
      const char *name = (const char *)bytes + at;
      depth++;
      if (depth == 2) chosen = equal(name, "chosen");
      while (at < size && bytes[at]) at++;
      at = (at + 4) & ~3u;
    } else if (token == END_NODE) {
      depth--;
    } else if (token == PROPERTY) {
      const u32 length = cell(bytes + at), name = cell(bytes + at + 4);
      at += 8;
      if (length > size - at || name >= size - strings) return 0;
      if (chosen && depth == 2 && length && !bytes[at + length - 1] && equal((const char *)bytes + strings + name, "bootargs"))
        return (const char *)bytes + at;
      at = (at + length + 3) & ~3u;
    } else if (token != NOP) {
      return 0;
    }
  }
  return 0;
}
