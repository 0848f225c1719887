/* The console as input: whoever types there tells the program when to go on. */
#include "test.h"

void prepare_console(void) {
  static bool prepared;
  struct termios settings;
  if (prepared) return;
  prepared = true;
  /* What is typed is not to come between the lines that are printed. */
  if (control(0, TCGETS, &settings) < 0) return;
  settings.local &= ~TERMIOS_ECHO;
  control(0, TCSETS, &settings);
}

void read_line(char *line, u32 size) {
  const long length = read_file(0, line, size - 1);
  if (length <= 0) fail("the console gives no line: error %u", -length);
  line[length] = 0;
  if (line[length - 1] == '\n') line[length - 1] = 0;
}

/** echo: waits for a line on the console and prints it. */
void test_echo(const struct arguments *arguments) {
  char line[LINE_SIZE];
  (void)arguments;
  prepare_console();
  say("echo waits");
  read_line(line, sizeof line);
  say("echo %s", line);
}
