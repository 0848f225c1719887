/* The block device and the random number generator. */
#include "test.h"

#define BLOCK (4 * KIBIBYTE)
#define PATIENCE (5 * SECOND)
#define NOTHING_CHANGES (10 * MILLISECOND)

static u8 written[BLOCK] __attribute__((aligned(BLOCK)));
static u8 found[BLOCK] __attribute__((aligned(BLOCK)));

static long open_device(const char *path, int flags) {
  const u64 until = now() + PATIENCE;
  long fd;
  while ((fd = open_file(path, flags)) < 0) {
    if (now() >= until) fail("%s cannot be opened: error %u", path, -fd);
    wait_for_input(-1, now() + NOTHING_CHANGES);
  }
  return fd;
}

/** What the test writes to a block: the same for the same number, different for every other. */
static void fill(u64 number) {
  u64 value = number * 0x9e3779b97f4a7c15 + 1, *words = (u64 *)written;
  for (u32 i = 0; i < BLOCK / sizeof *words; i++) {
    value ^= value << 13;
    value ^= value >> 7;
    value ^= value << 17;
    words[i] = value;
  }
}

/** block[:COUNT]: writes COUNT blocks of 4 KiB to /dev/vda past all caches (64 unless told), and reads them back from the last. */
void test_block(const struct arguments *arguments) {
  const u64 count = number_argument(arguments, 0, 64, 1, 1000000);
  const u64 begin = now();
  const long fd = open_device("/dev/vda", O_RDWR | O_DIRECT);
  for (u64 number = 0; number < count; number++) {
    fill(number);
    const long result = call(SYS_PWRITE64, fd, (long)written, BLOCK, (long)(number * BLOCK), 0, 0);
    if (result != BLOCK) fail("block %u cannot be written: %s %u", number, result < 0 ? "error" : "bytes", result < 0 ? -result : result);
  }
  const long synced = call(SYS_FSYNC, fd, 0, 0, 0, 0, 0);
  if (synced < 0) fail("fsync fails with error %u", -synced);
  say("block written=%u time=%t", count, now() - begin);
  for (u64 number = count; number-- > 0;) {
    fill(number);
    const long result = call(SYS_PREAD64, fd, (long)found, BLOCK, (long)(number * BLOCK), 0, 0);
    if (result != BLOCK) fail("block %u cannot be read: %s %u", number, result < 0 ? "error" : "bytes", result < 0 ? -result : result);
    for (u32 i = 0; i < BLOCK; i++)
      if (found[i] != written[i]) fail("byte %u of block %u is %x, not %x", (u64)i, number, (u64)found[i], (u64)written[i]);
  }
  say("block verified=%u time=%t", count, now() - begin);
  close_file(fd);
}

/** random[:BYTES]: reads bytes of /dev/hwrng, 64 unless told; some must be others than the first. */
void test_random(const struct arguments *arguments) {
  const u64 count = number_argument(arguments, 0, 64, 16, BLOCK);
  const long fd = open_device("/dev/hwrng", O_RDONLY);
  u64 total = 0;
  u32 other = 0;
  while (total < count) {
    const long length = read_file(fd, found + total, count - total);
    if (length <= 0) fail("/dev/hwrng cannot be read: error %u", -length);
    total += length;
  }
  for (u64 i = 1; i < total; i++) other += found[i] != found[0];
  say("random bytes=%u crc=%c", total, (u64)crc32(0, found, total));
  if (other == 0) fail("all bytes are the same");
  close_file(fd);
}
