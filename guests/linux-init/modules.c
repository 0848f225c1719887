/* Kernel modules, as the initial RAM disk has them: /modules/order names them, one a line, in the order to load them. */
#include "test.h"

static bool loaded;

static void load(const char *name) {
  char path[128];
  const char *const folder = "/modules/", *const suffix = ".ko";
  const u64 length = length_of(name);
  if (length + 13 > sizeof path) fail("the module %s has too long a name", name);
  memcpy(path, folder, 9);
  memcpy(path + 9, name, length);
  memcpy(path + 9 + length, suffix, 4);
  const long fd = open_file(path, O_RDONLY);
  if (fd < 0) fail("%s cannot be opened: error %u", path, -fd);
  const long result = call(SYS_FINIT_MODULE, fd, (long)"", 0, 0, 0, 0);
  if (result < 0 && result != -EEXIST) fail("the kernel does not take the module %s: error %u", name, -result);
  close_file(fd);
}

void load_modules(void) {
  static char order[4 * KIBIBYTE];
  if (loaded) return;
  loaded = true;
  if (read_text("/modules/order", order, sizeof order) < 0) return; /* the kernel may have all of it built in */
  for (char *rest = order; *rest;) {
    char *name = rest;
    while (*rest && *rest != '\n') rest++;
    if (*rest) *rest++ = 0;
    if (*name) load(name);
  }
}

/** modules: loads them, which the tests of devices do by themselves. */
void test_modules(const struct arguments *arguments) {
  (void)arguments;
  say("modules time=%t", now());
}
